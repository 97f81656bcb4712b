"""What the tests of the programs share: their data, how they are run, and how what they leave is read."""
import array
import ast
import hashlib
import json
import os
import random
import re
import shlex
import shutil
import signal
import struct
import subprocess
import sys
import time
import xml.etree.ElementTree

sys.path.insert(0, "tests/base")
import browser
from tap import Skip, at, equal

BUILD = os.environ.get("BUILD", "build")
PATIENCE = 600 if "sanitize" in BUILD else 120      # seconds for one run of a program; they take some 0.1 s
ROWS, COLS = 120, (5, 4)
RESULTS = ["c1.npy", "c2.npy", "config.json", "coordinates.tsv", "log.jsonl", "manifest.sha256", "metrics.json", "model.safetensors",
           "report.html", "split.tsv", "z1.npy", "z2.npy"]
FEATURES = ["c1.npy", "c2.npy", "z1.npy", "z2.npy"]
# One that has lambda, networks of every kind and most stages.
METHOD = ["--method", "residual-indiseek"]
# Small networks; a fit of them takes milliseconds.
SIZE = "--width 8 --layers 2 --dim 3 --shared-dim 4 --batch 32".split()
SMALL = METHOD + SIZE + "--epochs 4 --shared-epochs 3 --residual-epochs 3 --diagnoses 1 --diagnosis-epochs 1".split()
# Many short epochs with many checkpoints, for what comes in the middle of a run: about a second.
LONG = METHOD + SIZE + "--epochs 800 --shared-epochs 600 --diagnoses 2 --diagnosis-epochs 1 --checkpoint-every 6".split()


# ---- files ------------------------------------------------------------------------------------------------------------

def write(name, content):
    """Bytes or text to a scratch file; its path."""
    with open(at(name), "wb") as file:
        file.write(content if isinstance(content, bytes) else content.encode())
    return at(name)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def text(path):
    return read(path).decode()


def npy(rows, dtype="<f4", fortran=False, shape=None):
    """The bytes of a .npy file."""
    kind = {"f4": "f", "f8": "d", "i4": "i", "i8": "q"}[dtype[1:]]
    values = [row[j] for j in range(len(rows[0])) for row in rows] if fortran else [v for row in rows for v in row]
    if dtype[1] == "i":
        values = [int(v) for v in values]
    head = "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }" % (dtype, fortran, shape or (len(rows), len(rows[0])))
    head += " " * (-(len(head) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + struct.pack("%s%d%s" % (dtype[0], len(values), kind),
                                                                                             *values)


def npy_read(path):
    """Shape and values of a little-endian float .npy file."""
    data = read(path)
    assert data[:8] == b"\x93NUMPY\x01\x00", path + " is no .npy file of version 1"
    end = 10 + struct.unpack("<H", data[8:10])[0]
    head = ast.literal_eval(data[10:end].decode())
    assert head["descr"] == "<f4" and not head["fortran_order"] and end % 64 == 0, "%s: header %s" % (path, head)
    rows, cols = head["shape"]
    assert len(data) == end + 4 * rows * cols, "%s: %d bytes for %s" % (path, len(data), head["shape"])
    values = array.array("f", data[end:])
    return rows, cols, values if sys.byteorder == "little" else values.byteswap() or values


def table(rows, separator=",", header=None, names=None, form="%d"):
    lines = [separator.join(([""] if names else []) + header)] if header else []
    for i, row in enumerate(rows):
        lines.append(separator.join(([names[i]] if names else []) + [form % v for v in row]))
    return "\n".join(lines) + "\n"


def mtx(rows):
    entries = ["%d %d %d" % (i + 1, j + 1, v) for i, row in enumerate(rows) for j, v in enumerate(row) if v]
    random.Random(3).shuffle(entries)
    return "%%%%MatrixMarket matrix coordinate integer general\n%% made by a test\n%d %d %d\n%s\n" % (
        len(rows), len(rows[0]), len(entries), "\n".join(entries))


def transposed(rows):
    return [list(column) for column in zip(*rows)]


def sha(path):
    return hashlib.sha256(read(path)).hexdigest()


def state(path):
    """What a folder holds: name and SHA-256 of each file."""
    inner = {name: os.path.join(path, name) for name in sorted(os.listdir(path))}
    return {name: "a folder" if os.path.isdir(file) else sha(file) for name, file in inner.items()}


def disown(path):
    """As a person does who changed a result: its line goes from the manifest."""
    folder_of, name = os.path.split(path)
    kept = [line for line in lines(at(folder_of + "/manifest.sha256")) if not line.endswith("  " + name)]
    write(folder_of + "/manifest.sha256", "".join(line + "\n" for line in kept))


def metrics(path):
    return json.loads(text(path + "/metrics.json"))


def lines(path):
    return text(path).split("\n")[:-1]


# ---- programs ---------------------------------------------------------------------------------------------------------

class Run:
    def __init__(self, arguments, code, out, err):
        self.arguments, self.code, self.out, self.err = arguments, code, out, err

    def __str__(self):
        return "%s\nexit code %d\nstdout: %s\nstderr: %s" % (shlex.join(self.arguments), self.code, self.out[-1500:], self.err[-1500:])


def program(name):
    return os.path.join(BUILD, name)


# Compiled kernels stay in the test's own folder, and no program finds a GPU of this machine: results are the CPU's
# wherever the tests run.
os.environ.update(INDISEEK_CACHE_DIR=os.path.abspath(at("kernels")), INDISEEK_CUDA_LIB="/nowhere/libcuda.so.1",
                  INDISEEK_NVRTC_LIB="/nowhere/libnvrtc.so")


def run(name, *arguments, stdout=subprocess.PIPE, before=None, **environment):
    """before: called in the new process.  SIGXFSZ stays ignored, as Python has it, so that a full disk is an error code.
    environment: variables beside those of this process."""
    line = [program(name)] + [str(a) for a in arguments]
    done = subprocess.run(line, stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE, text=True, errors="replace",
                          timeout=PATIENCE, preexec_fn=before, restore_signals=before is None,
                          env=dict(os.environ, **{name: str(value) for name, value in environment.items()}))
    return Run(line, done.returncode, done.stdout or "", done.stderr)


def views(x1=None, x2=None):
    return ["--x1", x1 or at("x1.npy"), "--x2", x2 or at("x2.npy")]


def fit(out, *arguments, options=SMALL, **inputs):
    """A fit that must do well."""
    done = run("indiseek", "fit", *views(**inputs), "--out", at(out), *options, *arguments)
    assert done.code == 0, str(done)
    return done


def start(out, *arguments):
    line = [program("indiseek"), "fit", *views(), "--out", at(out), *LONG, *arguments]
    return subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_records(process, path, count):
    """Until the log has grown to `count` lines, or the process has ended."""
    until = time.time() + PATIENCE
    while process.poll() is None and time.time() < until:
        if os.path.exists(path) and read(path).count(b"\n") >= count:
            return
        time.sleep(0.002)


# ---- data: whole numbers, so that every format holds the same values --------------------------------------------------

def make_data():
    r = random.Random(7)
    shared = [r.gauss(0, 1) for _ in range(ROWS)]
    x = [[[round(8 * (shared[i] * (j + 1) / cols + r.gauss(0, 1))) for j in range(cols)] for i in range(ROWS)] for cols in COLS]
    counts = [[max(0, round(4 * shared[i] + 6 + 4 * r.gauss(0, 1))) * (r.random() < 0.7) + (j == 0) for j in range(5)] for i in range(ROWS)]
    kinds = ["T & <em>", "B cell", "unknown"]
    labels = [kinds[2 if i % 10 == 9 else shared[i] > 0.3] for i in range(ROWS)]
    write("x1.npy", npy(x[0]))
    write("x2.npy", npy(x[1]))
    write("counts.npy", npy(counts))
    write("labels.tsv", "cell\tkind\tgroup\n" + "".join("c%d\t%s\tg%d\n" % (i, labels[i], i * 7 % 20) for i in range(ROWS)))
    return x, counts, labels, ["g%d" % (i * 7 % 20) for i in range(ROWS)]


x, counts, labels, groups = make_data()
LABELS = ["--labels", at("labels.tsv") + ":kind"]


def fit_first():
    """The fit of which many tests want a folder of results."""
    fit("first", *LABELS, "--label-ignore", "unknown")


# ---- more views: a third, sequences, masks ------------------------------------------------------------------------------

STEPS = 5
NAN = float("nan")
TOKENS = SMALL + "--blocks 1 --token-width 16 --feed-forward 16 --tokens 3".split()


def make_views():
    """A third view, the sequences of a fourth with their lengths, and which samples the second has."""
    r = random.Random(11)
    third = [[round(x[0][i][0] / 2 + 6 * r.gauss(0, 1)) for _ in range(3)] for i in range(ROWS)]
    lengths = [r.randint(0 if i % 8 == 3 else 1, STEPS) for i in range(ROWS)]
    steps = [[round(x[1][i][0] / 2 + 4 * r.gauss(0, 1)) if k // 2 < lengths[i] else NAN for k in range(2 * STEPS)] for i in range(ROWS)]
    present = [int(i % 6 != 2) for i in range(ROWS)]
    holes = [row if there else [NAN] * len(row) for row, there in zip(x[1], present)]
    write("x3.npy", npy(third))
    write("steps.npy", npy(steps, shape=(ROWS, STEPS, 2)))
    write("lengths.npy", npy([[v] for v in lengths], "<i4", shape=(ROWS,)))
    write("holes.npy", npy(holes))
    write("holes.csv", table([["NA" if v != v else str(v) for v in row] for row in holes], form="%s"))
    write("present.csv", "present\n" + "".join("%d\n" % there for there in present))
    return lengths, present


lengths, present = make_views()
THREE = ["--x3", at("x3.npy")]
SEQUENCE = ["--x3", at("steps.npy"), "--x3-lengths", at("lengths.npy")]
MASKED = ["--x2-present", at("present.csv")]


# ---- what a run leaves -------------------------------------------------------------------------------------------------

def features_of(path):
    return {name: sha(os.path.join(path, name)) for name in FEATURES}


def records(path):
    """The log's lines, each of which must be one JSON object."""
    found = []
    for number, line in enumerate(lines(path), 1):
        try:
            found.append(json.loads(line))
        except ValueError:
            raise AssertionError("%s: line %d is no JSON: %r" % (path, number, line))
    return found


def epochs_of(path):
    """For each stage the epochs that the log holds."""
    epochs = {}
    for record in records(path):
        if "epoch" in record:
            epochs.setdefault(record["stage"], []).append(record["epoch"])
    return epochs


class Page(browser.Page):
    """Without scripts; what is read off it, too."""
    BARRED = browser.Page.BARRED | {"script"}
    OPTIONAL = browser.Page.OPTIONAL | {"li", "p", "dt", "dd"}

    def __init__(self):
        super().__init__()
        self.svgs, self.words, self.headings = 0, [], 0

    def handle_starttag(self, tag, attributes):
        self.svgs += tag == "svg"
        self.headings += tag in ("h1", "h2")
        super().handle_starttag(tag, attributes)

    def handle_data(self, data):
        self.words.append(data)


def read_page(path):
    content = text(path)
    page = Page()
    page.feed(content)
    page.close()
    equal(page.faults, [], path)
    equal(page.open, [], path + ": never closed")
    pictures = re.findall(r"<svg\b.*?</svg>", content, re.S)
    equal(len(pictures), page.svgs, "svg elements")
    for picture in pictures:
        xml.etree.ElementTree.fromstring(picture)
    rest = re.sub(r'xmlns(:\w+)?="http://www\.w3\.org/[^"]*"', "", content)
    assert not re.search(r"https?://|//\w+\.\w+/|@import|url\((?!#)", rest), "something outside is named"
    return page, pictures


def stopped(name, number=signal.SIGINT, earlier=None):
    """A run, in a copy of the folder `earlier`, that was stopped by a signal; what it said."""
    for _turn in range(5):
        shutil.rmtree(at(name), ignore_errors=True)
        if earlier:
            shutil.copytree(at(earlier), at(name))
        process = start(name)
        wait_for_records(process, at(name + "/log.jsonl.new"), 60)
        process.send_signal(number)
        _out, err = process.communicate(timeout=PATIENCE)
        if process.returncode != 0:
            break                   # else this process slept too long, and the run had ended
    equal(process.returncode, 75, err)
    return err


# ---- other programs ----------------------------------------------------------------------------------------------------

# What stands in for driver and NVRTC: its kernels are C, run by an emulator.
STANDIN = os.path.abspath("build/objects/%s/tests/gpu/emulator/libstandin.so" %
                          (os.path.basename(BUILD) if BUILD != "build" else "release"))
NO_DRIVER = "there is no GPU driver: /nowhere/libcuda.so.1: "


def gpu():
    if not os.path.exists(STANDIN):
        raise Skip("there is no %s" % STANDIN)
    return {"INDISEEK_CUDA_LIB": STANDIN, "INDISEEK_NVRTC_LIB": STANDIN}


def probe_labels(*columns):
    return ["--labels", at("labels.tsv") + ":" + ",".join(columns or ("kind",))]


# "a, b and c", as the header declares them.
METHODS = re.search(r"INDISEEK_DATA const isk_method ([^;]*);", text("indiseek.h")).group(1)
METHODS = re.sub("isk_|_method", "", METHODS).replace("_", "-")
METHODS = " and ".join(", ".join(METHODS.replace(",", " ").split()).rsplit(", ", 1))

SIMULATION = "--n 60 --test 20 --epochs 1 --shared-epochs 1 --width 8 --layers 2 --dim 3".split()
