#!/usr/bin/env python3
# build: indiseek simulation study
"""What becomes of files: runs that are stopped and go on, folders that hold others' files, full disks.

Runs the programs from BUILD on tiny data of its own; scratch data under build/, removed when all is well.
"""
import json
import os
import random
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import time

sys.path[:0] = ["tests/base", "tests/runs"]
from programs import (
    disown, epochs_of, FEATURES, features_of, fit, fit_first, LABELS, lines, LONG, metrics, PATIENCE, program, read,
    read_page, records, RESULTS, ROWS, run, sha, SIMULATION, SMALL, start, state, stopped, table, text, views,
    wait_for_records, write)
from tap import at, equal, inside, main, test

fit_first()


# ---- stopping and going on --------------------------------------------------------------------------------------------

@test("killed by SIGKILL five times and resumed: the same model, the whole log, nothing left over")
def _():
    whole = start("whole")
    assert whole.wait(PATIENCE) == 0
    seed = int(time.time()) % 100000
    r = random.Random(seed)
    killed, log = 0, at("killed/log.jsonl.new")
    for _turn in range(5):
        process = start("killed", "--resume")
        already = read(log).count(b"\n") if os.path.exists(log) else 0
        wait_for_records(process, log, already + r.randrange(300))
        time.sleep(r.random() * 0.01)
        process.kill()
        process.communicate()
        if process.returncode == 0:
            break
        equal(process.returncode, -signal.SIGKILL)
        killed += 1
        left = set(os.listdir(at("killed"))) if os.path.exists(at("killed")) else set()
        assert not left & set(RESULTS), "results of a run that was killed: %s" % sorted(left)
    assert killed > 0, "it was too fast to be killed"
    print("# killed %d times, seed %d" % (killed, seed))
    if killed == 5:
        process = start("killed", "--resume")
        process.communicate(timeout=PATIENCE)
        equal(process.returncode, 0)
    equal(sha(at("killed/model.safetensors")), sha(at("whole/model.safetensors")))
    equal(features_of(at("killed")), features_of(at("whole")))
    equal(sorted(os.listdir(at("killed"))), RESULTS)
    one, two = epochs_of(at("whole/log.jsonl")), epochs_of(at("killed/log.jsonl"))
    for stage in ("shared", "specific1", "specific2"):
        equal(sorted(set(two[stage])), one[stage], "epochs of %s in the log" % stage)
    read_page(at("killed/report.html"))
    one, two = metrics(at("whole")), metrics(at("killed"))
    one["training"]["seconds"] = two["training"]["seconds"] = 0
    equal(two, one)


@test("SIGINT: exit code 75, a checkpoint, and a line to go on with that does")
def _():
    err = stopped("stopped")
    inside("stopping at the next good moment; once more stops at once\n", err)
    assert re.search(r"^indiseek fit: stopped after round \d+; resume from %s$" % at("stopped/checkpoint.safetensors"), err, re.M), err
    line = re.search(r"^to go on:  (.*)$", err, re.M).group(1)
    equal(shlex.split(line)[0], program("indiseek"))
    equal(sorted(os.listdir(at("stopped"))), ["checkpoint.safetensors", "log.jsonl.new"])
    done = subprocess.run(line, shell=True, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
    equal(done.returncode, 0, done.stderr)
    assert re.search(r"^resumed from %s after round \d+$" % at("stopped/checkpoint.safetensors"), done.stderr, re.M), done.stderr
    equal(sorted(os.listdir(at("stopped"))), RESULTS)
    equal(sha(at("stopped/model.safetensors")), sha(at("whole/model.safetensors")))


@test("a second SIGINT ends at once, and earlier results stay")
def _():
    shutil.copytree(at("first"), at("twice"))
    before = state(at("twice"))
    process = start("twice", "--epochs", "100000")
    wait_for_records(process, at("twice/log.jsonl.new"), 20)
    # Both before the process runs again, or it may have stopped well after the first.
    process.send_signal(signal.SIGSTOP)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGCONT)
    _out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode in (128 + signal.SIGINT, 128 + signal.SIGTERM), (process.returncode, err)
    after = state(at("twice"))
    equal({name: after[name] for name in RESULTS}, before)


@test("SIGHUP does the same, but under nohup, where a run goes on")
def _():
    signal.signal(signal.SIGHUP, signal.SIG_DFL)            # these tests may themselves run under nohup, and runs inherit that
    stopped("hangup", signal.SIGHUP)
    equal(sorted(os.listdir(at("hangup"))), ["checkpoint.safetensors", "log.jsonl.new"])
    shutil.rmtree(at("hangup"))
    process = subprocess.Popen(["nohup", program("indiseek"), "fit", *views(), "--out", at("hangup"), *LONG, "--quiet"],
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for_records(process, at("hangup/log.jsonl.new"), 20)
    process.send_signal(signal.SIGHUP)
    equal(process.wait(PATIENCE), 0)
    equal(sorted(os.listdir(at("hangup"))), RESULTS)


@test("SIGTERM does the same, and leaves the results of an earlier run alone")
def _():
    stopped("term", signal.SIGTERM, earlier="first")
    after = state(at("term"))
    equal({name: after[name] for name in RESULTS}, state(at("first")))
    done = run("indiseek", "fit", *views(), "--out", at("term"), *LONG, "--resume", "--quiet", "--threads", 1, "--checkpoint-every", 7)
    assert done.code == 0, str(done)
    equal(sha(at("term/model.safetensors")), sha(at("whole/model.safetensors")))
    equal(sorted(os.listdir(at("term"))), RESULTS)


@test("--stability: the kept model is the same, its coordinates are told from further seeds', and what is unstable is said")
def _():
    done = fit("stable", *LABELS, "--label-ignore", "unknown", "--stability", 2)
    equal(sorted(os.listdir(at("stable"))), RESULTS)
    equal({name: sha(at("stable/" + name)) for name in FEATURES}, {name: sha(at("first/" + name)) for name in FEATURES})
    equal(len(lines(at("stable/log.jsonl"))), len(lines(at("first/log.jsonl"))))
    inside("training 2 further seeds from 1, for stability\n", done.err)
    found = metrics(at("stable"))["stability"]
    equal([found["seeds"], found["diverged"], sorted(found)], [2, 0, ["C1", "C2", "Z1", "Z2", "diverged", "seeds"]])
    rows = [line.split("\t") for line in lines(at("stable/coordinates.tsv"))]
    for row in rows[1:]:
        kind, number = row[0].split("_")
        told = found[kind]["coordinates"][int(number) - 1]
        assert abs(float(row[rows[0].index("stable")]) - told) < 1e-5 and told <= 1, row
    below = [kind for kind in ("Z1", "Z2", "C1", "C2") if found[kind]["mean"] < 0.5]
    assert below, "these networks hardly train: %s" % found
    words = "not stable (R^2 below 0.5): " + ", ".join("%s %.2f" % (kind, found[kind]["mean"]) for kind in below)
    inside("warning: " + words, done.err)
    inside(words.replace("not stable", "ot stable"), text(at("stable/report.html")).replace("Not stable", "not stable"))
    inside("stability: Z1 ", done.out)
    inside("stable", run("indiseek", "explain", at("stable")).out)
    assert "stability" not in metrics(at("first"))
    done = run("indiseek", "fit", *views(), "--out", at("refused"), "--stability", 1)
    equal((done.code, done.err.splitlines()[0]),
          (2, "indiseek fit: --stability is 1; it must be at least 2 further seeds, or 0"))


@test("--stability that was stopped goes on to the same numbers")
def _():
    more = ["--stability", "2", "--checkpoint-every", "5"]
    line = [program("indiseek"), "fit", *views(), "--out", at("halfway"), *LONG, *more]
    process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until = time.time() + PATIENCE
    while process.poll() is None and time.time() < until and not os.path.exists(at("halfway/checkpoint.stability.safetensors")):
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)
    _out, err = process.communicate(timeout=PATIENCE)
    equal(process.returncode, 75, err)
    done = run("indiseek", "fit", *views(), "--out", at("halfway"), *LONG, *more, "--resume")
    assert done.code == 0, str(done)
    inside("resumed from %s after round " % at("halfway/checkpoint.stability.safetensors"), done.err)
    equal(sorted(os.listdir(at("halfway"))), RESULTS)
    done = run("indiseek", "fit", *views(), "--out", at("at_once"), *LONG, *more, "--quiet")
    assert done.code == 0, str(done)
    equal(metrics(at("halfway"))["stability"], metrics(at("at_once"))["stability"])
    equal(sha(at("halfway/model.safetensors")), sha(at("at_once/model.safetensors")))


@test("explain prints what a fit left, by the columns of its files")
def _():
    own = [[i % 7, 3 * (i % 7) + i % 2, -(i % 7)] for i in range(ROWS)]
    write("named.csv", table(own, header=["up", "most", "down"]))
    fit("named", x1=at("named.csv"))
    printed = run("indiseek", "explain", at("named")).out
    inside("Z1, specific to x1:\n", printed)
    head, *rest = [line.split("\t") for line in lines(at("named/coordinates.tsv"))]
    rows = [dict(zip(head, row)) for row in rest]
    equal({row["rises_1"] for row in rows if row["coordinate"][1] == "1"} - {"up", "most", "down"}, set())
    equal({row["rises_1"] for row in rows if row["coordinate"][1] == "2"} - {"", "1", "2", "3", "4"}, set())
    write("named/coordinates.tsv", "coordinate\tmodality\tr2_x1\tr2_x2\tr2_cumulative\trises_1\trises_1_r\n"
                                   "Z2_1\tx2\t0.5\t\t0.5\tmost\t0.25\n")
    disown("named/coordinates.tsv")
    equal(run("indiseek", "explain", at("named")).out,
          "Z2, specific to x2:\n"
          "        R^2 x1  R^2 x2  cumulative  rises (+) and falls (-) with\n"
          "Z2_1     0.500       -       0.500  + most 0.25\n")
    equal(json.loads(run("indiseek", "explain", at("named"), "--json", "-").out)[0]["rises_1"], "most")
    done = run("indiseek", "explain")
    equal((done.code, done.err.splitlines()[0]), (2, "indiseek explain: RESULTS is missing: a folder of `indiseek run` or `indiseek fit`"))


@test("--resume before the first checkpoint starts afresh, in a new folder and in a finished one")
def _():
    fit("plain", "--quiet")
    fit("fresh", "--resume", "--quiet")
    equal(sha(at("fresh/model.safetensors")), sha(at("plain/model.safetensors")))
    fit("fresh", "--resume", "--quiet", "--lambda", 3)
    equal(metrics(at("fresh"))["lambda"], 3)


@test("--resume with other options or data names the field and loses nothing")
def _():
    stopped("other")
    checkpoint = at("other/checkpoint.safetensors")
    before = sha(checkpoint)
    def named(field, there, here):
        return "%s: %s is %s in the checkpoint and %s here; resume with what it was started with, or start afresh\n" % (
            checkpoint, field, there, here)
    data = ("%s: the data or the split are not those that the checkpoint was made from; resume with the same files, or start afresh\n"
            % checkpoint)
    for more, sentence in (
            (["--lambda", 3], named("option.lambda", 10, 3)), (["--width", 9], named("option.width", 8, 9)),
            (["--method", "indiseek0"], named("method", "residual-indiseek", "indiseek0")),
            (["--seed", 4], "seed is 0 in the checkpoint and 4 here"),
            (["--x2", at("x1.npy")], data), (["--test", 0.3], data), (["--x1-norm", "none"], data)):
        done = run("indiseek", "fit", *views(), "--out", at("other"), *LONG, "--resume", "--quiet", *more)
        equal(done.code, 2, str(done))
        inside(sentence, done.err)
        equal(sha(checkpoint), before, "the checkpoint after %s" % more)
    done = run("indiseek", "fit", *views(), "--out", at("other"), *LONG, "--resume", "--quiet")
    assert done.code == 0, str(done)
    equal(sha(at("other/model.safetensors")), sha(at("whole/model.safetensors")))


@test("--resume from a damaged checkpoint says so and leaves it")
def _():
    stopped("damaged")
    data = read(at("damaged/checkpoint.safetensors"))
    write("damaged/checkpoint.safetensors", data[:len(data) // 2])
    done = run("indiseek", "fit", *views(), "--out", at("damaged"), *LONG, "--resume", "--quiet")
    equal((done.code, done.err), (65, "indiseek fit: %s: its header asks for %d bytes, but it has %d; it is cut off\n" % (
        at("damaged/checkpoint.safetensors"), len(data), len(data) // 2)))
    equal(len(read(at("damaged/checkpoint.safetensors"))), len(data) // 2)


@test("a run that starts afresh keeps another's checkpoint; one on bad data does not touch it")
def _():
    stopped("keeps")
    before = state(at("keeps"))
    for wrong in (["--x1", at("none.npy")], ["--lambda", -1], ["--method", "nothing"], ["--split", at("labels.tsv") + ":kind"]):
        done = run("indiseek", "fit", *views(), "--out", at("keeps"), *SMALL, "--quiet", *wrong)
        assert done.code in (1, 2, 65), str(done)
        equal(state(at("keeps")), before, str(wrong))
    done = fit("keeps", "--quiet")
    kept = at("keeps/checkpoint.previous.safetensors")
    inside("warning: %s holds the checkpoint of a run that was stopped; it is kept as %s" % (at("keeps"), kept), done.err)
    equal(sha(kept), before["checkpoint.safetensors"])


@test("killed at any moment, while it writes results too: every file is the old one or the new one, whole")
def _():
    r = random.Random(time.time())
    fit("new", "--quiet", *LABELS, "--lambda", 3)
    old, new = state(at("first")), state(at("new"))
    begin = time.time()
    fit("new", "--quiet", *LABELS, "--lambda", 3)
    seconds = time.time() - begin
    for _turn in range(8):
        shutil.copytree(at("first"), at("moment"))
        process = subprocess.Popen([program("indiseek"), "fit", *views(), "--out", at("moment"), *SMALL, "--quiet", *LABELS, "--lambda",
                                    "3"],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(r.random() * 1.2 * seconds)
        process.kill()
        process.wait()
        now = state(at("moment"))
        for name in FEATURES + ["model.safetensors", "split.tsv"]:
            assert now[name] in (old[name], new[name]), name + " is neither the old nor the new one"
        records(at("moment/log.jsonl"))
        read_page(at("moment/report.html"))
        for name in ("metrics.json", "config.json"):
            json.loads(text(at("moment/" + name)))
        shutil.rmtree(at("moment"))


@test("a run that diverges says when, exits 1 and leaves earlier results alone")
def _():
    shutil.copytree(at("first"), at("diverged"))
    before = state(at("diverged"))
    done = run("indiseek", "fit", *views(), "--out", at("diverged"), *SMALL, "--optimizer", "sgd", "--rate", 1000, "--quiet")
    equal(done.code, 1, str(done))
    assert re.search(r"^indiseek fit: diverged at epoch \d+ of stage \w+[12]: \w+ is not finite; a smaller --rate or --clip-norm 1 "
                     r"may help \(log: %s\)$" % at("diverged/log.jsonl.new"), done.err, re.M), done.err
    after = state(at("diverged"))
    equal({name: after[name] for name in RESULTS}, before)
    records(at("diverged/log.jsonl.new"))


# ---- whose files they are ---------------------------------------------------------------------------------------------

USERS = ("has %s, which would be replaced, and by manifest.sha256 no run of this program wrote %s now; name another folder, "
         "or move %s away\n")


def users(*names):
    many = len(names) > 1
    return USERS % (", ".join(names), "them as they are" if many else "it as it is", "them" if many else "it")



@test("a file that is the user's is never replaced: refused before any work, by name; a link neither")
def _():
    for names in (["split.tsv"], ["report.html", "z1.npy"], ["manifest.sha256"]):
        os.makedirs(at("users"))
        for name in names:
            write("users/" + name, "mine")
        write("users/notes.txt", "mine")
        before = state(at("users"))
        done = run("indiseek", "fit", *views(), "--out", at("users"), *SMALL)
        equal((done.code, done.out), (1, ""))
        for found in (names, names[::-1]):
            listed = "indiseek fit: %s %s" % (at("users"), users(*found))
            if listed == done.err:
                break
        equal(done.err, listed)
        equal(state(at("users")), before)
        shutil.rmtree(at("users"))
    os.makedirs(at("users"))
    write("precious", "mine")
    for name in ("c1.npy", "log.jsonl.new", ".indiseek-lock"):
        os.symlink(os.path.abspath(at("precious")), at("users/" + name))
        done = run("indiseek", "fit", *views(), "--out", at("users"), *SMALL)
        equal(done.code, 1, str(done))
        inside(at("users"), done.err)
        equal((text(at("precious")), os.listdir(at("users"))), ("mine", [name]), str(done))
        os.remove(at("users/" + name))
    write("users/notes.txt", "mine")
    write("users/.writable", "mine")
    fit("users")
    equal(sorted(os.listdir(at("users"))), sorted(RESULTS + ["notes.txt", ".writable"]))
    equal((text(at("users/notes.txt")), text(at("users/.writable"))), ("mine", "mine"))


@test("a result that its user changed is the user's; without a line in the manifest no command minds")
def _():
    fit("changed")
    equal(subprocess.run(["sha256sum", "-c", "--quiet", "manifest.sha256"], cwd=at("changed")).returncode, 0)
    equal(sorted(line[66:] for line in lines(at("changed/manifest.sha256"))[1:]), [name for name in RESULTS if name != "manifest.sha256"])
    write("changed/split.tsv", text(at("changed/split.tsv")) + "\n")
    before = state(at("changed"))
    done = run("indiseek", "fit", *views(), "--out", at("changed"), *SMALL)
    equal((done.code, done.err), (1, "indiseek fit: %s %s" % (at("changed"), users("split.tsv"))))
    done = run("indiseek", "evaluate", at("changed"))
    equal((done.code, done.err), (65, "indiseek evaluate: %s is not as %s says: a later run was stopped while its files took their names, "
                                      "or it was changed; run again, or take its line out of there if the change is yours\n" %
                                  (at("changed/split.tsv"), at("changed/manifest.sha256"))))
    equal(state(at("changed")), before)
    disown("changed/split.tsv")
    equal(run("indiseek", "evaluate", at("changed")).code, 0)


@test("a file that comes while a run works is not replaced either, nor by --resume; an input is not stale")
def _():
    process = start("late", "--checkpoint-every", "1")
    wait_for_records(process, at("late/log.jsonl.new"), 20)
    write("late/report.html", "mine")
    process.communicate(timeout=PATIENCE)
    equal(process.returncode, 1)
    done = run("indiseek", "fit", *views(), "--out", at("late"), *LONG, "--resume")
    equal((done.code, done.err), (1, "indiseek fit: %s %s" % (at("late"), users("report.html"))))
    equal(text(at("late/report.html")), "mine")
    os.remove(at("late/report.html"))
    equal(run("indiseek", "fit", *views(), "--out", at("late"), *LONG, "--resume", "--quiet").code, 0)
    equal(sorted(os.listdir(at("late"))), RESULTS)
    shutil.copytree(at("first"), at("reread"))
    done = run("indiseek", "fit", "--x1", at("reread/z2.npy"), "--x2", at("x2.npy"), "--out", at("reread"), *SMALL, "--method", "clip")
    assert done.code == 0, str(done)
    inside("z2.npy", "".join(os.listdir(at("reread"))))
    assert "z1.npy" not in os.listdir(at("reread"))


@test("transform does not write features of others beside a model")
def _():
    before = state(at("first"))
    done = run("indiseek", "transform", "--model", at("first"), "--x1", at("x1.npy"), "--out", at("first"))
    equal((done.code, done.err), (2, "indiseek transform: %s is the folder of a run, whose features would be written over; name "
                                      "another\n" % at("first")))
    equal(state(at("first")), before)


@test("--json F: neither F.new nor what it links to is touched")
def _():
    write("scores.json.new", "mine")
    run("indiseek", "evaluate", at("first"), "--json", at("scores.json"))
    equal(text(at("scores.json.new")), "mine")
    os.remove(at("scores.json.new"))


@test("of eight runs at once into one folder one goes on, seven are refused with its pid; the folder is of that one")
def _():
    runs = [subprocess.Popen([program("indiseek"), "fit", *views(), "--out", at("crowd"), *LONG, "--seed", str(seed), "--quiet"],
                             stderr=subprocess.PIPE, text=True) for seed in range(8)]
    said = [(process, process.communicate(timeout=PATIENCE)[1]) for process in runs]
    good = [process for process, _err in said if process.returncode == 0]
    equal(len(good), 1, str(said))
    for process, err in said:
        if process is not good[0]:
            equal((process.returncode, err), (1, "indiseek fit: process %d is writing into %s; wait for it, or name another folder\n" %
                                              (good[0].pid, at("crowd"))))
    equal(sorted(os.listdir(at("crowd"))), RESULTS)
    equal(run("indiseek", "evaluate", at("crowd")).code, 0)


@test("while a run writes the first results into a folder, who asks for them is told its process; earlier results are read")
def _():
    for name, commands in (("awaited", (["evaluate", at("awaited")], ["explain", at("awaited")],
                                        ["transform", "--model", at("awaited"), "--x1", at("x1.npy"), "--out", at("not-there")],
                                        ["annotate", "--model", at("awaited"), "--out", at("not-there")])),
                           ("read", (["evaluate", at("read")], ["explain", at("read")]))):
        if name == "read":
            shutil.copytree(at("first"), at("read"))
        process = start(name, "--epochs", "100000")
        wait_for_records(process, at(name + "/log.jsonl.new"), 20)
        for line in commands:
            done = run("indiseek", *line)
            if name == "read":
                equal(done.code, 0, str(done))
                continue
            equal((done.code, done.err), (1, "indiseek %s: %s has no results yet: process %d is writing the first into it; wait for its "
                                             "end\n" % (line[0], at("awaited"), process.pid)))
        process.kill()
        process.communicate()
    done = run("indiseek", "explain", at("awaited"))
    assert "has no results yet" not in done.err and done.code == 1, str(done)       # nobody writes any more
    assert not os.path.exists(at("not-there")) or not os.listdir(at("not-there"))


@test("killed at any rename: evaluate refuses or is right, and the next run ends what was begun")
def _():
    fit("before", "--quiet")
    fit("after", "--seed", 5, "--quiet")
    names = [line[66:] for line in lines(at("after/manifest.sha256"))[1:]] + ["manifest.sha256"]
    old, new = [json.loads(run("indiseek", "evaluate", at(name), "--json", "-").out)["leakage"] for name in ("before", "after")]
    refused = 0
    for moved in range(len(names) + 1):
        shutil.copytree(at("before"), at("killed_there"))
        os.mkdir(at("killed_there/.indiseek-new"))
        for i, name in enumerate(names):
            shutil.copy(at("after/" + name), at("killed_there/" + ("" if i < moved else ".indiseek-new/") + name))
        done = run("indiseek", "evaluate", at("killed_there"), "--json", "-")
        if done.code == 0:
            assert json.loads(done.out)["leakage"] == (old if moved == 0 else new), moved
        else:
            refused += 1
            equal((done.code, done.out), (65, ""))
            inside("a run is giving its files their names, or was stopped while it did; run again", done.err)
        done = run("indiseek", "fit", *views(), "--out", at("killed_there"), *SMALL, "--x1-norm", "tfidf", "--x2-norm", "log1p-cp10k")
        assert done.code not in (0, None), "this run was to be refused after it had opened the folder: %s" % done
        equal(state(at("killed_there")), state(at("after")), "%d files had their names" % moved)
        shutil.rmtree(at("killed_there"))
    assert refused > 3, refused


# ---- disks and outputs ------------------------------------------------------------------------------------------------

@test("a full disk ends the run at the first checkpoint: exit code 1, earlier results stay")
def _():
    shutil.copytree(at("first"), at("full"))
    before = state(at("full"))
    for size in (0, 1000, 8000):
        # At most `size` bytes a file: writing fails as on a full disk.
        done = run("indiseek", "fit", *views(), "--out", at("full"), *LONG, "--epochs", 1000000, "--quiet",
                   before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)))
        equal((done.code, done.err), (1, "indiseek fit: %s: cannot be written: File too large\n" % at("full/checkpoint.safetensors")))
        after = state(at("full"))
        if "checkpoint.safetensors" in after:           # there was room for the first, in which nothing is trained yet
            os.remove(at("full/checkpoint.safetensors"))
            os.remove(at("full/log.jsonl.new"))
            after = {name: value for name, value in after.items() if name in RESULTS}
        equal(after, before, "%d bytes a file" % size)


@test("whichever result cannot be written: exit code 1, it is named, the earlier ones stay; --resume goes on from the end")
def _():
    before = state(at("full"))
    for name in RESULTS:
        blocked = at("full/.indiseek-new/%s" % name)
        os.makedirs(blocked)
        done = run("indiseek", "fit", *views(), "--out", at("full"), *SMALL, "--quiet", "--lambda", 3)
        equal(done.code, 1, str(done))
        assert re.search(r"^indiseek fit: %s:? cannot be \w+: .+$" % re.escape(blocked), done.err, re.M), done.err
        os.removedirs(blocked)
        after = state(at("full"))
        equal({file: after[file] for file in RESULTS}, before, name)
        left = set(after) - set(RESULTS)
        assert left <= {"checkpoint.safetensors", "log.jsonl.new"}, left
        if name != RESULTS[-1]:
            for file in left:
                os.remove(at("full/" + file))
    done = fit("full", "--lambda", 3, "--resume")
    inside("resumed from ", done.err)
    fit("three", "--quiet", "--lambda", 3)
    equal(sha(at("full/model.safetensors")), sha(at("three/model.safetensors")))


@test("a limit on the size of files is an error of writing, not the end by its signal: the file is named, nothing is left")
def _():
    def limited(size):
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)       # as in a shell; Python has it ignored
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    said = "indiseek %s: %s: cannot be written: File too large\n"
    for command, line, size, named in (
            ("fit", [*views(), *SMALL, "--quiet"], 100, "checkpoint.safetensors"),
            ("transform", ["--model", at("first"), "--x1", at("x1.npy"), "--quiet"], 1000, ".indiseek-new/c1.npy")):
        done = run("indiseek", command, *line, "--out", at("limited"), before=lambda: limited(size))
        equal((done.code, done.err), (1, said % (command, at("limited/" + named))))
        equal(os.listdir(at("limited")), [])
    done = run("indiseek", "evaluate", at("first"), "--quiet", "--json", at("limited.json"), before=lambda: limited(100))
    equal((done.code, done.err), (1, said % ("evaluate", at("limited.json"))))
    equal([name for name in os.listdir(at("")) if name.startswith("limited.json")], [])
    with open(at("said"), "w") as file:
        done = run("indiseek", "man", stdout=file, before=lambda: limited(100))
    equal((done.code, done.err), (1, "indiseek: what goes to standard output cannot be written\n"))


@test("standard output that cannot be written is a failure")
def _():
    for name, *arguments in (("indiseek", "evaluate", at("first")), ("indiseek", "fit", "--help"), ("indiseek", "--help"),
                             ("indiseek", "--version"), ("indiseek", "fit", "--version"), ("indiseek", "help"), ("indiseek", "devices"),
                             ("indiseek", "man"), ("indiseek", "completion", "bash"), ("indiseek", "explain", at("first")),
                             ("indiseek", "explain", at("first"), "--tsv", "-"), ("indiseek", "evaluate", at("first"), "--json", "-"),
                             ("study", "--version"), ("study", "--help"), ("study", "probe", "--version"),
                             ("simulation", "--version"), ("simulation", "--help"), ("simulation", *SIMULATION)):
        with open("/dev/full", "w") as full:
            done = run(name, *arguments, stdout=full)
        equal(done.code, 1, str(done))
        inside("%s: what goes to standard output cannot be written\n" % name, done.err)


if __name__ == "__main__":
    sys.exit(main())
