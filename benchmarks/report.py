#!/usr/bin/env python3
"""Turns the results of bench_fusion into a table for the README, the table of targets, and a plot.

    bench_fusion --grid=full --benchmark_out=run.json --benchmark_out_format=json
    report.py run.json                          the README's table, in Markdown, to standard output
    report.py run.json --readme README.md       the same between the file's two marker comments
    report.py run.json --targets                what was aimed at beside what was measured
    report.py run.json --plot plot.svg          time per pixel and iteration against image size
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

sys.dont_write_bytecode = True  # no folder of it in the sources

from bench_plot import svg  # noqa: E402
from bench_results import ReportError, Run  # noqa: E402

BEGIN, END = "<!-- benchmark table -->", "<!-- end of benchmark table -->"
TITLES = {
    "prox": "TV prox",
    "prox_warm": "TV prox, warm duals",
    "prox_anisotropic": "TV prox, anisotropic",
    "gradient": "gradient of both terms",
    "fusion": "published fusion",
}


def number(value, digits=2):
    return "-" if value is None else f"{value:.{digits}f}"


def markdown(header, rows):
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def label(case):
    rows, columns, elements = case.shape
    parts = [TITLES[case.what], f"{rows} x {columns}" + (f" x {elements}" if elements > 1 else "")]
    if case.what != "gradient":
        parts.append(" x ".join(map(str, case.iterations)) + " iterations")
    return ", ".join(parts + (["double"] if case.scalar == "double" else []))


def is_for_readme(case):
    """The prox of one map over all sizes and its variants, the gradient, the whole fusions."""
    if case.what == "prox" and case.scalar == "float":
        return case.iterations == (10,) and case.shape[2] == 1
    if case.what == "fusion":
        return case.scalar == "float" and case.shape[2] in (3, 4) and case.iterations[0] == 30
    return case.what == "prox" or (case.what in TITLES and case.scalar == "float")


def readme_table(run):
    order = list(TITLES)
    rows = []
    cases = [c for c in run.cases("ours", 1) if is_for_readme(c)]
    for one in sorted(cases, key=lambda c: (order.index(c.what), c.scalar == "double", c.side())):
        two = replace(one, threads=2)
        rows.append([label(one), number(run.ns[one]), number(run.ns.get(two)), number(run.triad_bytes(two), 0),
                     number(run.speed_up(one)), number(run.against_plain(one), 1), number(run.milliseconds(two), 1)])
    rates = [f"{1e-9 * rate:.1f} GB/s on {threads}" for (scalar, threads), rate in sorted(run.triad.items())
             if scalar == "float"]
    return (f"{run.machine()}.\nTriad in float, threads: {', '.join(rates) or 'not measured'}.\n\n" +
            markdown(["case", "ns, 1 thread", "ns, 2 threads", "bytes of triad", "1 thread / 2", "plain / ours", "ms"],
                     rows) +
            "\nns: of one pixel of one map and one iteration, the fastest call of many. Bytes of triad: what "
            "`a[i] = b[i] + s * c[i]`\nmoves in that time, 12 for each i in float. These and the ms of a whole call are "
            "those of 2 threads; plain / ours, of 1.\n")


def target_rows(run):
    """(what, target, measured) of each target that a run can show, the worst case where there are several."""
    def measured(values, worst, digits=2, unit=""):
        known = [value for value in values if value is not None]
        return f"{worst(known):.{digits}f}{unit}" if known else "-"

    def all_ours(threads, **wanted):
        return run.cases("ours", threads, scalar="float", **wanted)

    def whole(shape, iterations):
        return measured([run.milliseconds(c) for c in all_ours(2, shape=shape, iterations=iterations)], min, 1, " ms")

    def excess(cases):
        times = [run.ns[c] for c in cases]
        return 100 * (max(times) / min(times) - 1) if len(times) > 1 else None

    def percent(excesses):
        return measured(excesses, max, 0, "%")

    prox = [c for c in all_ours(2, what="prox") if c.shape[2] == 1]
    large, small = [c for c in prox if c.side() >= 1024], [c for c in prox if c.side() == 256]
    by_plain = [run.against_plain(c) for c in all_ours(1, what="prox")]
    alone = [run.speed_up(c) for c in all_ours(2) if c.side() >= 512]
    ends = [c for c in all_ours(2, what="fusion", iterations=(30, 3)) if c.shape in ((256, 256, 3), (4096, 4096, 4))]
    return [
        ["FGP prox, 10 and 20 iterations, 1024² to 8192²", "12 bytes of triad or less",
         measured([run.triad_bytes(c) for c in large], max, 1)],
        ["the same, its time at the slowest size over the fastest", "20% or less",
         percent([excess([c for c in large if c.iterations == (count,)]) for count in (10, 20)])],
        ["the same at 256²", "0.7 ns or less", measured([run.ns[c] for c in small], max, 2, " ns")],
        ["the prox against the plain formulation, 1 thread each", "8 times or more", measured(by_plain, min, 1)],
        ["2 threads against 1, all cases from 512² on", "1.8 times or more", measured(alone, min)],
        ["whole published fusion, DyScO3's size", "20 ms or less", whole((256, 256, 3), (30, 3))],
        ["whole published fusion, Co3O4-Mn3O4's size", "80 ms or less", whole((400, 400, 3), (30, 6))],
        ["fusion, its time per pixel at 4096² x 4 against DyScO3's size", "within 25%",
         percent([excess(ends)])],
    ]


def write_between_markers(path, table):
    try:
        content = path.read_text(encoding="utf-8")
        if content.count(BEGIN) != 1 or content.count(END) != 1 or content.index(BEGIN) > content.index(END):
            raise ReportError(f"{path}: takes one line {BEGIN} and below it one line {END}")
        before, rest = content.split(BEGIN)
        path.write_text(f"{before}{BEGIN}\n{table}{END}{rest.split(END)[1]}", encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ReportError(f"{path}: no UTF-8 text") from error
    except OSError as error:
        raise ReportError(f"{path}: {error.strerror}") from error


def write_plot(path, run):
    plot = svg(run)
    if plot is None:
        raise ReportError(f"{path}: nothing to plot, the run has no case at two sizes")
    try:
        path.write_text(plot, encoding="utf-8")
    except OSError as error:
        raise ReportError(f"{path}: {error.strerror}") from error


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", metavar="run.json", help="what bench_fusion wrote to --benchmark_out")
    parser.add_argument("--readme", type=Path, metavar="README.md", help="write the table into this file")
    parser.add_argument("--targets", action="store_true", help="print the table of targets")
    parser.add_argument("--plot", type=Path, metavar="plot.svg", help="write the plot to this file")
    arguments = parser.parse_args()
    run = Run(arguments.run)
    if arguments.targets:
        print(f"{run.machine()}, float, 2 threads; of each row the worst case that the run has\n")
        print(markdown(["what", "target", "measured"], target_rows(run)), end="")
    if arguments.plot:
        write_plot(arguments.plot, run)
    if arguments.readme:
        write_between_markers(arguments.readme, readme_table(run))
    elif not arguments.targets and not arguments.plot:
        print(readme_table(run), end="")


if __name__ == "__main__":
    try:
        main()
    except ReportError as error:
        sys.exit(f"report.py: {error}")
