#!/usr/bin/env python3
# build: page_sample
"""A page of examples/report/plots.h and examples/report/cells_page.h, as a browser runs it: every panel is drawn, no script fails,
and pointing, choosing, hiding, zooming and saving do what they say.  What needs no browser is tested without one."""
import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree

sys.path.insert(0, "tests/base")
import browser
from tap import at, equal, main, test

CELLS, PANELS, TYPES = 3000, 6, 30
UNSEEN = "" if browser.BROWSER else "neither chromium nor google-chrome is on PATH"

kind = os.path.basename(os.environ.get("BUILD", "build"))
SAMPLE = os.path.join("build/objects", "release" if kind == "build" else kind, "tests/report/page_sample")


def sample(name, cells, panels, types):
    subprocess.run([SAMPLE, at(name), str(cells), str(panels), str(types)], check=True)
    with open(at(name), encoding="utf-8") as file:
        return file.read()


page = sample("page.html", CELLS, PANELS, TYPES)
HOSTILE = "</script><img src=x onerror=alert(1)>\"'\\ & <!-- ü"


# ---- without a browser ------------------------------------------------------------------------------------------------

@test("the page is balanced, self-contained, and no name breaks out of it")
def _():
    parsed = browser.Page()
    parsed.feed(page)
    parsed.close()
    equal(parsed.faults, [])
    equal(parsed.open, [])
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|@import|url\(", page), "something outside is named"
    equal(page.count("<script"), 2 + PANELS, "scripts")
    equal(page.count("</script>"), 2 + PANELS, "ends of scripts")
    assert "<img" not in page


@test("every chart is well-formed; there is a plain picture of every panel for readers without JavaScript")
def _():
    pictures = re.findall(r"<svg\b.*?</svg>", page, re.S)
    for picture in pictures:
        xml.etree.ElementTree.fromstring(picture)
    plain = [part for part in re.findall(r"<noscript>(.*?)</noscript>", page, re.S) if 'role="img"' in part]
    equal(len(plain), PANELS, "plain pictures")
    for picture in plain:
        # round dots, squares and strokes: M begins each; at most 3000 of a panel
        assert 300 < len(re.findall(r"M[\d.]+ [\d.]+", picture)) <= 3000


@test("the charts name every type, and those with an interval or a reference show it")
def _():
    charts = {re.search(r'aria-label="([^"]*)"', picture).group(1): picture for picture in re.findall(r"<svg\b.*?</svg>", page, re.S)
              if "aria-label" in picture}
    ranked = charts["θ of each type (mean ± s.e.)"]
    equal(len(re.findall(r"<g><title>", ranked)), TYPES, "bars")
    means = [float(value) for value in re.findall(r"<title>[^<]*: (-?[\d.]+) ± [\d.]+</title>", ranked)]
    equal(means, sorted(means, reverse=True), "the order of the bars")
    assert means[0] > 0 > means[-1]
    widths = [float(value) for value in re.findall(r'<rect class="f\d" x="[\d.]+" y="[\d.]+" width="([\d.]+)" height="13"', ranked)]
    for mean, width in zip(means, widths):
        assert abs(width / widths[0] - abs(mean) / means[0]) < 0.01 or width == 0.6, (mean, width)
    ranks = charts["Ranks of θ and of the benchmark weight (ρ = 0.910)"]
    equal(ranks.count("<circle"), TYPES, "dots")
    assert 'class="reference"' in ranks
    bars = charts["Spearman's ρ by λ (mean ± s.e.)"]
    equal(len(re.findall(r'<rect class="f\d" x', bars)), 20, "bars that were run")
    equal(re.findall(r">(raw PCs|untrained)</text>", bars), ["raw PCs", "untrained"])


@test("30000 cells in eight panels are a page of at most 4 MB")
def _():
    size = len(sample("large.html", 30000, 8, 30).encode())
    print("# %d bytes" % size)
    assert size < 4e6, size


# ---- in a browser -----------------------------------------------------------------------------------------------------

# What a reader does, and what is then seen.  It decodes the coordinates by itself, and looks for the nearest cell among all of them.
PROBE = """<pre id="result"></pre><script>const result = {};
// A probe that hangs says how far it came.
setTimeout(() => { if (!document.getElementById('result').textContent) { faults.push('hangs'); write(); } }, 15000);
(async () => {
const frame = () => new Promise(done => setTimeout(done, 10));
const root = document.querySelector('.plots'), canvases = [...root.querySelectorAll('canvas')];
const reader = document.createElement('canvas'), reading = reader.getContext('2d', {willReadFrequently: true});
const pixelsOf = canvas => {
  [reader.width, reader.height] = [canvas.width, canvas.height];
  reading.drawImage(canvas, 0, 0);
  return reading.getImageData(0, 0, canvas.width, canvas.height).data;
};
const coloured = canvas => {
  const pixels = pixelsOf(canvas);
  let count = 0;
  for (let i = 4; i < pixels.length; i += 4) count += pixels[i] !== pixels[0] || pixels[i + 1] !== pixels[1] || pixels[i + 2] !== pixels[2];
  return count;
};
const print = canvas => {
  const pixels = pixelsOf(canvas);
  let hash = 0;
  for (let i = 0; i < pixels.length; i++) hash = (Math.imul(hash, 31) + pixels[i]) | 0;
  return hash;
};
const state = () => canvases.map(canvas => Number(canvas.dataset.drawn));
const buttons = () => [...root.querySelectorAll('.plot-legend button')];
const pressed = () => buttons().filter(button => button.getAttribute('aria-pressed') === 'true').length;
const pointer = (canvas, kind, x, y) => {
  const box = canvas.getBoundingClientRect();
  canvas.dispatchEvent(new PointerEvent(kind, {clientX: box.left + x, clientY: box.top + y, button: 0, pointerId: 1,
                                               pointerType: 'mouse', bubbles: true}));
};
try {
  await frame();
  result.ready = root.dataset.ready;
  result.failure = !root.querySelector('.plot-failure').hidden;
  result.drawn = state();
  result.coloured = canvases.map(coloured);
  result.labels = canvases.map(canvas => canvas.getAttribute('aria-label'));
  result.legend = buttons().map(button => button.querySelector('span').textContent + '|' + button.querySelector('small').textContent);
  const colours = buttons().map(button => button.querySelector('i').style.background);
  result.colours = new Set(colours).size;

  // the nearest cell among all, by brute force
  const data = JSON.parse(root.querySelector('.plot-data').textContent), canvas = canvases[1], side = canvas.clientWidth;
  const raw = atob(root.querySelectorAll('.plot-points')[1].textContent), points = new Int16Array(raw.length / 2);
  for (let i = 0; i < points.length; i++) points[i] = raw.charCodeAt(2 * i) | raw.charCodeAt(2 * i + 1) << 8;
  result.missing = points.filter((value, i) => i % 2 === 0 && value === -32768).length;
  const scale = 0.47 * side / 32767, tip = root.querySelector('.plot-tip');
  const best = (x, y, rows) => {
    let found = -1, least = 49;
    for (const row of rows) {
      if (points[2 * row] === -32768) continue;
      const away = (side / 2 + points[2 * row] * scale - x) ** 2 + (side / 2 - points[2 * row + 1] * scale - y) ** 2;
      if (away < least) { found = row; least = away; }
    }
    return found;
  };
  const all = data.names.map((_, i) => i);
  result.hovers = result.right = result.empty = 0;
  for (let i = 0; i < 400; i++) {
    const x = (i * 37.7) % side, y = (i * 91.3) % side, expected = best(x, y, all);
    pointer(canvas, 'pointermove', x, y);
    const seen = tip.hidden ? null : tip.querySelector('b').textContent;
    result.hovers++;
    result.empty += expected < 0;
    result.right += seen === (expected < 0 ? null : data.names[expected]);
  }
  const place = row => [side / 2 + points[2 * row] * scale, side / 2 - points[2 * row + 1] * scale];
  pointer(canvas, 'pointermove', ...place(0));
  result.tip = tip.textContent;
  result.rings = [...root.querySelectorAll('.plot-ring')].filter(ring => !ring.hidden).length;
  pointer(canvas, 'pointerleave', 0, 0);
  result.tipGone = tip.hidden;

  // zoom at a cell: it stays where it is; dragging moves it; a double click takes all back
  const before = print(canvas), row = all.reduce((a, b) => points[2 * b] > points[2 * a] ? b : a), [x, y] = place(row);
  const box = canvas.getBoundingClientRect();
  for (let i = 0; i < 3; i++) {
    canvas.dispatchEvent(new WheelEvent('wheel', {deltaY: -200, clientX: box.left + x, clientY: box.top + y,
                                                  cancelable: true, bubbles: true}));
  }
  await frame();
  result.zoomed = [print(canvas) !== before, Number(canvas.dataset.drawn)];
  pointer(canvas, 'pointermove', x, y);
  result.stays = tip.querySelector('b').textContent === data.names[row];
  canvas.setPointerCapture = () => {};
  pointer(canvas, 'pointerdown', x, y);
  pointer(canvas, 'pointermove', x + 30, y + 20);
  pointer(canvas, 'pointerup', x + 30, y + 20);
  await frame();
  pointer(canvas, 'pointermove', x + 30, y + 20);
  result.dragged = !tip.hidden && tip.querySelector('b').textContent === data.names[row];
  canvas.dispatchEvent(new MouseEvent('dblclick', {bubbles: true}));
  await frame();
  result.reset = print(canvas) === before;
  for (const key of ['+', 'ArrowLeft', '0']) canvas.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true}));
  await frame();
  result.keys = print(canvas) === before;

  // the legend: hide, show, alone, all
  buttons()[1].click();
  await frame();
  result.hidden = [pressed(), print(canvas) !== before];
  buttons()[1].click();
  await frame();
  result.shown = [pressed(), print(canvas) === before];
  const twice = button => {
    for (const detail of [1, 2]) button.dispatchEvent(new MouseEvent('click', {detail, bubbles: true}));
    button.dispatchEvent(new MouseEvent('dblclick', {detail: 2, bubbles: true}));
  };
  twice(buttons()[2]);
  result.alone = [pressed(), buttons()[2].getAttribute('aria-pressed')];
  const codes = atob(data.columns[0].codes), third = all.filter(i => codes.charCodeAt(4 * i) === 2);
  const other = all.find(i => codes.charCodeAt(4 * i) === 0);
  pointer(canvas, 'pointermove', ...place(other));
  const found = best(...place(other), third);
  result.aloneTip = found < 0 ? tip.hidden : tip.querySelector('b').textContent === data.names[found];
  twice(buttons()[2]);
  result.again = pressed();
  buttons()[3].dispatchEvent(new MouseEvent('click', {altKey: true, bubbles: true}));
  result.alt = pressed();
  root.querySelector('.plot-bar > button').click();
  result.every = pressed();

  // another column
  const select = root.querySelector('select');
  result.options = [...select.options].map(option => option.textContent);
  select.value = 2;
  select.dispatchEvent(new Event('change'));
  await frame();
  result.numbers = [print(canvas) !== before, buttons().length, root.querySelectorAll('.plot-ramp').length];
  pointer(canvas, 'pointermove', ...place(5));
  result.numberTip = tip.querySelector('span').textContent;
  select.value = 1;
  select.dispatchEvent(new Event('change'));
  const named = root.querySelector('.plot-naming input'), bare = (await frame(), print(canvas));
  named.click();
  await frame();
  result.named = print(canvas) !== bare;

  // a PNG; the browser makes its bytes when it is idle, which it never is while time is virtual
  let made;
  HTMLCanvasElement.prototype.toBlob = function (done) {
    made = this;
    done(new Blob([this.toDataURL('image/png')]));
  };
  HTMLAnchorElement.prototype.click = function () { result.png = [this.download, this.href.slice(0, 5), made.width > 1200, made.height]; };
  root.querySelectorAll('.plot-panel button')[1].click();
  const pixels = pixelsOf(made), seen = new Set();
  for (let i = 0; i < pixels.length; i += 4) seen.add(pixels[i] << 16 | pixels[i + 1] << 8 | pixels[i + 2]);
  result.pngColours = seen.size;
} catch (error) { faults.push('the probe: ' + error.stack); }
write();
})();
function write() {
  document.getElementById('result').textContent = JSON.stringify({...result, faults});
}</script>"""


def browse(name, *options):
    return browser.browse(at(name), at("profile"), *options)


def probed(name, content, *options):
    with open(at(name), "w", encoding="utf-8") as file:
        file.write(content.replace("<head>", "<head>" + browser.FAULTS, 1).replace("</body>", PROBE + "</body>", 1))
    document, console = browse(name, *options)
    found = re.search(r'<pre id="result">(.*?)</pre>', document, re.S)
    assert found and found.group(1), "the probe did not come to its end: %s" % console
    equal(console, [], "console")
    result = json.loads(found.group(1).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
    equal(result["faults"], [], "faults, after %s" % list(result)[-2:])
    return result


def check_drawn(result):
    equal(result["ready"], str(PANELS))
    equal(result["failure"], False)
    there = CELLS - CELLS // 40
    for panel, (drawn, coloured) in enumerate(zip(result["drawn"], result["coloured"])):
        if panel == 3:
            assert 0 < drawn < there, drawn
        else:
            equal(drawn, there, "cells drawn in panel %d" % panel)
        assert coloured > drawn / 2, "panel %d is blank: %d pixels" % (panel, coloured)
    equal(len(result["drawn"]), PANELS)


results = {}


def light():
    if "light" not in results:
        results["light"] = probed("light.html", page)
    return results["light"]


@test("every panel is drawn and no script fails", skip=UNSEEN)
def _():
    check_drawn(light())
    equal(light()["labels"][1], "C of RNA: shared: %d cells; + and - zoom, arrows move, 0 resets" % (CELLS - CELLS // 40))
    equal(light()["missing"], CELLS // 40, "rows that are not there")


@test("the legend has every class with its count and a colour of its own; a hostile name is only shown", skip=UNSEEN)
def _():
    legend = [entry.rsplit("|", 1) for entry in light()["legend"]]
    equal(len(legend), TYPES + 1)
    equal(legend[0][0], HOSTILE)
    equal(legend[-1], ["none", "1"])
    equal(sum(int(count) for _, count in legend), CELLS)
    equal(light()["colours"], TYPES + 1, "colours")
    equal(light()["options"], ["cell type", "coarse type", "depth", "RNA weight"])


@test("pointing finds the nearest cell, names it in words and marks it in every panel", skip=UNSEEN)
def _():
    result = light()
    equal(result["right"], result["hovers"])
    assert 20 < result["empty"] < 380, "both cells and empty places were pointed at: %d" % result["empty"]
    assert result["tip"].startswith(HOSTILE + "cell type: "), result["tip"]
    assert result["rings"] >= PANELS - 1
    equal(result["tipGone"], True)
    assert re.match(r"depth: \d+(\.\d+)?$", result["numberTip"]), result["numberTip"]


@test("zoom, drag, double click and keys", skip=UNSEEN)
def _():
    result = light()
    equal(result["zoomed"][0], True)
    assert 0 < result["zoomed"][1] < CELLS / 2, result["zoomed"]
    for key in ("stays", "dragged", "reset", "keys"):
        equal(result[key], True, key)


@test("the legend hides, shows, shows alone; numbers have a colour bar; names stand in the panels", skip=UNSEEN)
def _():
    result = light()
    equal(result["hidden"], [TYPES, True])
    equal(result["shown"], [TYPES + 1, True])
    equal(result["alone"], [1, "true"])
    equal(result["aloneTip"], True)
    equal(result["again"], TYPES + 1)
    equal(result["alt"], 1)
    equal(result["every"], TYPES + 1)
    equal(result["numbers"], [True, 0, 1])
    equal(result["named"], True)


@test("a panel is saved as PNG with its legend", skip=UNSEEN)
def _():
    equal(light()["png"], ["C-of-RNA-shared-coarse-type.png", "blob:", True, 1288])
    assert light()["pngColours"] > 20, "the picture is blank"


@test("on a dark background, too", skip=UNSEEN)
def _():
    result = probed("dark.html", page, "--blink-settings=preferredColorScheme=0")
    check_drawn(result)
    equal(result["colours"], TYPES + 1)


@test("a panel of one cell, a panel of none, nothing to colour by", skip=UNSEEN)
def _():
    bare = sample("none.html", 50, 2, 0)
    with open(at("bare.html"), "w", encoding="utf-8") as file:
        file.write(bare.replace("<head>", "<head>" + browser.FAULTS, 1))
    content, console = browse("bare.html")
    equal(console, [])
    equal(re.findall(r'data-drawn="(\d+)"', content), ["1", "0"])
    inside = re.findall(r'aria-pressed="true"[^>]*>.*?<span>(.*?)</span><small>(\d+)<', content)
    equal(inside, [("cells", "50")])
    assert 'data-ready="2"' in content and '<p class="plot-failure" hidden' in content


@test("a script that fails says so", skip=UNSEEN)
def _():
    with open(at("broken.html"), "w", encoding="utf-8") as file:
        file.write(page.replace('"codes": "', '"codes": "!', 1))
    content, _ = browse("broken.html")
    assert '<p class="plot-failure">' in content, "the reader is left without a word"


@test("more classes than there are colours", skip=UNSEEN)
def _():
    result = probed("many.html", sample("classes.html", CELLS, PANELS, 150))
    check_drawn(result)
    equal(len(result["legend"]), 150 + 1)
    assert 100 <= result["colours"] <= 103, result["colours"]


if __name__ == "__main__":
    sys.exit(main())
