"""Python's modules that a test needs: where this Python lacks one, Debian's own may have it, for which Debian's packages are."""
import importlib.util
import os
import sys


def need(*modules, skipped):
    """Goes on where all are there, else by Debian's Python, else ends as a test that is skipped, with these words."""
    if all(importlib.util.find_spec(module) for module in modules):
        return
    if os.path.exists("/usr/bin/python3") and not os.environ.get("TRIED_SYSTEM_PYTHON"):
        os.environ["TRIED_SYSTEM_PYTHON"] = "1"
        os.execv("/usr/bin/python3", ["/usr/bin/python3"] + sys.argv)
    print("skipped: " + skipped)
    sys.exit(77)
