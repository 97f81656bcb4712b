#!/usr/bin/env python3
"""Lines and branches of examples/formats and of the files section of indiseek.h that tests ran, file by file: `make coverage`.

    coverage.py FOLDER...     what programs compiled with --coverage left there; gcov of gcc reads it (GCOV names another)

A branch is one way out of a condition, as gcov counts them.  A file that several programs compile in is counted once: what one of
them runs is run.
"""
import gzip
import json
import os
import re
import subprocess
import sys

FIRST, LAST = ">>files", ">>safetensors"                # sections of indiseek.h, both included


def sections():
    """The first and the last line of what is counted of indiseek.h."""
    with open("indiseek.h", encoding="utf-8") as file:
        marks = [(number, match[1]) for number, line in enumerate(file, 1) for match in [re.match(r"/\* ==== (>>[\w-]+)", line)] if match]
    names = [name for _number, name in marks]
    return marks[names.index(FIRST)][0], marks[names.index(LAST) + 1][0] - 1


def reports(path):
    """What gcov says of one program's part."""
    line = [os.environ.get("GCOV") or "gcov", "--json-format", "--branch-probabilities", "--stdout", path]
    done = subprocess.run(line, capture_output=True, check=True).stdout
    text = gzip.decompress(done) if done[:2] == b"\x1f\x8b" else done
    return [json.loads(part) for part in text.splitlines() if part.strip()]


def add(counted, path, library):
    for report in reports(path):
        for file in report["files"]:
            name = os.path.relpath(file["file"])
            header = name == "indiseek.h"
            if not header and not name.startswith("examples/formats/"):
                continue
            lines, branches = counted.setdefault(name, ({}, {}))
            for line in file["lines"]:
                number = line["line_number"]
                if header and not library[0] <= number <= library[1]:
                    continue
                lines[number] = lines.get(number, 0) + line["count"]
                for i, branch in enumerate(line["branches"]):
                    branches[number, i] = branches.get((number, i), 0) + branch["count"]


def part(values):
    run, all_of_them = sum(value > 0 for value in values), len(values)
    return "%5d of %5d  %5.1f %%" % (run, all_of_them, 100 * run / max(all_of_them, 1))


def main(folders):
    counted, library = {}, sections()
    for folder in folders:
        for where, _folders, names in sorted(os.walk(folder)):
            for name in names:
                if name.endswith(".gcda"):
                    add(counted, os.path.join(where, name), library)
    if not counted:
        print("coverage: no program has left anything in %s" % ", ".join(folders), file=sys.stderr)
        return 1
    print("%-32s %22s   %22s" % ("", "lines", "branches"))
    for name, (lines, branches) in sorted(counted.items()):
        print("%-32s %s   %s" % ("indiseek.h, its files" if name == "indiseek.h" else name, part(list(lines.values())),
                                 part(list(branches.values()))))
        if os.environ.get("MISSED") and os.environ["MISSED"] in name:
            print("    lines: %s\n    branches: %s" % (", ".join(str(n) for n in sorted(lines) if not lines[n]), ", ".join(
                "%d" % n for n in sorted({n for (n, _i), count in branches.items() if not count}))))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
