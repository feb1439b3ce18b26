"""Fuses signals that HyperSpy opens, and gives back HyperSpy signals.

python3 fuse_hyperspy.py FILE... -o fused.hspy [--elements Fe,Pt] [--recipe published] [--haadf TITLE]

Where FILE... hold a HAADF image and maps whose titles name an element ("Fe", "Fe_Ka", "X-ray intensity of Fe_Ka"), these are
fused; where they hold a spectrum image of X-rays, its lines are counted first, above a background between
windows beside them. In a notebook:

    from fuse_hyperspy import fuse, element_maps
    maps = element_maps(hs.load("scan.emd"), ["Fe", "Pt"])
    fused = fuse(haadf, maps)            # a Signal2D with the axes of the maps, (elements | x, y)
"""
import argparse
import re
import sys

import hyperspy.api as hs
import numpy as np

import stemfuse


def symbol_of(title):
    """The element that a title names: "Fe", or by a line, "X-ray intensity of Fe_Ka: Fe_Ka at 6.40 keV"."""
    found = re.search(r"\b([A-Z][a-z]?)_[KLM]\w*", title) or re.fullmatch(r"([A-Z][a-z]?)", title)
    return found.group(1) if found else None


def image_of(signal):
    """The same image as (n_y, n_x | ): navigation axes, if it has any, become signal axes."""
    return signal if signal.axes_manager.signal_dimension == 2 else signal.transpose(signal_axes=2)


def element_maps(spectra, elements):
    """Signals of counts of the K, L or M line of each element, and of its background, from an EDS spectrum image."""
    spectra.set_elements(elements)
    spectra.set_lines([])
    spectra.add_lines()
    lines = {}
    for line in spectra.metadata.Sample.xray_lines:  # of the lines of an element, that of the highest energy
        element = line.split("_")[0]
        lines[element] = max(lines.get(element, line), line, key=lambda name: spectra._get_line_energy(name))
    chosen = [lines[e] for e in elements]
    windows = spectra.estimate_background_windows(xray_lines=chosen)
    total = spectra.get_lines_intensity(xray_lines=chosen)
    net = spectra.get_lines_intensity(xray_lines=chosen, background_windows=windows)
    return [image_of(s) for s in total], [image_of(t - n) for t, n in zip(total, net)]


def fuse(haadf, maps, elements=None, background=None, recipe="counts", **options):
    """Fuses a Signal2D with a list of them, one an element. `options` are those of the recipe, see README.md."""
    elements = elements or [symbol_of(m.metadata.General.title) for m in maps]
    stack = np.stack([np.asarray(m.data) for m in maps])
    if recipe == "published":
        result = stemfuse.fuse_published(haadf.data, stack, elements, **options)
    else:
        if background is not None:  # one number an element: the mean, as a line of few counts tells no more
            options["background"] = [max(0.0, float(np.mean(b.data))) for b in background]
        result = stemfuse.fuse_measured_counts(haadf.data, stack, elements, **options)
    fused = hs.stack([maps[0]._deepcopy_with_new_data(m) for m in result.maps])
    fused.metadata.General.title = "fused " + ", ".join(elements)
    fused.axes_manager[0].name = "element"
    fused.metadata.set_item("Sample.elements", sorted(elements))
    fused.metadata.set_item("stemfuse", {"version": stemfuse.__version__, "recipe": recipe, "elements": elements,
                                         "reasons": getattr(result, "reasons", []), "warnings": result.warnings})
    return fused


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+")
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--elements", type=lambda text: text.split(","))
    parser.add_argument("--haadf", default="HAADF", help="title of the image")
    parser.add_argument("--recipe", choices=["counts", "published"], default="counts")
    given = parser.parse_args()

    signals = []
    for file in given.files:
        loaded = hs.load(file)
        signals += loaded if isinstance(loaded, list) else [loaded]
    titles = [s.metadata.General.title for s in signals]
    haadf = next((image_of(s) for s, t in zip(signals, titles) if given.haadf in t), None)
    spectra = next((s for s in signals if "EDS" in s._signal_type), None)
    images = {symbol_of(t): image_of(s) for s, t in zip(signals, titles) if given.haadf not in t and s.data.ndim == 2}
    elements = given.elements or [e for e in images if e]
    if haadf is None:
        sys.exit(f"no signal has {given.haadf} in its title: {titles}")
    background = None
    if all(e in images for e in elements) and elements:
        maps = [images[e] for e in elements]
    elif spectra is not None and elements:
        maps, background = element_maps(spectra, elements)
    else:
        sys.exit(f"no maps of {elements or 'any element'} among {titles}, name them by --elements")
    fused = fuse(haadf, maps, elements, background, given.recipe)
    for line in fused.metadata.stemfuse.reasons + fused.metadata.stemfuse.warnings:
        print(line)
    fused.save(given.output, overwrite=False)


if __name__ == "__main__":
    main()
