#!/usr/bin/env python3
# build: graph new_cells quickstart sweep
"""The examples of one screen: each runs as its first lines say, and what it prints is what it is there to show."""
import os
import re
import subprocess
import sys

sys.path.insert(0, "tests/base")
from tap import at, equal, folder, main, test

BUILD = os.path.abspath(os.environ.get("BUILD", "build"))
NUMBER = r"-?(?:\d+\.\d+(?:e[+-]\d+)?|nan)"


def run(program):
    """What it prints, run in the scratch folder, where it leaves its files."""
    done = subprocess.run([program], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
    equal(done.returncode, 0, done.stderr)
    equal(done.stderr, "")
    return done.stdout


@test("quickstart: features of a row, and a saved model")
def _():
    said = run(BUILD + "/quickstart")
    numbers = [float(number) for number in re.findall(NUMBER, said)]
    equal(len(numbers), 6, said)
    assert 0 < numbers[4] < 0.5 and 0 < numbers[5] < 0.5, said
    assert os.path.getsize(at("quickstart.safetensors")) > 1000


@test("graph: gradients are those of differences, and the ring is learned")
def _():
    said = run(BUILD + "/graph")
    losses = [float(loss) for loss in re.findall("cross entropy (%s)" % NUMBER, said)]
    assert float(re.search("gradient: (%s)" % NUMBER, said).group(1)) < 0.01, said
    assert len(losses) == 4 and losses[0] > losses[1] > losses[3] and losses[3] < 0.1, said
    assert int(re.search(r"(\d+) of 400", said).group(1)) >= 380, said


@test("graph: compiled as its first lines say, in double, its gradients are right to 6 digits")
def _():
    with open("examples/graph.c", encoding="utf-8") as file:
        line = re.search(r"^ +cc (.*) -o graph && ./graph", file.read(), re.M).group(1).replace("-O2", "-O0").split()
    subprocess.run([*os.environ.get("CC", "cc").split(), "-std=c99", "-DINDISEEK_DOUBLE", *line, "-ldl", "-o", at("graph")], check=True)
    assert float(re.search("gradient: (%s)" % NUMBER, run(os.path.abspath(at("graph")))).group(1)) < 1e-6


@test("sweep: a larger lambda keeps more of X, models stop by themselves, and one lambda is the knee")
def _():
    said = run(BUILD + "/sweep")
    completeness = [float(value) for value in re.findall("completeness (%s)" % NUMBER, said)]
    epochs = [int(value) for words in re.findall(r"epochs((?: \d+)+)", said) for value in words.split()]
    assert len(completeness) == 4 and completeness[3] > completeness[0], said
    assert len(epochs) == 8 and min(epochs) < 80 and max(epochs) <= 80, said
    equal(said.count("<- the knee"), 1, said)


@test("new_cells: what was not measured is NaN, and what a cell's RNA says does not depend on the rest")
def _():
    said = run(BUILD + "/new_cells")
    cells = [re.findall(NUMBER, line) for line in said.splitlines()]
    equal([[value == "nan" for value in cell] for cell in cells],
          [[False] * 4, [False, True, False, True], [False] * 4, [False] * 2], said)
    equal(cells[3], [cells[0][0], cells[0][2]], said)
    assert os.path.getsize(at("new_cells.safetensors")) > 1000


sys.exit(main())
