#!/usr/bin/env python3
"""The rooms of examples/: each includes only those that stand before it, the programs never each other, and a test what its room may."""
import glob
import os
import re
import sys

sys.path.insert(0, "tests/base")
from tap import equal, main, test

# What the files of a room may include beside indiseek.h and their own room.
MAY = {
    "base": [],
    "formats": ["base"],
    "cells": ["base", "formats"],
    "runs": ["base", "formats", "cells"],
    "report": ["base", "formats", "cells", "runs"],
    "indiseek": ["base", "formats", "cells", "runs", "report"],
    "study": ["base", "formats", "cells", "runs", "report"],
}
PROGRAMS = ["indiseek", "study"]
ROOMS = [room for room in MAY if room not in PROGRAMS]          # in their order
SINGLE = sorted(os.path.basename(path)[:-2] for path in glob.glob("examples/*.c"))
# Tests of the library itself, of what needs a GPU, and of parity with PyTorch, which know no room.
OTHER_TESTS = ["library", "gpu", "oracle"]
METHODS = r"\b(isk_(preset_)?method\w*|ISK_METHOD\w*|indiseek0|factorizedcl|infodisen|clip|comm|invae|residual-indiseek)\b"


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def included(path, text):
    """The files that a file includes by "...", from the root of the repository; what does not exist is named as it stands there."""
    for name in re.findall(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', text, re.M):
        beside = os.path.normpath(os.path.join(os.path.dirname(path), name))
        yield beside if os.path.exists(beside) else name


def room_of(path):
    """The folder in examples/ of a file, "" of examples/NAME.c; None: it is no file of examples/."""
    parts = path.split("/")
    return None if parts[0] != "examples" else parts[1] if len(parts) > 2 else ""


def faults(path, text, may):
    """What a file includes and may not."""
    wrong = []
    for target in included(path, text):
        room = room_of(target)
        if not os.path.exists(target):
            wrong.append("%s includes %s, which is not there" % (path, target))
        elif room is not None and room not in may:
            wrong.append("%s includes %s" % (path, target))
    return wrong


def sources(pattern):
    return sorted(path for path in glob.glob(pattern) if path.endswith((".c", ".h")))


@test("every folder of examples/ that holds code is a room or a program, as the Makefile and examples/README.md have it")
def _():
    equal({path.split("/")[1] for path in glob.glob("examples/*/*.c")}, set(MAY))
    equal({path.split("/")[1] for path in glob.glob("examples/*/main.c")}, set(PROGRAMS))
    equal(re.search(r"^rooms +:= (.*)$", read("Makefile"), re.M).group(1).split(), ROOMS[::-1], "rooms of the Makefile")
    guide = read("examples/README.md")
    equal([name for name in MAY if "`%s/`" % name not in guide], [], "folders that the guide lacks")
    equal([name for name in SINGLE if "`%s.c`" % name not in guide], [], "programs of one file that the guide lacks")


@test("includes of examples/ go one way")
def _():
    wrong = []
    for room, may in MAY.items():
        for path in sources("examples/%s/*" % room):
            wrong += faults(path, read(path), [room, *may])
    for path in sources("examples/*"):
        wrong += faults(path, read(path), ["", *ROOMS])
    equal(wrong, [])


@test("a test includes what its room may; those of the library nothing of examples/")
def _():
    equal({path.split("/")[1] for path in glob.glob("tests/*/test_*")}, {*MAY, *OTHER_TESTS})
    wrong = []
    for room in [*MAY, *OTHER_TESTS]:
        for path in sources("tests/%s/*" % room):
            wrong += faults(path, read(path), [room, *MAY[room]] if room in MAY else [])
    equal(wrong, [])


@test("base knows no method")
def _():
    equal(["%s: %s" % (path, match.group()) for path in sources("examples/base/*")
           for match in re.finditer(METHODS, read(path), re.I)], [])


@test("these tests see what they look for")
def _():
    line = '#include "%s"\n'
    equal(faults("examples/base/text.c", line % "../formats/mtx.h", ["base"]), ["examples/base/text.c includes examples/formats/mtx.h"])
    equal(faults("examples/study/time.c", line % "../indiseek/run.h", ["study", *MAY["study"]]),
          ["examples/study/time.c includes examples/indiseek/run.h"])
    equal(faults("tests/cells/test_wnn.c", "# " + line[1:] % "examples/runs/views.h", ["cells", *MAY["cells"]]),
          ["tests/cells/test_wnn.c includes examples/runs/views.h"])
    equal(faults("examples/base/text.c", line % "nowhere.h", ["base"]), ["examples/base/text.c includes nowhere.h, which is not there"])
    equal(faults("examples/runs/views.c", line % "views.h" + line % "../base/options.h" + line % "../../indiseek.h", ["runs", "base"]), [])
    equal([bool(re.search(METHODS, words, re.I)) for words in ("ISK_METHOD_COUNT", "method clip", "clipped", "common")],
          [True, True, False, False])


sys.exit(main())
