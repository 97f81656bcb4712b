#!/usr/bin/env python3
"""What `make test` says where it cannot run: what of the tests needs what, and the one line that installs it."""
import os
import shutil
import subprocess
import sys

sys.path[:0] = ["tests/base"]
from tap import at, equal, inside, main, test

# The programs of a plain system, without Python and without a way to install anything.
PLAIN = "sh make sed grep awk cat echo printf uname nproc mkdir rm cmp cp ls tr true false env pkg-config".split()


def plain_path(*more):
    """A folder of links to those programs, for PATH."""
    path = os.path.abspath(at("bin"))
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    for name in PLAIN + list(more):
        if shutil.which(name):
            os.symlink(shutil.which(name), os.path.join(path, name))
    return path


def without_packages(command, path, **more):
    """It must end by itself, and at once: nothing is built."""
    environment = dict(os.environ, PATH=path, **more)
    for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "PYTHON"):         # this test may itself be run by make
        environment.pop(name, None)
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


@test("without Python 3: what it and cmocka are for, and how both are installed")
def _():
    done = without_packages(["make", "test"], plain_path())
    assert done.returncode != 0, done
    equal(done.stdout, "")
    inside("make test needs Python 3 (python3 is not here), which runs all tests and is the language of some, and cmocka for those in C;\n",
           done.stderr)
    equal([line for line in done.stderr.split("\n") if "apt-get" in line],
          ["install both with: sudo apt-get install python3 libcmocka-dev   (or the packages of your system)"])
    assert "No such file" not in done.stderr, done.stderr


@test("without cmocka and what widens the tests: each with what it is for, and one line that installs them")
def _():
    done = without_packages([sys.executable, "tests/run", "--install"], plain_path(), CC="false")       # a compiler that finds no header
    equal((done.returncode, done.stdout), (1, ""))
    needs, line, rest = done.stderr.split("\n", 2)
    assert needs.startswith("the tests need libcmocka-dev (every test in C), and more of them run with "), needs
    inside("zlib1g-dev (.gz), libhdf5-dev (.h5, .h5ad and .h5mu), libigraph-dev (clusters by Leiden)", needs)
    assert line.startswith("install with: sudo apt-get install libcmocka-dev "), line
    inside("zlib1g-dev libhdf5-dev libigraph-dev", line)
    equal(rest, "")


@test("where all is there nothing is said but what is skipped")
def _():
    done = without_packages([sys.executable, "tests/run", "--install"], plain_path(), CC="true")        # one that finds every header
    equal((done.returncode, done.stderr), (0, ""))
    assert not done.stdout or done.stdout.startswith("some tests are skipped without "), done.stdout
    assert "libcmocka-dev" not in done.stdout, done.stdout


if __name__ == "__main__":
    sys.exit(main())
