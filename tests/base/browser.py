"""What tests of pages share: a parser that finds tags which do not match and what is fetched from outside, and a browser without a
window."""
import html.parser
import os
import re
import shutil
import subprocess

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"))), None)

# Stands first in a page; what went wrong is in window.faults.
FAULTS = """<script>window.faults = [];
addEventListener('error', event => faults.push(event.message));
addEventListener('unhandledrejection', event => faults.push(String(event.reason)));
for (const name of ['error', 'warn']) console[name] = (...words) => faults.push(words.join(' '));
// A browser without a window shows a frame now and then; here each comes at once.
window.requestAnimationFrame = callback => setTimeout(callback, 0);
window.alert = () => faults.push('a name was run as a script');
</script>"""


class Page(html.parser.HTMLParser):
    """Tags must close in the order in which they open; nothing may be fetched, nothing may come in through a name."""
    BARRED = {"link", "iframe", "object", "embed", "img", "base"}
    EMPTY = {"meta", "br", "hr", "img", "input", "link"}
    OPTIONAL = {"tr", "td", "th"}                               # HTML lets these close by themselves

    def __init__(self):
        super().__init__()
        self.open, self.faults = [], []

    def handle_starttag(self, tag, attributes):
        if tag in self.BARRED:
            self.faults.append("<%s> at line %d" % (tag, self.getpos()[0]))
        for name, value in attributes:
            fetches = name in ("src", "href", "xlink:href", "action", "srcset", "data") and not (value or "").startswith("#")
            if fetches or name.startswith("on"):
                self.faults.append("%s=%s at line %d" % (name, value, self.getpos()[0]))
            places = ("d", "x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "points", "width", "height")
            if name in places and re.search("nan|inf", value or "", re.I):
                self.faults.append("%s=%s at line %d" % (name, value[:60], self.getpos()[0]))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in self.EMPTY:
            self.open.pop()

    def handle_endtag(self, tag):
        while self.open and self.open[-1] in self.OPTIONAL and self.open[-1] != tag:
            self.open.pop()
        if not self.open or self.open.pop() != tag:
            self.faults.append("</%s> at line %d" % (tag, self.getpos()[0]))


def browse(path, profile, *options):
    """The document after its scripts have run, and what the browser wrote of them; profile: a folder of its own."""
    done = subprocess.run([BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--enable-logging=stderr",
                           "--user-data-dir=" + os.path.abspath(profile), "--window-size=1100,1400", "--virtual-time-budget=20000",
                           *options, "--dump-dom", "file://" + os.path.abspath(path)], capture_output=True, text=True, timeout=240,
                           errors="replace")
    assert done.returncode == 0, "exit code %d: %s" % (done.returncode, done.stderr[-600:])
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]
