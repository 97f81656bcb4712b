"""What tests in Python share: a scratch folder, tests by name, what they assert, and the lines that tests/run counts.

    @test("adding")                     a test; @test("adding", skip="no numbers") is passed over, and says why
    def _(): equal(1 + 1, 2)
    sys.exit(main())                    runs them in this order

The words of the command line, for whoever hunts one fault, choose tests by name; SHOW_TIMES=1 shows what each took.
"""
import os
import shutil
import sys
import tempfile
import time
import traceback

os.makedirs("build", exist_ok=True)
folder = tempfile.mkdtemp(prefix=os.path.basename(sys.argv[0])[len("test_"):-len(".py")] + "-", dir="build")
tests = []


class Skip(Exception):
    pass


def test(name, skip=""):
    def add(function):
        tests.append((name, function, skip))
        return function
    return add


def at(name):
    return os.path.join(folder, name)


def equal(value, expected, what=""):
    assert value == expected, "%s\n  is     %r\n  not    %r" % (what, value, expected)


def inside(part, whole):
    assert part in whole, "%r is not in\n%s" % (part, whole)


def lines_of(error):
    """What a failure says: the lines of an assertion in words, and where it stands; else the traceback."""
    if isinstance(error, AssertionError) and str(error):
        calls = traceback.extract_tb(error.__traceback__)[1:]
        place = ", ".join("%s:%d" % (os.path.basename(call.filename), call.lineno) for call in calls)
        lines = ["at " + place] + str(error).split("\n")[:40]
    else:
        lines = "".join(traceback.format_exception(type(error), error, error.__traceback__)).splitlines()[-40:]
    return "\n".join("# " + line[:2000] for line in lines)


def main(first=0):
    """Runs them; the exit code.  The first tests make what others use: they run whatever the words say."""
    words = sys.argv[1:]
    failed = 0
    print("1..%d" % len(tests), flush=True)
    for number, (name, function, skip) in enumerate(tests, 1):
        start = time.time()
        if words and number > first and not any(word in name for word in words):
            skip = "not asked for"
        try:
            if skip:
                raise Skip(skip)
            function()
            print("ok %d - %s" % (number, name))
        except Skip as reason:
            print("ok %d # SKIP %s: %s" % (number, name, reason))
        except Exception as error:
            failed += 1
            print("not ok %d - %s" % (number, name))
            print(lines_of(error))
        if os.environ.get("SHOW_TIMES"):
            print("# %.1f s" % (time.time() - start))
        sys.stdout.flush()
    if not failed:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if failed else 0
