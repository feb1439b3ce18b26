"""Time per pixel and iteration against image size, as an SVG."""

import math
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 900, 600
LEFT, RIGHT, TOP, BOTTOM = 80, 600, 64, 530
INK, FAINT = "#222222", "#e4e4e4"

# Title, colour (told apart by the colour-blind too), marker, and the fields that a case of the line has.
LINES = [
    ("fusion, 3 TV iterations", "#0072b2", "diamond", {"what": "fusion", "iterations": (30, 3)}),
    ("TV prox, 20 iterations", "#d55e00", "square", {"what": "prox", "iterations": (20,)}),
    ("TV prox, 10 iterations", "#009e73", "circle", {"what": "prox", "iterations": (10,)}),
]
PLAIN = ("TV prox, 10, plain", "#777777", "triangle", {"what": "prox", "iterations": (10,)})


class Axes:
    """From image side and ns to places on the page, both logarithmic."""

    def __init__(self, sides, times):
        self.sides = [2.0 ** k for k in range(math.floor(math.log2(min(sides))), math.ceil(math.log2(max(sides))) + 1)]
        self.low, self.high = min(times) / 1.4, max(times) * 1.4

    def x(self, side):
        first, last = math.log(self.sides[0]) - 0.15, math.log(self.sides[-1]) + 0.15
        return LEFT + (RIGHT - LEFT) * (math.log(side) - first) / (last - first)

    def y(self, ns):
        return BOTTOM - (BOTTOM - TOP) * math.log(ns / self.low) / math.log(self.high / self.low)

    def ticks(self):
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        return [m * 10.0 ** k for k in decades for m in (1, 2, 5) if self.low <= m * 10.0 ** k <= self.high]


def text(x, y, content, size=14, anchor="start", more=""):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{INK}" {more}>'
            f"{escape(content)}</text>")


def segment(x1, y1, x2, y2, colour, more=""):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" {more}/>'


def marker(shape, x, y, colour, filled):
    style = f'fill="{colour if filled else "white"}" stroke="{colour}" stroke-width="1.8"'
    if shape == "circle":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" {style}/>'
    corners = {
        "square": [(-4, -4), (4, -4), (4, 4), (-4, 4)],
        "diamond": [(0, -5.5), (5.5, 0), (0, 5.5), (-5.5, 0)],
        "triangle": [(0, -5), (5, 4), (-5, 4)],
    }[shape]
    points = " ".join(f"{x + dx:.1f},{y + dy:.1f}" for dx, dy in corners)
    return f'<polygon points="{points}" {style}/>'


def frame(axes):
    parts = []
    for ns in axes.ticks():
        parts.append(segment(LEFT, axes.y(ns), RIGHT, axes.y(ns), FAINT))
        parts.append(text(LEFT - 9, axes.y(ns) + 5, f"{ns:g}", anchor="end"))
    for side in axes.sides:
        parts.append(segment(axes.x(side), TOP, axes.x(side), BOTTOM, FAINT))
        parts.append(text(axes.x(side), BOTTOM + 22, f"{side:.0f}²", anchor="middle"))
    parts.append(f'<rect x="{LEFT}" y="{TOP}" width="{RIGHT - LEFT}" height="{BOTTOM - TOP}" fill="none" '
                 f'stroke="{INK}"/>')
    parts.append(text((LEFT + RIGHT) / 2, BOTTOM + 52, "image size (pixels)", 15, "middle"))
    middle = (TOP + BOTTOM) / 2
    parts.append(text(26, middle, "time per pixel and iteration (ns)", 15, "middle",
                      f'transform="rotate(-90 26 {middle:.1f})"'))
    return parts


class Legend:
    def __init__(self):
        self.parts, self.y = [], TOP + 12

    def add(self, content, colour, dash, shape=None, filled=False):
        left = RIGHT + 16
        self.parts.append(segment(left, self.y, left + 34, self.y, colour, f'stroke-width="2" {dash}'))
        if shape:
            self.parts.append(marker(shape, left + 17, self.y, colour, filled))
        self.parts.append(text(left + 42, self.y + 4.5, content, 13))
        self.y += 26


def threads_text(threads):
    return f"{threads} thread" + ("s" if threads > 1 else "")


def lines_of(run):
    """(title, colour, marker, filled, cases) of every line of two points or more."""
    for title, colour, shape, wanted in LINES:
        for threads in (1, 2):
            found = run.cases("ours", threads, scalar="float", **wanted)
            # Element counts that share a line: one map for the prox, three or four for the fusion.
            found = [c for c in found if c.shape[2] in ((1,) if c.what == "prox" else (3, 4))]
            if len(found) > 1:
                yield f"{title}, {threads_text(threads)}", colour, shape, threads > 1, found
    title, colour, shape, wanted = PLAIN
    found = [c for c in run.cases("plain", 1, scalar="float", **wanted) if c.shape[2] == 1]
    if len(found) > 1:
        yield f"{title}, 1 thread", colour, shape, False, found


def svg(run):
    """The plot, or None where no case was timed at two sizes."""
    lines = list(lines_of(run))
    if not lines:
        return None
    triads = {threads: 12e9 / run.triad["float", threads] for threads in (1, 2) if ("float", threads) in run.triad}
    axes = Axes([c.side() for *_, cases in lines for c in cases],
                [run.ns[c] for *_, cases in lines for c in cases] + list(triads.values()))
    parts, legend = frame(axes), Legend()
    for title, colour, shape, filled, cases in sorted(lines, key=lambda line: -run.ns[line[4][-1]]):
        dash = "" if filled else 'stroke-dasharray="6 3"'
        points = " ".join(f"{axes.x(c.side()):.1f},{axes.y(run.ns[c]):.1f}" for c in cases)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2" {dash}/>')
        parts += [marker(shape, axes.x(c.side()), axes.y(run.ns[c]), colour, filled) for c in cases]
        legend.add(title, colour, dash, shape, filled)
    for threads, ns in sorted(triads.items()):
        dash = f'stroke-dasharray="{"2 3" if threads == 1 else "10 3 2 3"}"'
        parts.append(segment(LEFT, axes.y(ns), RIGHT, axes.y(ns), INK, f'stroke-width="1.5" {dash}'))
        legend.add(f"triad, 12 bytes, {threads_text(threads)}", INK, dash)
    title = "Published fusion and TV prox in float, the fastest call of many"
    caption = text(LEFT, 28, title, 16, more='font-weight="bold"')
    machine = text(LEFT, 49, run.machine(), 12)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
            f'font-family="Helvetica, Arial, sans-serif">\n<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>\n'
            + "\n".join([caption, machine, *parts, *legend.parts]) + "\n</svg>\n")
