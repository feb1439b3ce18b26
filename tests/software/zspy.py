"""What HyperSpy and zarr write as .zspy, read by us: zspy.py DUMP_IMAGES

Ends with 77, and a line that says so, where HyperSpy or zarr are not there."""
import json
import os
import subprocess
import sys
import tempfile
import warnings

import common

np = common.need("numpy")
warnings.simplefilter("ignore")


def signals(hs):
    r = np.random.default_rng(5)
    image = hs.signals.Signal2D(r.poisson(4, (7, 5)).astype("f4"))
    image.metadata.General.title = "Fe Ka"
    cube = hs.signals.Signal1D(r.poisson(2, (7, 5, 64)).astype("u2"))
    cube.metadata.General.title = "EDS"
    cube.set_signal_type("EDS_TEM")
    cube.add_elements(["Fe", "O"])
    for axes in (image.axes_manager.signal_axes, cube.axes_manager.navigation_axes):
        for axis, name, scale in zip(axes, ("x", "y"), (0.25, 0.5)):
            axis.name, axis.units, axis.scale = name, "nm", scale
    energy = cube.axes_manager[-1]
    energy.name, energy.units, energy.scale, energy.offset = "Energy", "keV", 0.02, -0.1
    return image, cube


def read(dump, path, folder):
    run = subprocess.run([dump, path, folder + "/a.npz"], capture_output=True, text=True, check=True)
    return json.loads(run.stdout), dict(np.load(folder + "/a.npz"))


def main(dump):
    hs, zarr, numcodecs = (common.need(m) for m in ("hyperspy.api", "zarr", "numcodecs"))
    writer = common.need("hyperspy.io_plugins.zspy").file_writer
    image, cube = signals(hs)
    with tempfile.TemporaryDirectory() as folder:
        for name, how in (
            ("zlib", {"compressor": numcodecs.Zlib(1), "chunks": (3, 2, 10)}),
            ("gzip", {"compressor": numcodecs.GZip(1)}),
            ("plain", {"compressor": None}),
        ):
            for store in ("folder", "zip"):
                path = os.path.join(folder, f"{name}-{store}.zspy")
                writer(zarr.ZipStore(path) if store == "zip" else path, cube, **how)
                described, arrays = read(dump, path, folder)
                (s,) = described["spectra"]
                assert (arrays["spectra_0"][0] == cube.data.sum(axis=2)).all(), path
                assert np.allclose([s["first"], s["last"]], [-0.1, -0.1 + 63 * 0.02]) and s["unit"] == "keV", s
                assert s["x"] == {"pixel": 0.25, "unit": "nm"} and s["y"] == {"pixel": 0.5, "unit": "nm"}, s
            how.pop("chunks", None)
            image.save(os.path.join(folder, name + ".zspy"), **how)
            described, arrays = read(dump, os.path.join(folder, name + ".zspy"), folder)
            (i,) = described["images"]
            assert (arrays["image_0"] == image.data).all() and i["element"] == "Fe", i
            assert i["x"] == {"pixel": 0.25, "unit": "nm"} and i["y"] == {"pixel": 0.5, "unit": "nm"}, i
        image.save(os.path.join(folder, "blosc.zspy"))
        described, _ = read(dump, os.path.join(folder, "blosc.zspy"), folder)
        assert not described["images"] and "is compressed by blosc" in described["others"][0], described
    print("zspy: what HyperSpy writes is read right")


if __name__ == "__main__":
    main(sys.argv[1])
