"""The pictures and numbers of the tutorial, README.md beside this file.

    python3 examples/tutorial/pictures.py [SECTION ...] [--data FOLDER] [--case CASE ...] [-o FOLDER]

prints the numbers of the sections (all, if none is named) and draws their pictures into FOLDER, where one is given. It needs
the Python module stemfuse (examples/python) on PYTHONPATH, numpy, h5py, and matplotlib for pictures. The measurements are looked
for in --data, tutorial_data and ../shared/data; --case built-in takes a simulated one, made by the program.

    python3 examples/tutorial/pictures.py --check [--quick] [--program STEMFUSE]

compares the numbers and the code in README.md with what is computed now.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

try:
    import h5py
    import numpy as np
    import stemfuse
except ImportError as missing:
    print("skipped:", missing)
    sys.exit(77)

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
DATA = ["tutorial_data", os.path.join(ROOT, "tutorial_data"), os.path.join(ROOT, "..", "shared", "data")]

CASES = {  # file, elements, options of the published recipe, element and part of the image in the pictures, window for counts
    "dysco3": ("PTO_Trilayer_dataset.npz", ["Sc", "Dy", "O"], {}, "Dy", np.s_[40:120, 40:120], np.s_[40:136, 40:136]),
    "co3o4_mn3o4": ("Co3O4_Mn3O4.h5", ["Co", "Mn", "O"],
                    {"lambda_chemical": 0.006, "lambda_tv": 0.022, "background": 0.01, "tv_iterations": 6,
                     "start_threshold": 0.2}, "Mn", np.s_[60:340, 50:360], np.s_[70:198, 180:308]),
    "built-in": (None, ["Co", "Mn", "O"], {"lambda_chemical": 0.03, "lambda_tv": 0.05, "background": 0.02}, "Mn",
                 np.s_[:, :], np.s_[64:160, 64:160]),
}
VARIED = {  # values for the cases in this order
    "gamma": ([1.0, 1.6, 2.2], [1.0, 1.6, 2.2], [1.0, 1.6, 2.2]),
    "weights": (["unit", "z-over-mean", "z-gamma-over-mean"],) * 3,
    "lambda_chemical": ([0.02, 0.08, 0.32], [0.0015, 0.006, 0.024], [0.01, 0.03, 0.1]),
    "lambda_tv": ([0.02, 0.15, 0.5], [0.004, 0.022, 0.1], [0.01, 0.05, 0.2]),
    "background": ([0.08, 0.24, 0.72], [0.005, 0.01, 0.1], [0.01, 0.02, 0.1]),
    "iterations": ([5, 30, 200], [5, 30, 200], [5, 30, 200]),
    "tv_iterations": ([1, 3, 20], [1, 6, 40], [1, 3, 20]),
}


class Measurement:
    def __init__(self, name, folders, program):
        self.name = name
        self.file, self.elements, self.options, shown, self.crop, self.window = CASES[name]
        self.shown = self.elements.index(shown)
        if self.file is None:
            with tempfile.TemporaryDirectory() as folder:
                path = os.path.join(folder, "scan.npz")
                subprocess.run([program, "simulate", "core-shell", "-o", path, "--dose", "5"], check=True,
                               capture_output=True)
                self.load(np.load(path))
            return
        paths = [os.path.join(f, self.file) for f in folders]
        path = next((p for p in paths if os.path.exists(p)), None)
        if path is None:
            print(f"skipped: no {self.file} in {', '.join(folders)}: cmake -P cmake/fetch_tutorial_data.cmake")
            sys.exit(77)
        self.load(h5py.File(path) if path.endswith(".h5") else np.load(path))

    def load(self, images):
        self.haadf = np.asarray(images["HAADF"], float)
        self.maps = np.stack([np.asarray(images[e], float) for e in self.elements])

    def fuse(self, **options):
        return stemfuse.fuse_published(self.haadf, self.maps, self.elements, **{**self.options, **options})

    def scaled(self):
        low, high = self.maps.min(axis=(1, 2), keepdims=True), self.maps.max(axis=(1, 2), keepdims=True)
        return (self.maps - low) / (high - low)


def plotting():
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    plt.rcParams.update({"font.size": 8, "axes.titlesize": 8, "axes.linewidth": 0.5, "lines.linewidth": 1.2,
                         "axes.prop_cycle": plt.cycler(color=["black", "tab:orange", "tab:blue", "tab:red"]) +
                         plt.cycler(linestyle=["-", "--", "-.", "-"])})
    return plt


def save(figure, folder, name):
    """As a PNG; of few colours, a third of the bytes, where pngquant is found."""
    path = os.path.join(folder, name + ".png")
    figure.savefig(path, dpi=100)
    if shutil.which("pngquant"):
        subprocess.run(["pngquant", "128", "--speed", "1", "--nofs", "--force", "--strip", "-o", path, path], check=True)


def show(axis, image, title, limit=None):
    """From 0 to the limit, which is what 99.5% of the image are below where none is given."""
    axis.imshow(image, cmap="inferno", vmin=0, vmax=limit or max(np.percentile(image, 99.5), 1e-9), interpolation="nearest")
    axis.set(title=title, xticks=[], yticks=[])


def canvas(plt, rows, columns, height=2.0):
    figure, axes = plt.subplots(rows, columns, figsize=(10, height * rows + 0.1), squeeze=False, constrained_layout=True)
    return figure, axes


def load(cases, folder):
    for m in cases:
        for name, image in [("HAADF", m.haadf), *zip(m.elements, m.maps)]:
            print(f"{m.name} {name}: {image.shape[0]} x {image.shape[1]}, {image.min():.4g} to {image.max():.4g}, mean "
                  f"{image.mean():.3g}, {100 * np.mean(image == 0):.0f}% of the pixels 0")
    if folder:
        figure, axes = canvas(plotting(), len(cases), 4, 2.5)
        for row, m in zip(axes, cases):
            for axis, name, image in zip(row, ["HAADF", *m.elements], [m.haadf, *m.maps]):
                image = image[m.crop] - image.min()
                show(axis, image, f"{m.name}: {name}", np.percentile(image, 99.9))
        save(figure, folder, "load")


def scale(cases, folder):
    for m in cases:
        scaled = m.scaled()
        print(f"{m.name} scaled: mean of {', '.join(f'{e} {s.mean():.3g}' for e, s in zip(m.elements, scaled))}; "
              f"of each, 99.9% of the pixels are below {', '.join(f'{np.percentile(s, 99.9):.2g}' for s in scaled)}")
    if folder:
        figure, axes = canvas(plotting(), 1, 2 * len(cases), 2.2)
        for k, m in enumerate(cases):
            for axis, maps, what in ((axes[0, 2 * k], m.maps, "as measured"), (axes[0, 2 * k + 1], m.scaled(), "scaled")):
                for e, image in zip(m.elements, maps):
                    axis.hist(image[image > 0], bins=60, histtype="step", label=e, density=True)
                axis.set(title=f"{m.name}, {what}", yscale="log", yticks=[])
            axes[0, 2 * k].legend(frameon=False)
        save(figure, folder, "scale")


def varied(name, cases, folder):
    if folder:
        plt = plotting()
        figure, axes = canvas(plt, len(cases), 5)
    for k, m in enumerate(cases):
        values, raw, crop = VARIED[name][list(CASES).index(m.name)], m.scaled(), m.crop
        fused = [m.fuse(**{name: value}) for value in values]
        element, limit = m.elements[m.shown], np.percentile(fused[1].maps[m.shown][crop], 99.7)
        for value, f in zip(values, fused):
            h, c, tv, total = f.history[-1]
            print(f"{m.name} {name} {value}: HAADF {h:.4g}, chemical {c:.4g}, TV {tv:.4g}, objective {total:.4g}; "
                  f"mean of {element} {100 * f.maps[m.shown].mean() / raw[m.shown].mean():.0f}% of the raw one")
        if folder:
            show(axes[k, 0], raw[m.shown][crop], f"{m.name}: {element}, raw")
            for axis, value, f in zip(axes[k, 1:], values, fused):
                show(axis, f.maps[m.shown][crop], f"{name} {value}", limit)
                axes[k, 4].plot(f.history[:, 3] / f.history[0, 3], label=str(value), marker="o", markevery=[-1], markersize=3)
            axes[k, 4].set_title("objective / its start")
            axes[k, 4].legend(frameon=False, fontsize=7)
            if name == "iterations":
                axes[k, 4].set_xscale("symlog", linthresh=5)
    if folder:
        save(figure, folder, name)


def convergence(cases, folder):
    m = cases[0]
    runs = {"as published": {}, "no smoothing": {"lambda_tv": 1e-3}, "steps too long": {"background": 0.03, "lambda_chemical": 0.16}}
    fused = {name: m.fuse(**options) for name, options in runs.items()}
    image = (m.haadf - m.haadf.min()) / np.ptp(m.haadf)
    for name, f in fused.items():
        total, residual = f.history[:, 3], f.projected - image
        print(f"{m.name} {name}: objective {total[0]:.5g}, {total[10]:.5g}, {total[20]:.5g}, {total[30]:.5g} after 0, 10, 20, 30 "
              f"iterations, {np.sum(np.diff(total) > 0)} of 30 rise; residual {np.linalg.norm(residual) / np.linalg.norm(image):.3f} "
              f"of the image")
    if folder:
        figure, axes = canvas(plotting(), 2, 4)
        for row, (name, f) in zip(axes, [i for i in fused.items() if i[0] != "no smoothing"]):
            for part, label in enumerate(("HAADF", "chemical", "TV", "objective")):
                weight = (f.lambda_haadf, runs[name].get("lambda_chemical", 0.08), 0.15, 1)[part]
                row[0].plot(weight * f.history[:, part], label=label)
            row[0].set(title=name + ": weighted terms")
            show(row[1], f.maps[m.shown][m.crop], f"{m.elements[m.shown]}, fused")
            show(row[2], f.projected[m.crop], "image of the fused maps")
            row[3].imshow((f.projected - image)[m.crop], cmap="RdBu_r", vmin=-0.4, vmax=0.4)
            row[3].set(title="that - measured, -0.4 to 0.4", xticks=[], yticks=[])
        axes[0, 0].legend(frameon=False)
        save(figure, folder, "convergence")


def recipes(cases, folder):
    if folder:
        figure, axes = canvas(plotting(), len(cases), 4)
    for k, m in enumerate(cases):
        haadf, maps = m.haadf[m.window], m.maps[(slice(None), *m.window)]
        low = maps.min(axis=(1, 2), keepdims=True)
        raw = maps - low
        published = stemfuse.fuse_published(haadf, maps, m.elements, **m.options).maps * np.ptp(maps, axis=(1, 2))[:, None, None]
        counts = stemfuse.fuse_measured_counts(haadf, maps, m.elements)
        unit = np.array(counts.counts)[:, None, None] / maps.sum(axis=(1, 2), keepdims=True)  # counts that 1 stands for
        for name, fused in (("published", published), ("counts", counts.maps / unit)):
            kept = [f"{e} {100 * f.sum() / r.sum():.0f}%" for e, f, r in zip(m.elements, fused, raw)]
            print(f"{m.name} {name}: total of the fused map against the raw one: {', '.join(kept)}")
        if folder:
            e, limit = m.elements[m.shown], np.percentile(counts.maps[m.shown] / unit[m.shown], 99.7)
            show(axes[k, 0], raw[m.shown], f"{m.name}: {e}, raw", 1.6 * limit)
            show(axes[k, 1], published[m.shown], "published")
            show(axes[k, 2], counts.maps[m.shown], "counts")
            row = slice(haadf.shape[0] // 2 - 2, haadf.shape[0] // 2 + 3)
            for label, image, width in (("raw", raw, 0.4), ("published", published, 1.4), ("counts", counts.maps / unit, 1.4)):
                axes[k, 3].plot(image[m.shown][row].mean(axis=0), label=label, linewidth=width)
            axes[k, 3].set_title("mean of 5 rows, in units of the raw map")
            axes[k, 3].legend(frameon=False, fontsize=7, loc="upper right")
    if folder:
        save(figure, folder, "recipes")


def steps(cases, folder):
    """The pictures of example_tutorial_scheme, which writes the arrays of an iteration."""
    if not folder:
        return
    m, arrays = cases[0], {}
    with tempfile.TemporaryDirectory() as out:
        found = next(f for f in given.folders if os.path.exists(os.path.join(f, m.file)))
        subprocess.run([given.scheme, found, out], check=True, capture_output=True)
        for name in ("b", "gradient_haadf", "gradient_chemical", "v", "x1", "x30"):
            arrays[name] = np.load(os.path.join(out, name + ".npy"))[(m.shown, *m.crop)]
    figure, axes = canvas(plotting(), 1, 6, 1.9)
    titles = {"b": "1. x = b", "gradient_haadf": "2. gradient, HAADF", "gradient_chemical": "3. gradient, chemical",
              "v": "4. v, below 0 cut off", "x1": "5. x after the prox", "x30": "6. after 30 iterations"}
    for axis, (name, title) in zip(axes[0], titles.items()):
        if "gradient" in name:
            limit = np.percentile(np.abs(arrays[name]), 99.5)
            axis.imshow(arrays[name], cmap="RdBu_r", vmin=-limit, vmax=limit)
            axis.set(title=title, xticks=[], yticks=[])
        else:
            show(axis, arrays[name], title)
    save(figure, folder, "steps")


SECTIONS = {"load": load, "scale": scale, **{name: lambda c, f, name=name: varied(name, c, f) for name in VARIED},
            "convergence": convergence, "recipes": recipes, "steps": steps}


def agree(printed, now):
    """The same words, and numbers that differ by a unit of their last digit at most."""
    number = r"(?<![\w.])-?\d+(?:\.\d+)?(?:e[+-]?\d+)?"
    if re.sub(number, "#", printed) != re.sub(number, "#", now):
        return False
    for a, b in zip(re.findall(number, printed), re.findall(number, now)):
        mantissa, _, exponent = a.partition("e")
        unit = 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))
        if "." not in mantissa and abs(float(a)) >= 10000:  # %.4g prints such as 8.334e+04, %.5g up to 99999
            unit = 1
        if abs(float(a) - float(b)) > 1.001 * unit:
            return False
    return True


def check():
    """Every block of console commands and of code in README.md. Returns what is wrong."""
    with open(os.path.join(HERE, "README.md"), encoding="utf-8") as file:
        text = file.read()
    with open(os.path.join(HERE, "..", "tutorial_scheme.cpp"), encoding="utf-8") as file:
        scheme = re.sub(r"\s+", " ", file.read())
    wrong, blocks = [], re.findall(r"```console\n\$ ((?:.*\\\n)*.*)\n([^`]*)```", text)
    for command, output in blocks:
        if match := re.fullmatch(r"python3 examples/tutorial/pictures.py (\w+)", command):
            if given.quick and match[1] in ("recipes", "iterations", "tv_iterations"):
                continue
            ran = subprocess.run([sys.executable, __file__, match[1], "--data", *given.folders], capture_output=True, text=True)
            if ran.returncode == 77:
                print(ran.stdout)
                sys.exit(77)
            now, printed = ran.stdout.splitlines(), output.splitlines()
            wrong += [f"{command}: {len(printed)} lines in the text, {len(now)} now {ran.stderr}"] * (len(now) != len(printed))
            wrong += [f"{command}:\n  text: {a}\n  now:  {b}" for a, b in zip(printed, now) if not agree(a, b)]
        elif given.program and command.startswith("stemfuse fuse tutorial_data/"):
            with tempfile.TemporaryDirectory() as out:
                words = command.replace("\\\n", " ").split()
                found = [os.path.join(f, os.path.basename(words[2])) for f in given.folders]
                words[0], words[2] = given.program, next(p for p in found if os.path.exists(p))
                words[words.index("-o") + 1] = os.path.join(out, "fused")
                ran = subprocess.run(words, capture_output=True, text=True)
                wrong += [f"{command}: {n} is in the text alone: {ran.stdout}{ran.stderr}"
                          for n in re.findall(r"\d+\.\d+", output) if n not in ran.stdout + ran.stderr]
    code = re.findall(r"```cpp\n(.*?)```", text, re.S)
    wrong += [f"not in tutorial_scheme.cpp: {line}" for block in code for line in block.splitlines()
              if re.sub(r"\s+", " ", line.split("  //")[0]).strip() not in scheme]
    if not blocks or not code:
        wrong.append("README.md: no blocks were found")
    return wrong


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(SECTIONS))
parser.add_argument("--data", nargs="+", dest="folders", default=DATA)
parser.add_argument("--case", nargs="+", dest="cases", choices=CASES, default=["dysco3", "co3o4_mn3o4"])
parser.add_argument("-o", "--output")
parser.add_argument("--program", default=None, help="the program stemfuse")
parser.add_argument("--scheme", default="example_tutorial_scheme", help="the program of that name, for the section steps")
parser.add_argument("--check", action="store_true", help="compare the numbers in README.md with those of today")
parser.add_argument("--quick", action="store_true", help="but those of the longest sections: recipes, iterations, tv_iterations")
given = parser.parse_args()
if given.check:
    found = check()
    print("\n".join(found) or "the numbers and the code in README.md are those of today")
    sys.exit(1 if found else 0)
measured = [Measurement(name, given.folders, given.program or "stemfuse") for name in given.cases]
for section in given.sections or SECTIONS:
    if section not in SECTIONS:
        sys.exit(f"{section}: is no section, must be one of {', '.join(SECTIONS)}")
    SECTIONS[section](measured, given.output)
