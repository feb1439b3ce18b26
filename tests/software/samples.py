"""Every sample read with HyperSpy and by us, values, axes and units compared: samples.py DUMP_IMAGES DATA

Ends with 77, and a line that says so, where HyperSpy or the data are not there."""
import json
import os
import subprocess
import sys
import tempfile
import warnings
import zipfile

import common

np = common.need("numpy")
warnings.simplefilter("ignore")

# What is not compared, and why.
EXCEPTIONS = {
    "dm_type_23.dm3": "colours: HyperSpy gives records of red, green, blue; we leave them out",
    "py4DSTEM_size2x3x4x5.h5": "four dimensions: we leave it out",
    "with_lists_etc.hdf5": "one dimension: we leave it out",
    "example2_v3.1.hspy": "one dimension: we leave it out",
    "NCEM_STO_HAADF_only.emd": "its axes are named Y, X and lie in this order; HyperSpy turns every image of this format round",
}


def plain(unit):
    text = str(unit).replace("\u00b5", "u").replace("\u03bc", "u").replace("\u00c5", "A")
    return "" if text in ("None", "<undefined>", "_None_", "Traits.undefined") else text


def in_nm(pixel, unit):
    powers = {"m": 1e9, "cm": 1e7, "mm": 1e6, "um": 1e3, "nm": 1, "A": 0.1, "pm": 1e-3}
    return pixel * powers[unit] if unit in powers else None


def same_axis(ours, theirs):
    """Whether a size of a pixel is the same, as lengths; one that has no unit is not known to us."""
    unit = plain(theirs.units)
    if unit in ("", "px", "pixel"):
        return ours["pixel"] == 0
    a, b = in_nm(ours["pixel"], ours["unit"]), in_nm(abs(theirs.scale), unit)
    if a is None or b is None:
        return ours["unit"] == unit and np.isclose(ours["pixel"], abs(theirs.scale), rtol=1e-6)
    return np.isclose(a, b, rtol=1e-6)


def close(a, b):
    return a.shape == b.shape and np.allclose(a, b, rtol=1e-6, atol=1e-6, equal_nan=True)


def compare(signal, described, arrays):
    """None where we read the same as the signal has, else what differs."""
    axes = list(signal.axes_manager._axes)
    data = signal.data
    energies = [k for k, a in enumerate(axes) if plain(a.units) in ("eV", "keV")]
    if data.dtype.fields or np.iscomplexobj(data):
        return None if described["others"] else "not left out with a reason"
    if len(energies) == 1 and data.ndim == 3:
        e = energies[0]
        y, x = [a for k, a in enumerate(axes) if k != e]
        total = data.astype("f8").sum(axis=e)
        for k, s in enumerate(described["spectra"]):
            if not close(arrays[f"spectra_{k}"][0], total):
                continue
            factor = {("eV", "keV"): 1e-3, ("keV", "eV"): 1e3}.get((plain(axes[e].units), s["unit"]), 1)
            first = axes[e].offset * factor
            last = first + (axes[e].size - 1) * axes[e].scale * factor
            if not np.allclose([s["first"], s["last"]], [first, last], rtol=1e-5, atol=1e-9):
                return f"energies {s['first']} to {s['last']} {s['unit']}, HyperSpy {first} to {last}"
            return None if same_axis(s["x"], x) and same_axis(s["y"], y) else f"pixels {s['x']} {s['y']}, HyperSpy {x} {y}"
        return "no spectra of ours have these counts"
    if data.ndim < 2 or energies:
        return None if described["others"] else "not left out with a reason"
    images = data.reshape((-1,) + data.shape[-2:]).astype("f8")
    for image in images if images.shape[0] < 50 else images[[0, -1]]:
        fits = [k for k in range(len(described["images"])) if close(arrays[f"image_{k}"], image)]
        if not fits:
            return "no image of ours has these values"
        ours = described["images"][fits[0]]
        if not (same_axis(ours["x"], axes[-1]) and same_axis(ours["y"], axes[-2])):
            return f"pixels {ours['x']} {ours['y']}, HyperSpy {axes[-1].scale} {axes[-1].units}"
    return None


def samples(data, folder):
    for group in ("formats", "real"):
        for name in sorted(os.listdir(os.path.join(data, group))):
            path = os.path.join(data, group, name)
            if name.endswith(".zip"):
                with zipfile.ZipFile(path) as z:
                    z.extractall(folder)
                    for member in z.namelist():
                        yield os.path.join(folder, member)
            elif not name.endswith(".md"):
                yield path


def main(dump, data):
    hs = common.need("hyperspy.api")
    if not os.path.isdir(os.path.join(data, "formats")):
        common.skip(data)
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for path in samples(data, folder):
            name = os.path.basename(path)
            if name in EXCEPTIONS:
                print(f"{name}: not compared, {EXCEPTIONS[name]}")
                continue
            run = subprocess.run([dump, path, folder + "/a.npz"], capture_output=True, text=True)
            described = json.loads(run.stdout) if run.returncode == 0 else None
            arrays = dict(np.load(folder + "/a.npz")) if described else None
            try:
                signals = hs.load(path)
            except Exception as e:
                print(f"{name}: HyperSpy does not read it ({e})")
                continue
            signals = signals if isinstance(signals, list) else [signals]
            for signal in signals:
                problem = compare(signal, described, arrays) if described else run.stderr.strip()
                print(f"{name}: {signal.metadata.General.title!r} {signal.data.shape}: {problem or 'same'}")
                wrong += problem is not None
    if wrong:
        sys.exit(f"{wrong} differ")


if __name__ == "__main__":
    main(*sys.argv[1:])
