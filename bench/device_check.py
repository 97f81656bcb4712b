#!/usr/bin/env python3
"""Everything that needs a GPU, in one call: build, suites, compute-sanitizer, speed beside PyTorch and cuBLAS.

    make device-check [BUDGET=SECONDS] [OUT=FOLDER]        all of it
    make bench-gpu                                         build and speed alone

Needs a GPU with its driver, NVRTC, a C compiler, make and this Python; nothing is fetched.  What is missing beyond that
gives one row that says so.  Every step is a process with a time limit, so the whole ends within BUDGET seconds (480) even
when one hangs or crashes; the most important steps come first, and those that no time is left for are named.

Each row is written as soon as it is known to results.json (replaced as a whole, so that it is valid at any moment) in $OUT,
or in bench/results/<name of the GPU>/, and to log.txt beside it, which also has all that the steps printed:
    {"head": {the machine},
     "rows": [{"row": name, "ok": bool, "value": number or null, "unit": "", "seconds": s, "note": ""}]}
A row without a value was not measured; its note says why.  Exit code 0: build and suites passed.

For trying this without a GPU: --small (work that the stand-in of tests/gpu/emulator gets through), --suites "PROGRAM ...",
--steps "WORD ..." (only steps with one of the words in their name).
"""
import argparse
import concurrent.futures
import glob
import hashlib
import json
import os
import platform
import re
import select
import shutil
import signal
import subprocess
import sys
import threading
import time

START = time.monotonic()
RESERVE = 6                 # seconds kept back to stop what hangs and to write the end
LEAST = 3                   # with less time left than this a step is not begun
MOST_OUTPUT = 2000000       # bytes of one step that are kept
MODELS = (1, 132, 64, 264, 8)


def arguments():
    parser = argparse.ArgumentParser(description="Everything that needs a GPU, in one call.")
    parser.add_argument("--budget", type=float, default=float(os.environ.get("BUDGET") or 480))
    parser.add_argument("--bench", action="store_true", help="build and speed alone")
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--suites")
    parser.add_argument("--steps", default="")
    return parser.parse_args()


def words_of(command, limit=10):
    """What a command prints, or "" where it cannot be run."""
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              timeout=limit, text=True, errors="replace").stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


def first_line(text):
    return (text.splitlines() or [""])[0].strip()


# The driver's own name of GPU 0, in a process that may hang without harm.  It is asked before anything is built, because
# results go to a folder of that name.
NAME = """
import ctypes, os
cuda = ctypes.CDLL(os.environ.get("INDISEEK_CUDA_LIB") or "libcuda.so.1")
name, device = ctypes.create_string_buffer(96), ctypes.c_int()
if cuda.cuInit(0) == 0 and cuda.cuDeviceGet(ctypes.byref(device), 0) == 0:
    if cuda.cuDeviceGetName(name, 96, device) == 0:
        print(name.value.decode())
"""


NO_GPU = "no GPU"


class Results:
    """The rows, on disk after each of them."""
    def __init__(self, head):
        self.head, self.rows, self.lock = head, [], threading.RLock()
        folder = os.path.join("bench", "results", re.sub(r"[^A-Za-z0-9]+", "-", head["gpu"]).strip("-").lower())
        if head["gpu"] == NO_GPU:           # nothing to keep beside results of GPUs
            folder = os.path.join("build", "device-check")
        self.folder = os.environ.get("OUT") or folder
        os.makedirs(self.folder, exist_ok=True)
        self.path, self.log_path = os.path.join(self.folder, "results.json"), os.path.join(self.folder, "log.txt")
        self.log_file = open(self.log_path, "wb", buffering=0)
        self.write()

    def log(self, data):
        with self.lock:
            self.log_file.write(data if isinstance(data, bytes) else (data + "\n").encode())

    def write(self):
        beside = self.path + ".new"
        with open(beside, "w", encoding="utf-8") as file:
            head = dict(self.head, seconds=round(time.monotonic() - START, 1))
            json.dump({"head": head, "rows": self.rows}, file, indent=1)
            file.write("\n")
        os.replace(beside, self.path)

    def add(self, row, ok, value=None, unit="", seconds=0.0, note=""):
        number = "%.4g %s" % (value, unit) if value is not None else ""
        line = "%5.0f s  %-4s %-62s %-24s %s" % (time.monotonic() - START, "ok" if ok else "--", row, number, note)
        with self.lock:
            self.rows.append({"row": row, "ok": bool(ok), "value": value, "unit": unit, "seconds": round(seconds, 2),
                              "note": note})
            self.write()
            self.log(line.rstrip())
            print(line.rstrip(), flush=True)


class Ended:
    """How a step ended: its output, exit code, seconds; `hung` where the limit stopped it."""
    def __init__(self, output, code, seconds, hung, limit):
        self.output, self.code, self.seconds, self.hung, self.limit = output, code, seconds, hung, limit

    def trouble(self):
        """Why it did not end well, in words, or ""."""
        if self.hung:
            return "stopped after %.0f s" % self.limit
        if self.code < 0:
            return "ended by " + signal.Signals(-self.code).name
        return "exit code %d" % self.code if self.code else ""

    def last_words(self):
        lines = [line.strip() for line in self.output.splitlines() if line.strip() and not line.startswith("{")]
        return lines[-1][:200] if lines else ""


def stop(process):
    """Ends a step and what it started: they are a session of their own.  A process that waits for a broken driver cannot
    be killed; it is left alone."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    try:
        process.wait(timeout=2)
    except subprocess.TimeoutExpired:
        pass


class Check:
    def __init__(self, options):
        self.options, self.failed, self.running, self.at_once = options, False, set(), False
        self.deadline = START + options.budget - min(RESERVE, options.budget / 10)
        self.config = os.environ.get("config") or "release"
        cblas = "-cblas" if os.environ.get("cblas", "0") not in ("", "0") else ""
        self.objects = os.path.join("build", "objects", self.config + cblas)
        self.bench = os.path.join(self.objects, "bench", "bench_gpu")
        cc, make = os.environ.get("CC") or "cc", os.environ.get("MAKE") or "make"
        self.make = [make, "-j%d" % (os.cpu_count() or 2), "CC=" + cc, "config=" + self.config]
        self.environment = dict(os.environ)
        for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL"):       # of the make that started this
            self.environment.pop(name, None)
        self.environment.update(INDISEEK_TEST_GPU="1", CMOCKA_MESSAGE_OUTPUT="TAP", LC_ALL="C", PYTHONUNBUFFERED="1")
        # Compiled kernels stay in build/: later steps, and a second call on the same machine, take them from there.
        self.environment.setdefault("INDISEEK_CACHE_DIR", os.path.abspath(os.path.join("build", "device-cache")))
        self.results = Results(self.machine(cc))

    # ---- the machine ----

    def machine(self, cc):
        smi = "nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm --format=csv,noheader"
        head = {"gpu": first_line(words_of([sys.executable, "-c", NAME], 30)) or NO_GPU,
                "driver": "", "nvrtc": "", "nvidia_smi": first_line(words_of(smi.split())) or "not here",
                "compiler": first_line(words_of(cc.split() + ["--version"])) or cc + " cannot be run",
                "commit": words_of(["git", "describe", "--always", "--dirty"]) or "not known: no git here",
                "indiseek_h": hashlib.sha256(open("indiseek.h", "rb").read()).hexdigest()[:16],
                "cpu": "%s, %d processors" % (self.processor(), os.cpu_count() or 0), "system": platform.platform(),
                "python": platform.python_version(), "date": time.strftime("%Y-%m-%d %H:%M:%S"),
                "budget": self.options.budget}
        if self.options.small:
            head["small"] = "sizes are those of a test; the numbers mean nothing"
        return head

    @staticmethod
    def processor():
        try:
            with open("/proc/cpuinfo", encoding="utf-8") as file:
                return next(line.split(":")[1].strip() for line in file if line.startswith("model name"))
        except (OSError, StopIteration):
            return platform.machine()

    # ---- running a step ----

    def left(self):
        return self.deadline - time.monotonic()

    def run(self, name, command, limit, on_line=None):
        """Runs a step for `limit` seconds or what is left; every whole line of output goes to on_line at once.  None: there
        is no time left for it, which is a row."""
        if self.left() < min(LEAST, self.options.budget / 20):
            self.results.add(name, False, note="not begun: the %.0f s of the budget are spent" % self.options.budget)
            return None
        limit = min(limit, self.left())
        begin = time.monotonic()
        title = "\n==== %s: %s" % (name, " ".join(command))
        if not self.at_once:
            self.results.log(title)
        try:
            process = subprocess.Popen(command, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       stderr=subprocess.STDOUT, start_new_session=True)
        except OSError as error:
            self.results.log(str(error))
            return Ended(str(error), 127, 0.0, False, limit)
        self.running.add(process)
        output, hung = self.listen(process, begin + limit, on_line)
        if not hung:
            try:
                process.wait(timeout=max(0.1, begin + limit - time.monotonic()))
            except subprocess.TimeoutExpired:
                hung = True
        stop(process)
        self.running.discard(process)
        process.stdout.close()
        if self.at_once:                            # one piece of the log for each of the steps that run together
            self.results.log(title.encode() + b"\n" + output)
        code = process.returncode if process.returncode is not None else -signal.SIGKILL
        return Ended(output.decode(errors="replace"), code, time.monotonic() - begin, hung, limit)

    def listen(self, process, end, on_line):
        """What the process prints until it ends; True when the time ended first."""
        output, begun, pipe = b"", b"", process.stdout.fileno()
        while True:
            rest = end - time.monotonic()
            if rest <= 0:
                return output, True
            if not select.select([pipe], [], [], min(rest, 0.5))[0]:
                if process.poll() is not None:      # something that it started holds the pipe; it is not waited for
                    return output, False
                continue
            data = os.read(pipe, 65536)
            if not data:
                return output, False
            if len(output) < MOST_OUTPUT:
                output += data
                if not self.at_once:
                    self.results.log(data)
            *lines, begun = (begun + data).split(b"\n")
            for line in lines if on_line else ():
                on_line(line.decode(errors="replace"))

    def give_up(self, number, _):
        """On a signal: nothing that was started is left behind."""
        for process in list(self.running):
            stop(process)
        self.results.add("device-check", False, note="ended by " + signal.Signals(number).name)
        os._exit(1)

    def measure(self, name, command, limit):
        """A step that prints rows as JSON lines; a row about the step itself where it ended badly or printed none."""
        state = {"time": time.monotonic(), "rows": 0}

        def on_line(line):
            try:
                row = json.loads(line) if line.startswith("{") else None
            except ValueError:
                return
            if not isinstance(row, dict) or "row" not in row:
                return
            time_now = time.monotonic()
            self.results.add(row["row"], row.get("ok"), row.get("value"), row.get("unit", ""), time_now - state["time"],
                             row.get("note", ""))
            state["time"] = time_now
            state["rows"] += 1
        ended = self.run(name, command, limit, on_line)
        if ended and (ended.hung or ended.code < 0 or state["rows"] == 0):
            why, words = ended.trouble() or "it printed no rows", ended.last_words() or "it said nothing"
            self.results.add(name, False, seconds=ended.seconds, note="%s; %s" % (why, words))

    # ---- steps ----

    def build(self):
        """With -k: a suite that does not compile leaves the others.  True: there is something to go on with."""
        ended = self.run("build", self.make + ["-k", "device-build"], 150)
        good = ended is not None and not ended.trouble()
        self.failed |= not good
        if ended:
            lines = ended.output.splitlines()
            error = next((line.strip() for line in lines if re.search(r"\berror\b|\*\*\*", line)), "")
            self.results.add("build", good, round(ended.seconds, 2), "s", ended.seconds,
                             "" if good else "%s; %s" % (ended.trouble(), error[:200]))
        return good or os.path.exists(self.bench)

    def about(self):
        """The GPU as the library sees it; where NVRTC is not on the library's path, those of Python packages are tried.
        True: it can be used."""
        own = "INDISEEK_NVRTC_LIB" in os.environ
        for path in (path for source in ([""], [] if own else self.libraries("nvrtc")) for path in source):
            if path:
                self.environment.update(INDISEEK_NVRTC_LIB=path, INDISEEK_NVRTC=path)
            ended = self.run("device", [self.bench, "info"], 30)
            try:
                info = json.loads(ended.output.strip().splitlines()[-1])
            except (AttributeError, IndexError, ValueError):
                self.failed = True
                if ended:
                    self.results.add("device", False, seconds=ended.seconds,
                                     note=ended.trouble() or "bench_gpu info: " + ended.last_words())
                return False
            if info["usable"] or "NVRTC" not in info["missing"]:
                break
        for key in ("driver", "nvrtc", "capability", "multiprocessors", "memory_gb"):
            self.results.head[key] = info[key]
        self.failed |= not info["usable"]
        self.results.add("device", info["usable"], seconds=ended.seconds,
                         note=info["missing"] or "%s, %s, %s" % (info["gpu"], info["driver"], info["nvrtc"]))
        return info["usable"]

    @staticmethod
    def libraries(name):
        """Paths of a CUDA library outside the loader's path, newest first: of toolkits and of Python packages."""
        python = shutil.which("python3") or sys.executable
        packages = words_of([python, "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])"])
        folders = ["/usr/local/cuda*/lib64"] + ([os.path.join(packages, "nvidia", "*", "lib")] if packages else [])
        found = [path for folder in folders for path in glob.glob("%s/lib%s.so.1[2-9]*" % (folder, name)) if ".alt." not in path]
        return sorted(found, key=lambda path: re.findall(r"\.so\.(\d+)", path), reverse=True)[:3]

    def suite(self, program, limit, counts=True):
        """One program that prints TAP."""
        name = os.path.basename(program)
        ended = self.run(name, [program if os.path.dirname(program) else "./" + program], limit)
        if ended is None:
            self.failed |= counts
            return
        results = re.findall(r"^(not )?ok \d+(.*)$", ended.output, re.M)
        skipped = sum("# SKIP" in rest for _, rest in results)
        bad = [rest.strip(" -") for negative, rest in results if negative and "# SKIP" not in rest]
        planned = sum(int(count) for count in re.findall(r"^1\.\.(\d+)\s*$", ended.output, re.M))
        passed = len(results) - skipped - len(bad)
        trouble = ended.trouble() if ended.hung or ended.code < 0 or (ended.code not in (0, 77) and not bad) else ""
        if not trouble and len(results) < planned:
            trouble = "ended after %d of %d tests" % (len(results), planned)
        good = not bad and not trouble and (passed > 0 or ended.code == 77)
        note = "%d passed, %d failed, %d skipped" % (passed, len(bad), skipped)
        for more in (trouble, "failed: " + ", ".join(bad) if bad else "", ended.last_words() if trouble else ""):
            note += "; " + more if more else ""
        self.failed |= counts and not good
        self.results.add("suite " + name, good, passed, "tests", ended.seconds, note)

    def tests(self):
        """All at once, for nothing is timed and most of their time goes into compiling kernels.  The suite of NVRTC needs no
        GPU, so that its result does not count here; `make test` has it too."""
        ours = os.path.join(self.objects, "tests", "gpu", "")
        programs = (self.options.suites or "%stest_device %stest_gpu_training" % (ours, ours)).split()
        jobs = [lambda program=program: self.suite(program, 170) for program in programs]
        jobs += [lambda: self.sanitizer("memcheck"), lambda: self.sanitizer("racecheck")]
        if not self.options.suites:
            jobs += [lambda: self.suite(ours + "test_nvrtc", 100, counts=False)]
        self.at_once = True
        with concurrent.futures.ThreadPoolExecutor(max_workers=len(jobs)) as pool:
            for job in [pool.submit(job) for job in jobs]:
                job.result()
        self.at_once = False

    def sanitizer(self, tool):
        name = "compute-sanitizer " + tool
        program = shutil.which("compute-sanitizer") or (glob.glob("/usr/local/cuda*/bin/compute-sanitizer") + [None])[0]
        if not program:
            self.results.add(name, False, note="compute-sanitizer is not installed")
            return
        command = [program, "--tool", tool, "--error-exitcode", "9", self.bench] + self.small() + ["sanitise"]
        ended = self.run(name, command, 100)
        if ended:
            summary = re.findall(r"(?:ERROR|RACECHECK|SYNCCHECK) SUMMARY: .*", ended.output)
            kernels = sorted(set(re.findall(r"\bat (isk_\w+)", ended.output)))
            through = len(re.findall(r"^short run \d+ is through", ended.output, re.M))
            words = [summary[-1] if summary else ended.last_words(), "in " + ", ".join(kernels[:6]) if kernels else "",
                     "%d short runs" % through, ended.trouble()]
            self.results.add(name, not ended.trouble(), seconds=ended.seconds, note="; ".join(filter(None, words)))

    def small(self):
        return ["--small"] if self.options.small else []

    def row(self, what, limit, number=None, seconds=None):
        command = [self.bench] + self.small() + (["--seconds", str(seconds)] if seconds else []) + [what]
        command += [str(number)] if number else []
        self.measure("bench_gpu %s" % " ".join(command[1:]), command, limit)

    def torch(self):
        limit = min(90, self.left())
        python = os.environ.get("PEER_PYTHON") or shutil.which("python3") or sys.executable
        # it ends by itself before it would be stopped: importing PyTorch and one last row take their time
        command = [python, os.path.join("bench", "peer_torch_gpu.py"), "--seconds", "%.0f" % max(1, limit - 12)]
        self.measure("PyTorch", command + self.small(), limit)

    def products(self):
        known = words_of(["sh", "-c", "(ldconfig -p || /sbin/ldconfig -p) | grep libcublas.so.1"])
        if "BENCH_CUBLAS" not in self.environment and not known:
            for path in self.libraries("cublas")[:1]:
                self.environment["BENCH_CUBLAS"] = path
        self.row("gemm", 45)

    def steps(self):
        """What is done, most important first: name, function."""
        few = self.options.small
        yield "build", self.build
        yield "device", self.about
        yield "kernels", lambda: self.row("kernels", 120)
        if not self.options.bench:
            yield "tests", self.tests
        for models in MODELS[:2]:
            models = min(models, 2) if few else models
            yield "mlp", lambda: self.row("mlp", 30, models)
            yield "indiseek", lambda: self.row("indiseek", 30, models)
        yield "torch", self.torch
        yield "peaks", lambda: self.row("peaks", 25)
        yield "gemm", self.products
        yield "nce", lambda: self.row("nce", 25)
        yield "grid", lambda: self.row("grid", 100, seconds=70)
        yield "cite", lambda: self.row("cite", 45, seconds=30)
        for models in () if few else MODELS[2:]:
            yield "mlp", lambda: self.row("mlp", 25, models)
            yield "indiseek", lambda: self.row("indiseek", 25, models)
        yield "ops", lambda: self.row("ops", 25)
        for models in (2,) if few else MODELS[:2]:
            yield "precise", lambda: self.row("precise", 70, models)

    def main(self):
        signal.signal(signal.SIGTERM, self.give_up)
        signal.signal(signal.SIGINT, self.give_up)
        head = self.results.head
        for key in ("gpu", "nvidia_smi", "compiler", "commit", "cpu"):
            print("%-12s %s" % (key, head[key]), flush=True)
        for name, step in self.steps():
            if self.options.steps and not any(word in name for word in self.options.steps.split()):
                continue
            if step() is False:         # nothing further can run
                break
        self.results.add("attention", False, note="left out: the library has no attention yet")
        self.summary()
        good = sum(row["ok"] for row in self.results.rows)
        print("\n%d rows ok, %d not; %.0f s; %s" % (good, len(self.results.rows) - good, time.monotonic() - START,
                                                    self.results.path), flush=True)
        if self.failed:
            print("build or suites FAILED", flush=True)
        return 1 if self.failed else 0

    def summary(self):
        """Model-steps a second, one line a work and number of models, one column a way."""
        found, ways = {}, []
        for row in self.results.rows:
            match = re.fullmatch(r"(\w+ step, \d+ models?), (.*)", row["row"])
            if match and row["ok"] and row["unit"] == "model-steps/s":
                found.setdefault(match.group(1), {})[re.sub(" of vmap", "", match.group(2))] = row["value"]
        for way in ("graph", "block", "PyTorch eager", "PyTorch eager vmap", "PyTorch CUDA graph"):
            ways += [way] if any(way in values for values in found.values()) else []
        if not ways:
            return
        lines = ["", "model-steps/s, float32".ljust(28) + "".join("%20s" % way for way in ways)]
        for name in sorted(found, key=lambda text: (text.split()[0], int(text.split()[2]))):
            cells = ["%.4g" % found[name][way] if way in found[name] else "-" for way in ways]
            lines.append(name.ljust(28) + "".join("%20s" % cell for cell in cells))
        self.results.log("\n".join(lines))
        print("\n".join(lines), flush=True)


if __name__ == "__main__":
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
    sys.exit(Check(arguments()).main())
