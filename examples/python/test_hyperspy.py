"""The script for HyperSpy: files to a file, with the axes of the maps and the values of the module."""
import os
import subprocess
import sys
import tempfile

try:
    import hyperspy.api as hs
    import numpy as np
except ImportError as missing:
    print("skipped:", missing)
    sys.exit(77)
import stemfuse

n = 32
y, x = np.mgrid[:n, :n]
disc = (np.hypot(y - 16, x - 16) < 9).astype(float)
counts = np.random.default_rng(1).poisson(np.stack([6 * disc, 3 + 0 * disc])).astype(float)
images = {"HAADF": 27 * disc + 8 + 0.1 * (y % 3), "X-ray intensity of Co_Ka: Co_Ka at 6.93 keV": counts[0], "O": counts[1]}

with tempfile.TemporaryDirectory() as folder:
    files = []
    for k, (title, data) in enumerate(images.items()):
        signal = hs.signals.Signal2D(data)
        signal.metadata.General.title = title
        for axis, name in zip(signal.axes_manager.signal_axes, "xy"):
            axis.name, axis.scale, axis.units = name, 0.25, "nm"
        files.append(os.path.join(folder, f"{k}.hspy"))
        signal.save(files[-1])
    out = os.path.join(folder, "fused.hspy")
    script = os.path.join(os.path.dirname(__file__), "fuse_hyperspy.py")
    subprocess.run([sys.executable, script, *files, "-o", out, "--recipe", "published"], check=True)
    fused = hs.load(out)

expected = stemfuse.fuse_published(images["HAADF"], counts, ["Co", "O"]).maps
np.testing.assert_array_equal(fused.data, expected)
assert fused.metadata.stemfuse.elements == ["Co", "O"], fused.metadata
assert [(a.name, a.scale, a.units) for a in fused.axes_manager.signal_axes] == [("x", 0.25, "nm"), ("y", 0.25, "nm")]
print(fused)
