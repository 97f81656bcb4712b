#!/usr/bin/env python3
"""What no compiler checks of the files' form: the promises of indiseek.h's front page, widths, blanks, leftovers."""
import glob
import re
import sys

header = open("indiseek.h", encoding="utf-8").read()
count = 0
failed = 0


def check(name, faults):
    """One TAP line; faults is a list of sentences."""
    global count, failed
    count += 1
    failed += bool(faults)
    print("%sok %d - %s" % ("not " if faults else "", count, name))
    for fault in faults[:20]:
        print("# " + fault)


def places(pattern, text, path="indiseek.h"):
    return ["%s:%d: %s" % (path, text.count("\n", 0, match.start()) + 1, match.group().strip()[:90])
            for match in re.finditer(pattern, text, re.M)]


def without_comments(text):
    """Comments and the contents of literals are blanked, line breaks kept, so that line numbers stay right."""
    pattern = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
    return re.sub(pattern, lambda m: '""' if m.group()[0] == '"' else re.sub(r"[^\n]", " ", m.group()), text, flags=re.S)


code = without_comments(header)
front = header[:header.index("#ifndef INDISEEK_H")]

# ---- every file of ours -------------------------------------------------------------------------------------------------
sources = [path for pattern in ("indiseek.h", "Makefile", "README.md", "codegen/**/*", "examples/**/*", "tests/**/*", "bench/**/*")
           for path in glob.glob(pattern, recursive=True) if re.search(r"(\.(c|h|py|sh|md|cu)|Makefile|/run)$", path)]
wide, blanks, paths = [], [], []
for path in sorted(sources):
    text = open(path, encoding="utf-8").read()
    if path.endswith((".c", ".h", ".py", ".sh")):
        wide += ["%s:%d: %d columns" % (path, number, len(line))
                 for number, line in enumerate(text.split("\n"), 1) if len(line) > 160]
    blanks += places(r"[ \t]+$", text, path) + ([] if path == "Makefile" else places(r"^.*\t.*$", text, path))
    if path != "tests/base/test_form.py":
        paths += places(r"(?<![\w.])/(work|root|home/\w+|tmp/parts)\b.*", text, path)
check("no line is wider than 160 columns", wide)
check("no tabs and no blanks at line ends", blanks)
check("no paths of one machine", paths)

# ---- indiseek.h ---------------------------------------------------------------------------------------------------------
check("indiseek.h is plain ASCII", ["line %d" % number for number, line in enumerate(header.split("\n"), 1) if not line.isascii()])
check("nothing is left to be pasted in", places(r".*\b(PASTE|TODO|FIXME|XXX)\b.*", header))
check("no printf, exit, abort, setlocale, assert",
      places(r".*(?<![\w.>])(printf|fprintf|puts|putchar|perror|exit|_exit|abort|setlocale|assert)\s*\(.*", code))
check("one form of comment", places(r"^\s*//.*", header))

marks = re.findall(r">>([a-z-]+)", front[front.index("HOW TO READ"):front.index("HISTORY")])
check("every section of the front page has its mark",
      [mark for mark in marks if mark != "generated" and not re.search(r"==== >>%s\b" % mark, header)])
found = set(re.findall(r"/\* =+ >>([a-z-]+)", header))
check("every mark stands on the front page", sorted(found - set(marks)))

macros = set(re.findall(r"^\s*#\s*(?:ifdef|ifndef|if|elif)\b.*?\b(INDISEEK_[A-Z_0-9]+)", code, re.M))
macros |= set(re.findall(r"defined\s*\(?\s*(INDISEEK_[A-Z_0-9]+)", code))
check("every configuration macro stands on the front page",
      sorted(name for name in macros - {"INDISEEK_H", "INDISEEK_IMPLEMENTED"} if name not in front))

begin = re.findall(r"/\* >>generated ([a-z0-9-]+): begin", header)
end = re.findall(r"/\* >>generated ([a-z0-9-]+): end", header)
check("generated blocks begin and end in pairs", [] if begin == end and len(set(begin)) == len(begin) else [str((begin, end))])

version = re.search(r'#define ISK_VERSION "([^"]+)"', header).group(1)
history = front[front.index("HISTORY"):]
check("one version everywhere", [] if "v%s " % version in header[:200] and "%s  " % version in history else [version])
check("the licence stands at the end", [] if "MIT" in header[-4000:] else ["no MIT in the last lines"])

# ---- names: public isk_/ISK_, private isk__/ISK__, configuration INDISEEK_ ----
defined = re.findall(r"^\s*#\s*define\s+(\w+)", code, re.M)
check("macros are named ISK_, ISK__ or INDISEEK_",
      sorted({name for name in defined if not re.match(r"(ISK_|INDISEEK_|isk_)", name) and name not in ("_POSIX_C_SOURCE",)}))
typedefs = re.findall(r"^typedef\b[^;{]*?\b(\w+)(?:\s*__attribute__.*)?;", code, re.M)
check("types are named isk_", sorted({name for name in typedefs if not name.startswith("isk_")}))

sys.exit(1 if failed else 0)
