"""What the program writes, opened in other software: outputs.py PROGRAM h5py|tifffile|hyperspy|imagej

Ends with 77, and a line that says so, where the software is not there."""
import os
import shutil
import subprocess
import sys
import tempfile

import common

np = common.need("numpy")
ELEMENTS, PIXEL = ["Fe", "Pt", "O"], (0.5, 0.25)  # of a pixel along y and x, in nm


def fused(program, folder):
    """A measurement of 24 x 32 pixels, fused; the arrays of fused.npz."""
    r = np.random.default_rng(5)
    arrays = {e: r.poisson(3 + 9 * np.linspace(0, 1, 32) * np.ones((24, 1))).astype("f4") for e in ELEMENTS}
    arrays["HAADF"] = sum(arrays[e] for e in ELEMENTS) + r.normal(0, 0.1, (24, 32)).astype("f4")
    np.savez(os.path.join(folder, "in.npz"), pixel_size_nm=np.array(PIXEL), **arrays)
    command = [program, "fuse", "in.npz", "-o", "out", "--quiet", "--recipe", "published", "--iterations", "3"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return dict(np.load(os.path.join(folder, "out", "fused.npz"))), arrays


def check_h5py(out, results, arrays):
    h5py = common.need("h5py")
    with h5py.File(os.path.join(out, "fused.h5"), "r") as f:
        for e in ELEMENTS + ["HAADF"]:
            assert (f["raw"][e][()] == arrays[e]).all(), e
            assert (f["fused"][e][()] == results["fused_" + e]).all(), e
            attributes = f["fused"][e].attrs
            assert (attributes["pixel_size_y"], attributes["pixel_size_x"]) == PIXEL, dict(attributes)
            assert attributes["pixel_unit_x"] == "nm"


def check_tifffile(out, results, _):
    tifffile = common.need("tifffile")
    with tifffile.TiffFile(os.path.join(out, "fused_maps.tif")) as f:
        assert f.is_imagej and f.imagej_metadata["Labels"] == ELEMENTS, f.imagej_metadata
        assert f.imagej_metadata["unit"] == "nm"
        for page, e in zip(f.pages, ELEMENTS, strict=True):
            assert (page.asarray() == results["fused_" + e]).all(), e
            assert page.tags["PageName"].value == e
            x, y = (page.tags[n].value for n in ("XResolution", "YResolution"))
            assert (x[0] / x[1], y[0] / y[1]) == (1 / PIXEL[1], 1 / PIXEL[0])
    for e in ELEMENTS:
        assert (tifffile.imread(os.path.join(out, e + ".tif")) == results["fused_" + e]).all(), e


def check_hyperspy(out, results, arrays):
    hs = common.need("hyperspy.api")
    signals = {s.metadata.General.title: s for s in hs.load(os.path.join(out, "fused.hspy"))}
    assert sorted(signals) == ["HAADF", "HAADF fused", "fused", "raw"], list(signals)
    for title, of in (("fused", lambda e: results["fused_" + e]), ("raw", lambda e: arrays[e])):
        s = signals[title]
        assert list(s.metadata.Sample.elements) == ELEMENTS
        for k, e in enumerate(ELEMENTS):
            assert (s.data[k] == of(e)).all(), (title, e)
    assert (signals["HAADF"].data == arrays["HAADF"]).all()
    for s in signals.values():
        x, y = s.axes_manager.signal_axes
        assert (x.name, x.units, x.scale) == ("x", "nm", PIXEL[1]), str(x)
        assert (y.name, y.units, y.scale) == ("y", "nm", PIXEL[0]), str(y)


MACRO = """
open(getArgument());
getPixelSize(unit, w, h);
print(getWidth() + " " + getHeight() + " " + nSlices + " " + bitDepth() + " " + unit + " " + w + " " + h);
for (i = 1; i <= nSlices; i++) { setSlice(i); getStatistics(area, mean); print(getInfo("slice.label") + " " + d2s(mean, 9)); }
"""


def check_imagej(out, results, _):
    jar = "/usr/share/java/ij.jar"
    if not (os.path.exists(jar) and shutil.which("xvfb-run") and shutil.which("java")):
        common.skip("ImageJ, java or xvfb-run")
    macro = os.path.join(out, "macro.ijm")
    with open(macro, "w") as f:
        f.write(MACRO)
    for name, elements in [("fused_maps", ELEMENTS)] + [(e, [e]) for e in ELEMENTS]:
        command = ["xvfb-run", "-a", "java", "-jar", jar, "-batch", macro, os.path.join(out, name + ".tif")]
        seen = subprocess.run(command, capture_output=True, text=True, timeout=240).stdout.strip().splitlines()
        assert seen and seen[0].split()[:5] == ["32", "24", str(len(elements)), "32", "nm"], seen
        assert [float(v) for v in seen[0].split()[5:]] == [PIXEL[1], PIXEL[0]], seen
        for line, e in zip(seen[1:], elements, strict=True):
            label, mean = line.split() if len(elements) > 1 else (e, line.split()[-1])
            assert label == e, line
            expected = results["fused_" + e].astype("f8").mean()
            assert abs(float(mean) - expected) <= 1e-6 * max(1, abs(expected)), (line, expected)


def check_read_back(program, out):
    """Our own files say what they are to ourselves."""
    for name, maps in (("fused_maps.tif", ELEMENTS), ("fused.hspy", [f"fused[{e}]" for e in ELEMENTS])):
        seen = subprocess.run([program, "inspect", name], cwd=out, check=True, capture_output=True, text=True).stdout
        for m in maps:
            assert m in seen, (name, m, seen)
        assert "0.25 x 0.5 nm" in seen, (name, seen)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        results, arrays = fused(sys.argv[1], folder)
        out = os.path.join(folder, "out")
        globals()["check_" + sys.argv[2]](out, results, arrays)
        check_read_back(sys.argv[1], out)
        print(sys.argv[2] + ": what the program writes is right")
