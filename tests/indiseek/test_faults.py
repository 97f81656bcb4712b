#!/usr/bin/env python3
# build: indiseek
"""Every allocation, read, write, flush, close and rename of every command fails once: nothing half-done is taken as good.

Of each kind a few are tried, spread over the run; `make soak` tries all (FAULTS=all), or as many as FAULTS says of each kind. What is
due of each: no crash; with exit code 0 the very files of an undisturbed run, or a warning of what is left out; else a sentence of the
command on standard error, and in the folder what was there before or what would be there now, whole, as manifest.sha256 says.
"""
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys

sys.path[:0] = ["tests/base", "tests/runs"]
from programs import LABELS, ROWS, SIZE, SMALL, at, equal, program, read, run, text, views, write, x
from tap import main, test

EACH = os.environ.get("FAULTS", "4")
KINDS = "memory open read write flush close rename remove print kill".split()
PATIENCE = 120
LIBRARY = at("faults.so")
SANITIZED = "sanitize" in os.environ.get("BUILD", "")       # which has an allocator of its own
# What says when, how long or where; all else is the same bits in each run.
TIMED = re.compile(r"(report\.html|results\.json|metrics\.json|log\.jsonl|config\.json|manifest\.sha256|\.h5ad|\.h5mu|scores\.json)$")


def counts_table(name, rows, columns, words):
    write(name, "cell," + ",".join("%s%d" % (words, j) for j in range(columns)) + "\n" + "".join(
        "c%d,%s\n" % (i, ",".join(str(abs(x[0][i][j % 5]) + (i * j) % 4) for j in range(columns))) for i in range(rows)))
    return at(name)


RNA, PROTEIN = counts_table("rna.csv", ROWS, 12, "g"), counts_table("protein.csv", ROWS, 6, "p")
CELLS = ["--rna-file", RNA, "--protein-file", PROTEIN, "--cells", at("labels.tsv")]
RUN = ["--labels", "kind", "--no-umap", "--bootstrap", 5, "--test", 0.3, "--threads", 1, "--quiet", "--method", "cca"]
JOINED = [RNA, counts_table("more.csv", ROWS // 2, 10, "g")]
INTEGRATE = ["--genes", 8, "--width", 8, "--epochs", 2, "--batch-size", 32, "--invariant-dim", 3, "--spurious-dim", 2, "--denoised",
             "--no-umap", "--threads", 1, "--quiet"]
COMMANDS = {
    "fit": (["fit", *views(), *LABELS, *SMALL, "--threads", 1, "--quiet"], "--out"),
    "transform": (["transform", "--model", at("fitted"), *views(), "--threads", 1, "--quiet"], "--out"),
    "run": (["run", *CELLS, *RUN], "--out"),
    "annotate": (["annotate", "--model", at("ran"), "--rna-file", RNA, "--protein-file", PROTEIN, "--threads", 1, "--quiet"], "--out"),
    "impute": (["impute", "--model", at("ran"), "--rna-file", RNA, "--to", "protein", "--threads", 1, "--quiet"], "--out"),
    "evaluate": (["evaluate", at("fitted"), "--threads", 1, "--quiet", "--json"], None),
    "explain": (["explain", at("fitted"), "--json"], None),
    "compare": (["compare", *CELLS, "--labels", "kind", "--test", 0.5, "--least-cells", 2, "--bootstrap", 5, "--methods", "indiseek,cca",
                 "--lambda", 1, "--seeds", 2, *SIZE, "--epochs", 2, "--shared-epochs", 2, "--threads", 1, "--quiet"], "--out"),
    "integrate": (["integrate", *JOINED, *INTEGRATE], "--out"),
    "integrate by a model": (["integrate", "--model", at("integrated"), RNA, "--denoised", "--no-umap", "--threads", 1, "--quiet"],
                             "--out"),
    "differ": (["differ", "--model", at("integrated"), "--by", "file", "--group", "rna", "--pairs", 20, "--threads", 1, "--quiet"],
               "--out"),
}
if b"libhdf5" in read(program("indiseek")):
    COMMANDS["run of an .h5mu"] = (["run", at("ran/mdata.h5mu"), *RUN], "--out")


def start(name, out, **environment):
    words, option = COMMANDS[name]
    line = [program("indiseek"), *map(str, words), *([option, out] if option else [out])]
    return subprocess.run(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
                          timeout=PATIENCE, env=dict(os.environ, LD_PRELOAD=os.path.abspath(LIBRARY), **environment))


def held(out):
    """What the folder, or the file, holds for good: not what --resume goes on with, a checkpoint or, of compare, results.jsonl."""
    if os.path.isfile(out):
        return {"": hashlib.sha256(read(out)).hexdigest()}
    names = os.listdir(out) if os.path.isdir(out) else []
    return {name: hashlib.sha256(read(os.path.join(out, name))).hexdigest() for name in sorted(names)
            if not name.startswith((".", "checkpoint")) and not name.endswith(".new") and not re.match(r"results\..*jsonl$", name)}


def without_times(files):
    return {name: None if TIMED.search(name) else value for name, value in files.items()}


def is_whole(out, files):
    """Do the files agree with the manifest beside them?"""
    if not os.path.isdir(out):
        return True
    lines = text(out + "/manifest.sha256").splitlines()[1:] if "manifest.sha256" in files else []
    listed = dict(reversed(line.split("  ", 1)) for line in lines)
    return listed == {name: value for name, value in files.items() if name != "manifest.sha256"}


def prepare(name):
    """A folder of an earlier run of other settings; calls of each kind, and what the run leaves."""
    out, earlier = at(name.replace(" ", "-") + "-out"), at(name.replace(" ", "-") + "-earlier")
    if COMMANDS[name][1]:
        words, option = COMMANDS[name]
        done = run("indiseek", *words, option, earlier)
        equal(done.code, 0, str(done))
    shutil.rmtree(out, ignore_errors=True)
    if os.path.isdir(earlier):
        shutil.copytree(earlier, out)
    done = start(name, out, FAULTS_LOG=at("calls"))
    equal(done.returncode, 0, done.stderr)
    return earlier, held(out), {kind: int(count) for kind, count in (line.split() for line in text(at("calls")).splitlines())}


def chosen(count):
    """All, or some from the first to the last."""
    some = count if EACH == "all" else min(int(EACH), count)
    return sorted({1 + i * (count - 1) // max(some - 1, 1) for i in range(some)})


def next_run(name, out, due):
    """It ends what was begun."""
    done = start(name, out)
    now = held(out)
    if done.returncode == 0 and without_times(now) == without_times(due) and is_whole(out, now):
        return None
    return "and the next run: exit code %d, %r" % (done.returncode, done.stderr[-300:])


def judge_killed(name, out, now, before, due):
    """Old or new and whole, or refused by whoever reads it; and the next run ends what was begun."""
    if now != before and not (without_times(now) == without_times(due) and is_whole(out, now)) and COMMANDS[name][0][0] in ("fit", "run"):
        done = run("indiseek", "evaluate", out, "--quiet", "--threads", 1)
        if done.code != 65 or not re.search(r"manifest\.sha256|is giving its files their names, or was stopped", done.err):
            return "neither old nor new, and evaluate takes it: exit code %d, %r" % (done.code, done.err[-300:])
    return next_run(name, out, due) if os.path.isdir(out) else None


def judge(name, fault, done, out, before, due):
    """What is wrong, in words; None: nothing."""
    now = held(out)
    if fault.startswith("kill"):
        return judge_killed(name, out, now, before, due)
    if done.returncode < 0 or done.returncode > 128:
        return "ended by signal %d" % -done.returncode
    if done.returncode == 0:
        if without_times(now) != without_times(due) and not re.search(r"^warning: .*left out", done.stderr, re.M):
            return "exit code 0, but other files: %s" % sorted(set(without_times(now).items()) ^ set(without_times(due).items()))[:4]
        return None if is_whole(out, now) or name in ("evaluate", "explain") else "exit code 0, but the manifest does not fit"
    if not re.search(r"^(indiseek( %s)?|warning): \S" % COMMANDS[name][0][0], done.stderr, re.M):
        return "exit code %d, but no sentence: %r" % (done.returncode, done.stderr[-300:])
    if now == before or (without_times(now) == without_times(due) and is_whole(out, now)):
        return None
    if name in ("evaluate", "explain") and not now:
        return None
    if fault.startswith(("rename", "remove")) and os.path.isdir(out):
        return next_run(name, out, due)
    differ = sorted(set(now.items()) ^ set(before.items()))[:4]
    return "exit code %d, and neither the earlier results nor whole new ones: %s" % (done.returncode, differ)


def battery(name):
    earlier, due, calls = prepare(name)
    out, faults, tried = at(name.replace(" ", "-") + "-out"), [], 0
    for kind in KINDS:
        for k in chosen(calls[kind]):
            shutil.rmtree(out, ignore_errors=True)
            if os.path.isfile(out):
                os.remove(out)
            if os.path.isdir(earlier):
                shutil.copytree(earlier, out)
            before, fault = held(out), "%s:%d" % (kind, k)
            try:
                wrong = judge(name, fault, start(name, out, FAULTS=fault), out, before, due)
            except subprocess.TimeoutExpired:
                wrong = "still running after %d s" % PATIENCE
            tried += 1
            if wrong:
                faults.append("FAULTS=%s: %s" % (fault, wrong))
    print("# %s: %d faults tried, %d held" % (name, tried, tried - len(faults)))
    assert not faults, "%d of %d\n%s" % (len(faults), tried, "\n".join(faults))


@test("the library of faults builds, and counts what the program does")
def _():
    flags = "-std=gnu99 -shared -fPIC -O1 -Wall -Wextra -Werror".split()
    done = subprocess.run([*os.environ.get("CC", "cc").split(), *flags, "-o", LIBRARY, "tests/base/faults.c", "-ldl"],
                          capture_output=True, text=True)
    equal(done.returncode, 0, done.stderr)
    for folder, words in (("fitted", ["fit", *views(), *LABELS, *SMALL]), ("ran", ["run", *CELLS, *RUN]),
                          ("integrated", ["integrate", *JOINED, *INTEGRATE])):
        done = run("indiseek", *words, "--threads", 1, "--out", at(folder))
        equal(done.code, 0, str(done))
    if not SANITIZED:
        calls = prepare("fit")[2]
        assert all(calls[kind] > 0 for kind in ("memory", "open", "read", "write", "flush", "close", "rename")), calls


def add(name):
    @test("%s: whatever fails, nothing half-done is taken as good" % name, skip="the sanitizer has its own malloc" if SANITIZED else "")
    def _():
        battery(name)


for name in COMMANDS:
    add(name)


def evaluated(out):
    """Exit code, what evaluate prints and what it says of one folder."""
    done = run("indiseek", "evaluate", out, "--threads", 1, "--quiet", "--json", "-")
    return done.code, done.out, done.err


@test("killed at a rename over a run of another seed: evaluate refuses, or gives the numbers of one of both",
      skip="the sanitizer has its own malloc" if SANITIZED else "")
def _():
    kills, of_old, of_new, refused = 60 if EACH == "all" else min(int(EACH), 60), 0, 0, 0
    for command in range(min(2, kills)):
        name, each, out, earlier = ("fit", "run")[command], kills // 2, at("killed"), at("seed-7-%d" % command)
        equal(run("indiseek", *COMMANDS[name][0], "--seed", 7, "--out", earlier).code, 0)
        old, new, renames = evaluated(earlier), evaluated(at(("fitted", "ran")[command])), prepare(name)[2]["rename"]
        assert old[0] == new[0] == 0 and old[1] != new[1], (old, new)
        for i in range(each):
            shutil.rmtree(out, ignore_errors=True)
            shutil.copytree(earlier, out)
            done = start(name, out, FAULTS="kill:%d" % (1 + (i % renames if each >= renames else i * (renames - 1) // max(each - 1, 1))))
            equal(done.returncode, -signal.SIGKILL, done.stderr)
            code, said, error = evaluated(out)
            if code == 0:
                assert said in (old[1], new[1]), "%s, kill %d: numbers of neither run: %s" % (name, i, said)
                of_old, of_new = of_old + (said == old[1]), of_new + (said == new[1])
            else:
                assert code == 65 and re.search(r"manifest\.sha256|is giving its files their names, or was stopped", error), (code, error)
                refused += 1
    print("# %d kills: %d left the old run, %d the new one, %d were refused" % (kills, of_old, of_new, refused))

if __name__ == "__main__":
    sys.exit(main(first=1))
