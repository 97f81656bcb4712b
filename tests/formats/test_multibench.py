#!/usr/bin/env python3
"""examples/multibench_to_npy.py on small pickles made here.  Needs numpy; without it the test is skipped."""
import os
import pickle
import random
import subprocess
import sys

try:
    import numpy
except ImportError:
    # Debian has numpy for its own Python, which may not be the first one that is found.
    if os.path.exists("/usr/bin/python3") and not os.environ.get("TRIED_SYSTEM_PYTHON"):
        os.environ["TRIED_SYSTEM_PYTHON"] = "1"
        os.execv("/usr/bin/python3", ["/usr/bin/python3"] + sys.argv)
    print("skipped: numpy is missing, and the converter needs it (apt-get install python3-numpy)")
    sys.exit(77)

sys.path.insert(0, "tests/base")
from tap import at, main, test

PROGRAM = "examples/multibench_to_npy.py"


def dump(name, data):
    with open(at(name), "wb") as file:
        pickle.dump(data, file)
    return at(name)


def convert(*arguments):
    return subprocess.run([sys.executable, PROGRAM, *[str(a) for a in arguments]], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True)


def converted(*arguments):
    """All arrays that a run which does well has written."""
    done = convert(*arguments)
    assert done.returncode == 0, done.stderr
    return {name[:-4]: numpy.load(os.path.join(arguments[1], name)) for name in os.listdir(arguments[1])}, done


def refused(sentence, *arguments):
    done = convert(*arguments)
    assert done.returncode == 1, done.stderr
    assert done.stderr == "multibench_to_npy.py: %s: %s\n" % (arguments[0], sentence), done.stderr


def same(got, wanted):
    assert got.shape == numpy.shape(wanted) and (got == wanted).all(), "%s\nis not\n%s" % (got, wanted)


# Samples of 4 steps; text: steps 1 to 3, none, step 3 alone; step 2 is zero between others.
TEXT = numpy.zeros((3, 4, 2))
TEXT[0, 1:] = [[1, 2], [0, 0], [3, 0]]
TEXT[2, 3] = [5, 6]
VISION = numpy.arange(1, 37, dtype=float).reshape(3, 4, 3)


def affect(labels, text=TEXT, vision=VISION):
    count = len(labels)
    part = {"vision": vision[:count], "audio": numpy.full((count, 4, 1), -numpy.inf), "text": text[:count],
            "labels": numpy.array(labels, float).reshape(count, 1, 1), "id": numpy.arange(count)}
    return {"train": part, "valid": {k: v[:1] for k, v in part.items()}, "test": {k: v[:1] for k, v in part.items()}}


@test("start of text, zeros at the end, samples without text dropped, order of the parts")
def _():
    found, done = converted(dump("mosi_data.pkl", affect([0.0, 1.0, -2.0])), at("mosi"))
    assert sorted(found) == ["labels", "lengths", "split", "text", "vision"], sorted(found)
    same(found["lengths"], [3, 1, 3, 3])
    same(found["split"], [0, 0, 1, 2])
    same(found["text"][0], TEXT[0, 1:])
    same(found["text"][1], [[5, 6], [0, 0], [0, 0]])
    same(found["vision"][0], VISION[0, 1:])
    same(found["vision"][1], [list(VISION[2, 3]), [0] * 3, [0] * 3])
    for name in sorted(found):
        kind = "float32" if name in ("text", "vision") else "int32"
        assert found[name].dtype == kind and found[name].flags.c_contiguous, name
    assert "2 train, 1 validation, 1 test; 1 samples without text were dropped" in done.stdout, done.stdout


@test("sentiment by y >= 0 or y > 0; humour and sarcasm by y > 0 whatever the rule")
def _():
    path = dump("mosei_senti_data.pkl", affect([0.0, 1.0, -2.0]))
    same(converted(path, at("ge"))[0]["labels"], [1, 0, 1, 1])
    same(converted(path, at("gt"), "--rule", "gt")[0]["labels"], [0, 0, 0, 0])
    same(converted(dump("humor.pkl", affect([0, 1, 1])), at("humor"))[0]["labels"], [0, 1, 0, 0])
    same(converted(dump("sarcasm.pkl", affect([1, 1, -1])), at("sarcasm"))[0]["labels"], [1, 0, 1, 1])


@test("audio: -inf is 0; --pool takes the mean over the valid steps")
def _():
    found, _done = converted(at("mosi_data.pkl"), at("pool"), "--pool", "--modalities", "vision,audio,text")
    assert "lengths" not in found
    same(found["audio"], numpy.zeros((4, 1)))
    same(found["text"][0], numpy.array([4 / 3, 2 / 3], numpy.float32))
    same(found["vision"][1], VISION[2, 3])


@test("MIMIC: z-scores over all, shuffled by seed 10, a tenth each for validation and test")
def _():
    r = numpy.random.RandomState(1)
    series, static, groups = r.normal(size=(20, 24, 12)), r.normal(2, 3, (20, 5)), r.randint(0, 2, (20, 20))
    series[3, 4, 5], static[6, 1], static[7, 2] = numpy.nan, numpy.inf, -numpy.inf
    labels = numpy.zeros((20, 6))
    labels[4, 3] = labels[5, 1] = labels[5, 2] = 1
    path = dump("im.pk", {"ep_tdata": series.copy(), "adm_features_all": static.copy(), "y_icd9": groups,
                          "adm_labels_all": labels})
    found, _done = converted(path, at("mimic"))
    order = list(range(20))
    random.seed(10)
    random.shuffle(order)
    same(found["labels"], groups[order])
    same(found["split"], [1, 1, 2, 2] + [0] * 16)
    same(found["lengths"], [24] * 20)
    clean = numpy.where(numpy.isfinite(static), static, 0)
    assert numpy.abs(found["static"] - ((clean - clean.mean(0)) / clean.std(0))[order]).max() < 1e-5
    assert numpy.abs(found["series"].mean(axis=(0, 1))).max() < 1e-5
    assert numpy.abs(found["series"].std(axis=(0, 1)) - 1).max() < 1e-5
    same(converted(path, at("task"), "--task", 7)[0]["labels"], groups[order, 7])
    wanted = numpy.zeros(20, int)
    wanted[4], wanted[5] = 3, 1
    same(converted(path, at("death"), "--task", -1)[0]["labels"], wanted[order])
    refused("--task is 20; it must be -1 (mortality) or lie between 0 and 19", path, at("none"), "--task", 20)


class Runs:
    def __reduce__(self):
        return os.mkdir, (at("ran"),)


@test("a pickle that would run code is refused, and does not run it")
def _():
    path = dump("mosi_bad.pkl", {"train": Runs()})
    refused("%s.mkdir is no array or plain value; the pickle would run code (--trust lets it)" % os.mkdir.__module__,
            path, at("none"))
    assert not os.path.exists(at("ran")) and not os.path.exists(at("none"))


@test("what is wrong with a file is said")
def _():
    refused("the pickle has no 'train'; is it a file of MultiBench?", dump("mosi_1.pkl", {}), at("none"))
    refused("which of mosi, mosei, humor, sarcasm is it?  Its name does not say; --kind does",
            dump("x.pkl", affect([1, 2, 3])), at("none"))
    vision = VISION.copy()
    vision[1, 2, 0] = numpy.nan
    refused("train, vision: sample 2, step 3, feature 1 is nan", dump("mosi_2.pkl", affect([1, 2, 3], vision=vision)),
            at("none"))
    refused("train, vision: is [3, 3, 3] where text is [3, 4, 2]; both must be [samples, steps, features]",
            dump("mosi_3.pkl", affect([1, 2, 3], vision=VISION[:, 1:])), at("none"))
    refused("no sample has text", dump("mosi_4.pkl", affect([1, 2, 3], text=0 * TEXT)), at("none"))
    with open(at("mosi_5.pkl"), "wb") as file:
        file.write(b"\x80\x04nothing")
    done = convert(at("mosi_5.pkl"), at("none"))
    assert done.returncode == 1 and "is no pickle that can be read" in done.stderr, done.stderr
    assert not os.path.exists(at("none"))


@test("--help says that pickles run code, and a missing file is one sentence")
def _():
    done = convert("--help")
    assert done.returncode == 0 and "can run any code" in done.stdout, done.stdout
    done = convert(at("gone.pkl"), at("none"))
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr


if __name__ == "__main__":
    sys.exit(main())
