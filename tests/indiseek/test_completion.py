#!/usr/bin/env python3
# build: indiseek
"""The man page and the completion of indiseek, which are written from the same tables as --help, and --json on standard output."""
import json
import os
import random
import re
import shutil
import subprocess
import sys

if not shutil.which("bash"):
    print("skipped: bash is not installed")
    sys.exit(77)
sys.path.insert(0, "tests/base")
from tap import at, equal, folder, main, test

BUILD = os.environ.get("BUILD", "build")
PROGRAM = os.path.join(BUILD, "indiseek")


def run(*line):
    return subprocess.run([PROGRAM, *line], text=True, capture_output=True, timeout=120, stdin=subprocess.DEVNULL)


def out(*line):
    done = run(*line)
    assert (done.returncode, done.stderr) == (0, ""), (line, done)
    return done.stdout


COMMANDS = re.findall(r"^  (\w+)  ", out("--help").split("\nCommands:\n")[1], re.M)


def options_of(command):
    """The options of --help, each with what stands behind it: FILE, N, ... or nothing."""
    return re.findall(r"^  --([\w-]+)(?: (\S+))?(?:$|  )", out(command, "--help"), re.M)


def complete(*words, at=None):
    """What bash offers for the last word."""
    script = 'source <("$1" completion bash); shift; cd "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _indiseek; '\
             'printf "%s\\n" "${COMPREPLY[@]}"'
    done = subprocess.run(["bash", "-c", script, "bash", os.path.abspath(PROGRAM), at or ".", "indiseek", *words], text=True,
                          capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, ""), done
    return [word for word in done.stdout.split("\n") if word]


# ---- the man page -----------------------------------------------------------------------------------------------------

def rendered():
    """The page as it is read, where groff is installed; None where it is not."""
    if not shutil.which("groff"):
        print("# groff is not installed: the page is looked at as it is written")
        return None
    done = subprocess.run(["groff", "-man", "-Tascii", "-P-cbou", "-rLL=200n", "-ww"], input=out("man"), text=True,
                          capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


@test("every command and every option of --help stands in the man page, with its value")
def _():
    page = out("man")
    parts = re.split(r"^\.SS indiseek (\w+)\n", page.split("\n.SH COMMANDS\n")[1].split("\n.SH FILES\n")[0], flags=re.M)
    equal(parts[1::2], COMMANDS, "commands")
    for command, part in zip(COMMANDS, parts[2::2]):
        found = [(name.replace("\\-", "-"), value.replace("\\-", "-"))
                 for name, value in re.findall(r"^\.TP\n\\fB\\-\\-([\w\\-]+)\\fR(?: \\fI(.*)\\fR)?$", part, re.M)]
        due = [option for option in options_of(command) if option[0] not in ("help", "version")]
        equal(found, due, command)
    assert len(options_of("fit")) > 80


@test("the man page has its sections, every macro is one of man(7), and formatters find nothing to warn of")
def _():
    page = out("man")
    equal(re.findall(r"^\.SH (.*)$", page, re.M),
          ["NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "FILES", "EXIT STATUS", "ENVIRONMENT", "EXAMPLES"])
    equal(set(re.findall(r"^[.'](\S+)", page, re.M)) - {"TH", "SH", "SS", "TP", "PP", "br", "nf", "fi", "nh", '\\"'}, set())
    equal([line for line in page.split("\n") if line != line.rstrip()], [])
    equal(re.findall(r"^\.TP\n\\fB(\d+)\\fR$", page, re.M), ["0", "1", "2", "65", "75"])
    for name in ("NO_COLOR", "INDISEEK_CUDA_LIB", "INDISEEK_NVRTC_LIB", "INDISEEK_CACHE_DIR"):
        assert "\\fB%s\\fR" % name in page, name
    text = rendered()
    if text is not None:
        assert "       indiseek fit --x1 rna.npy --x2 protein.csv --labels cells.tsv:cell_type --out results\n" in text
        for line in out("fit", "--help").split("\nExamples:\n")[1].split("\n\n")[0].split("\n"):
            assert line.strip() in text, line
    if shutil.which("mandoc"):
        done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning"], input=page, text=True, capture_output=True, timeout=60)
        equal([line for line in done.stdout.split("\n") if line and "missing date" not in line], [])


# ---- completion -------------------------------------------------------------------------------------------------------

@test("the script parses, and declares a completion for indiseek")
def _():
    done = subprocess.run(["bash", "-c", 'source <("$1" completion bash); complete -p indiseek', "bash", PROGRAM], text=True,
                          capture_output=True, timeout=60)
    equal((done.returncode, done.stdout, done.stderr), (0, "complete -F _indiseek indiseek\n", ""))


@test("commands, and every option of --help of each, are offered")
def _():
    equal(complete(""), COMMANDS + ["--help", "--version"])
    equal(complete("tr"), ["transform"])
    equal(complete("nothing-like-it"), [])
    for command in COMMANDS:
        found = complete(command, "--")
        missing = {"--" + name for name, _ in options_of(command)} - set(found)
        equal(missing, set(), command)
        equal(len(set(found)), len(found), command)
        for name in found:                                  # what follows, perhaps behind a value, is the only one unknown
            said = run(command, name, "--nothing-like-it", "--nothing-like-it").stderr
            assert "unknown option " + name not in said, "%s %s: %s" % (command, name, said)
    assert "unknown option" in run("fit", "--nothing-like-it").stderr
    equal(complete("fit", "--x1-n"), ["--x1-norm"])
    assert "--x4-norm" in complete("fit", "--x4"), "options that --help passes over"


@test("words to choose from, with a blank or = before them")
def _():
    equal(complete("fit", "--x1-norm", ""), ["none", "zscore", "log1p-cp10k", "clr", "clr-feature", "tfidf"])
    equal(complete("fit", "--x1-norm", "=", "z"), ["zscore"])
    equal(complete("fit", "--x1-norm", "="), ["none", "zscore", "log1p-cp10k", "clr", "clr-feature", "tfidf"])
    equal(complete("fit", "--out", "r", "--choose", "k"), ["knee"])
    equal(complete("fit", "--schedule", "c"), ["cosine", "constant"])
    equal(complete("fit", "--preset", ""), ["robust", "paper", "simulation"])
    methods = complete("fit", "--method", "")
    assert "residual-indiseek" in methods and "comm" in methods, methods
    for method in methods:
        assert " %s" % method in out("fit", "--help"), method
    done = run("fit", "--x1", "a", "--x2", "b", "--out", at("never"), "--method", "indisek")
    assert done.stderr.startswith("indiseek fit: ") and "must be one of" not in done.stderr, done.stderr
    equal(complete("completion", ""), ["bash"])
    equal(complete("fit", "--seed", ""), [])                # a number: nothing to offer


@test("names of files and folders, with blanks in them")
def _():
    at = os.path.join(folder, "names")
    os.makedirs(os.path.join(at, "my results"))
    for name in ("my rna.npy", "my*.csv"):
        open(os.path.join(at, name), "w").close()
    equal(sorted(complete("fit", "--x1", "my", at=at)), ["my results", "my rna.npy", "my*.csv"])
    equal(complete("fit", "--out", "my", at=at), ["my results"])
    equal(complete("fit", "--labels", "my r", at=at).count("my rna.npy"), 1)
    equal(complete("evaluate", "", at=at), ["my results"])
    equal(complete("evaluate", "--jso", at=at), ["--json"])


@test("another shell is refused with a sentence")
def _():
    done = run("completion", "fish")
    equal((done.returncode, done.stdout, done.stderr.split("\n")[0]),
          (2, "", 'indiseek completion: there is no completion for "fish", only for bash'))
    done = run("completion")
    equal((done.returncode, done.stdout, done.stderr.split("\n")[0]), (2, "", "indiseek completion: a shell is missing: bash"))
    equal(run("man", "page").returncode, 2)


# ---- --json - ---------------------------------------------------------------------------------------------------------

@test("--json -: standard output is one JSON object and nothing else; --json FILE holds the same")
def _():
    r = random.Random(1)
    for name, cols in (("a.csv", 4), ("b.csv", 3)):
        with open(at(name), "w") as file:
            for _ in range(80):
                file.write(",".join("%.4f" % r.gauss(0, 1) for _ in range(cols)) + "\n")
    views = ["--x1", at("a.csv"), "--x2", at("b.csv")]
    small = "--width 8 --layers 2 --dim 3 --shared-dim 3 --epochs 2 --shared-epochs 2 --residual-epochs 2 --diagnoses 0".split()
    fitted = run("fit", *views, *small, "--out", at("first"), "--json", "-")
    equal(fitted.returncode, 0, fitted.stderr)
    with open(at("first/metrics.json")) as file:
        equal(json.loads(fitted.stdout), json.load(file), "fit")
    with open(at("first/config.json")) as file:
        assert "json" not in json.load(file), "where results of one run were wanted is no setting of the next"
    equal(run("fit", *views, *small, "--out", at("first"), "--quiet", "--json", at("fit.json")).returncode, 0)
    with open(at("fit.json")) as file:
        equal(set(json.load(file)), set(json.loads(fitted.stdout)), "fit FILE")
    scored = run("evaluate", at("first"), "--json", "-")
    equal(scored.returncode, 0, scored.stderr)
    assert "leakage" in json.loads(scored.stdout), scored.stdout
    made = run("transform", "--model", at("first"), *views, "--out", at("again"), "--json", "-")
    equal(made.returncode, 0, made.stderr)
    equal(json.loads(made.stdout), {"out": at("again"),
                                    "features": {"c1.npy": [80, 3], "c2.npy": [80, 3], "z1.npy": [80, 3], "z2.npy": [80, 3]}})
    assert not os.path.exists("-"), "a file called - was made"


@test("--json FILE that cannot be written is said before any training")
def _():
    done = run("fit", "--x1", at("a.csv"), "--x2", at("b.csv"), "--out", at("never"), "--json", at("no/such/folder.json"))
    equal(done.returncode, 1)
    equal(done.stderr, "indiseek fit: %s cannot be written: No such file or directory\n" % at("no/such/folder.json"))
    assert not os.path.exists(at("never"))


if __name__ == "__main__":
    sys.exit(main())
