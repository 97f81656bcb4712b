#!/usr/bin/env python3
# build: standin device-build
"""`make device-check` without a GPU: bench/device_check.py on the stand-in of tests/gpu/emulator, with small sizes.

What it measures means nothing here; that every step runs, that a hang, a crash or a missing part is one row and not the
end, and that the whole keeps to its budget, is tested.  Then the small cmocka that the suites do with where there is no
other.
"""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

CONFIG = os.environ.get("config", "release")
SANITIZE = CONFIG == "sanitize"
OBJECTS = os.path.join("build", "objects", CONFIG + ("-cblas" if os.environ.get("cblas", "0") not in ("", "0") else ""))
STANDIN = os.path.join(OBJECTS, "tests", "gpu", "emulator", "libstandin.so")
PATIENCE = 300              # seconds; nothing here should come near
os.makedirs("build", exist_ok=True)
folder = tempfile.mkdtemp(prefix="device-check-", dir="build")


def script(name, *lines):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(("#!/bin/sh",) + lines) + "\n")
    os.chmod(path, 0o755)
    return path


PASSES = script("passes", "printf '1..2\\nok 1 - one\\nok 2 # SKIP two\\n'")
FAILS = script("fails", "printf '1..2\\nok 1 - one\\nnot ok 2 - two\\n'", "exit 1")
CRASHES = script("crashes", "printf '1..3\\nok 1 - one\\n'", "kill -SEGV $$")
# It does not end, nor does what it started, which holds the pipe of its output too.
HANGS = script("hangs", "echo 1..1", "sleep 600 &", "echo $! > %s" % os.path.join(folder, "child"), "sleep 600")
LEAVES = script("leaves", "sleep 600 &", "printf '1..1\\nok 1 - one\\n'")
NO_TORCH = script("python", "echo '{\"row\": \"PyTorch\", \"ok\": false, \"note\": \"not here\"}'", "exit 77")
# Stands for compute-sanitizer: runs what it is given.
script("compute-sanitizer", 'while [ "${1#-}" != "$1" ]; do [ "$1" = --tool ] && tool=$2; shift 2; done',
       '"$@" || exit 9', "echo \"========= ERROR SUMMARY: 0 errors ($tool)\"")


def check(*options, out="out", **variables):
    """One call; its exit code, seconds, output, rows by name (each row once), and the whole file."""
    where = os.path.join(folder, out)
    environment = dict(os.environ, INDISEEK_CUDA_LIB=STANDIN, INDISEEK_NVRTC_LIB=STANDIN, OUT=where,
                       INDISEEK_CACHE_DIR=os.path.join(os.path.dirname(STANDIN), "standin-cache"),
                       PEER_PYTHON=NO_TORCH, BENCH_CUBLAS=os.path.join(folder, "no-cublas.so"),
                       PATH=os.path.abspath(folder) + ":" + os.environ["PATH"])
    environment.setdefault("ASAN_OPTIONS", "allocator_may_return_null=1:detect_leaks=1")
    environment.update(variables)
    start = time.monotonic()
    done = subprocess.run([sys.executable, "bench/device_check.py", "--small", *options], env=environment, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE)
    seconds = time.monotonic() - start
    with open(os.path.join(where, "results.json"), encoding="utf-8") as file:
        whole = json.load(file)
    rows = {row["row"]: row for row in whole["rows"]}
    expect(len(rows) == len(whole["rows"]), "a row stands twice", done.stdout)
    for row in whole["rows"]:
        expect(set(row) == {"row", "ok", "value", "unit", "seconds", "note"}, "fields of %s" % row)
        expect(row["value"] is not None or row["note"] or row["ok"], "%s has neither value nor note" % row)
        expect(row["row"] in done.stdout, "the row %s is not printed" % row["row"])
    return done.returncode, seconds, done.stdout, rows, whole


def expect(condition, *what):
    if not condition:
        raise AssertionError("\n".join(map(str, what)))


# ---- tests -----------------------------------------------------------------------------------------------------------

def all_steps():
    steps = ("--steps", "build device kernels tests mlp torch") if SANITIZE else ()
    code, _, output, rows, whole = check("--budget", "250", "--suites", PASSES + " " + LEAVES, *steps)
    expect(code == 0, output)
    log = open(os.path.join(folder, "out", "log.txt"), encoding="utf-8", errors="replace").read()
    for name in ("build", "device", "kernels compiled", "suite passes", "suite leaves", "compute-sanitizer memcheck",
                 "compute-sanitizer racecheck", "MLP step, 1 model, graph", "MLP step, 2 models, block"):
        expect(name in rows and rows[name]["ok"], "no good row " + name, output)
        expect(name in log, "no %s in the log" % name)
    expect(rows["suite passes"]["note"] == "1 passed, 0 failed, 1 skipped", rows["suite passes"])
    expect("0 errors (racecheck)" in rows["compute-sanitizer racecheck"]["note"], rows["compute-sanitizer racecheck"])
    expect(rows["PyTorch"]["note"] == "not here" and not rows["PyTorch"]["ok"], rows["PyTorch"])
    expect("attention" in rows, output)
    for key in ("gpu", "driver", "nvrtc", "compiler", "commit", "small", "cpu"):
        expect(whole["head"].get(key), "the head lacks " + key)
    expect(re.search(r"^MLP step, 2 models +[\d.]+", output, re.M), "no table at the end", output)
    if SANITIZE:
        return
    expect("not installed" in rows["cuBLAS"]["note"], rows["cuBLAS"])
    measured = [name for name, row in rows.items() if row["ok"] and (row["value"] or 0) > 0]
    for start in ("IndiSeek step, 1 model, graph", "copy bandwidth", "FMA peak", "tensor peak", "product ", "InfoNCE",
                  "isk_adam", "isk_standardize", "simulation grid", "CITE-seq fit", "IndiSeek step, 2 models, block tf32"):
        expect(any(name.startswith(start) for name in measured), "no " + start, output)


def hang_and_crash():
    suites = " ".join((HANGS, CRASHES, FAILS, os.path.join(folder, "nothing")))
    code, seconds, output, rows, _ = check("--budget", "14", "--steps", "build device tests mlp", "--suites", suites, out="bad")
    expect(code == 1, output)
    expect(seconds < 15, "it took %.1f s" % seconds)
    for name, words in (("hangs", "stopped after"), ("crashes", "ended by SIGSEGV"), ("fails", "failed: two"),
                        ("nothing", "No such file")):
        row = rows["suite " + name]
        expect(words in row["note"] and not row["ok"], row, output)
    child = "/proc/%s/stat" % open(os.path.join(folder, "child"), encoding="utf-8").read().strip()
    expect(not os.path.exists(child) or open(child, encoding="utf-8").read().split()[2] == "Z",
           "what the hanging suite started lives on")
    expect("of the budget are spent" in rows["bench_gpu --small mlp 1"]["note"], output)


def device_fails():
    """The stand-in loses the device in the middle of a row: that row says so, the others are measured."""
    code, _, output, rows, _ = check("--budget", "60", "--bench", "--steps", "build device mlp", out="lost",
                                     STANDIN_FAIL_LAUNCH="100", STANDIN_QUIET="1")
    expect(code == 0, output)
    bad = [row for row in rows.values() if "LAUNCH_FAILED" in row["note"]]
    expect(bad and not any(row["ok"] for row in bad), output)


def no_gpu():
    no_driver = os.path.join(folder, "no-driver.so")
    code, _, output, rows, _ = check("--budget", "60", out="none", INDISEEK_CUDA_LIB=no_driver)
    expect(code == 1 and "there is no GPU driver" in rows["device"]["note"], output)
    expect(set(rows) == {"build", "device", "attention"}, "it went on without a GPU", output)


def ended_by_signal():
    environment = dict(os.environ, INDISEEK_CUDA_LIB=STANDIN, INDISEEK_NVRTC_LIB=STANDIN, OUT=os.path.join(folder, "term"))
    command = [sys.executable, "bench/device_check.py", "--small", "--steps", "tests", "--suites", HANGS]
    if os.path.exists(os.path.join(folder, "child")):
        os.remove(os.path.join(folder, "child"))
    process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True)
    while not os.path.exists(os.path.join(folder, "child")) and process.poll() is None:
        time.sleep(0.05)
    time.sleep(0.2)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=20)
    expect(process.returncode == 1 and "ended by SIGTERM" in output, output)


def small_cmocka():
    program = os.path.join(folder, "small.c")
    shutil.copy("tests/base/cmocka_small.h", os.path.join(folder, "cmocka.h"))
    with open(program, "w", encoding="utf-8") as file:
        file.write("""
#include <stddef.h>
#include <cmocka.h>
static int ready(void **state) { static int number = 5; *state = &number; return 0; }
static int unready(void **state) { (void)state; return -1; }
static void passes(void **state) {
    assert_non_null(*state); assert_null(NULL); assert_int_equal(*(int *)*state, 5); assert_int_not_equal(1, 2);
    assert_string_equal("a", "a"); assert_memory_equal("ab", "ac", 1); assert_true(1); assert_false(0);
}
static void skips(void **state) { (void)state; skip(); }
static void says(void **state) { (void)state; fail_msg("two\\nlines %d", 7); }
static void differs(void **state) { (void)state; assert_int_equal(2 + 2, 5); }
int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(passes), cmocka_unit_test(skips), cmocka_unit_test(says),
        cmocka_unit_test(differs), cmocka_unit_test_setup_teardown(passes, unready, NULL),
        cmocka_unit_test_teardown(passes, unready) };
    return cmocka_run_group_tests_name("small", tests, ready, NULL);
}
""")
    compiler = os.environ.get("CC", "cc").split()
    flags = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I" + folder]
    built = subprocess.run(compiler + flags + [program, "-o", program[:-2]], stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True)
    expect(built.returncode == 0, built.stdout)
    done = subprocess.run([program[:-2]], stdout=subprocess.PIPE, text=True)
    lines = done.stdout.splitlines()
    expect(done.returncode == 4, done.stdout)
    expect([line for line in lines if line[0] != "#"] == [
        "1..6", "ok 1 - passes", "ok 2 # SKIP skips", "not ok 3 - says", "not ok 4 - differs", "not ok 5 - passes",
        "not ok 6 - passes"], done.stdout)
    expect("# lines 7" in lines and any(line.endswith("2 + 2 is 4, 5 is 5") for line in lines), done.stdout)


TESTS = (all_steps, hang_and_crash, device_fails, no_gpu, ended_by_signal, small_cmocka)

print("1..%d" % len(TESTS))
failed = 0
for number, test in enumerate(TESTS, 1):
    try:
        test()
        print("ok %d - %s" % (number, test.__name__), flush=True)
    except Exception:
        failed += 1
        print("not ok %d - %s" % (number, test.__name__))
        print("# " + traceback.format_exc().rstrip().replace("\n", "\n# "), flush=True)
if failed:
    print("# what it left behind is in " + folder)
else:
    shutil.rmtree(folder)
sys.exit(failed > 0)
