"""What the module stemfuse gives, against numpy, against the program, and against its promises.

python3 test_module.py [PROGRAM]     (stemfuse on PYTHONPATH)
"""
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import tracemalloc
import unittest

try:
    import numpy as np
except ImportError:
    print("skipped: no numpy")
    sys.exit(77)
import stemfuse

ELEMENTS = ["Co", "O"]
PROGRAM = sys.argv.pop(1) if len(sys.argv) > 1 and not sys.argv[1].startswith("-") else None


def measurement(dtype, n=40):
    """A disc of Co in O: the image without noise, Poisson counts of 6 and 3."""
    y, x = np.mgrid[:n, :n]
    disc = np.hypot(y - n / 2, x - n / 2) < n / 4
    truth = np.stack([6.0 * disc, 3.0 + 0 * disc])
    counts = np.random.default_rng(1).poisson(truth).astype(dtype)
    return (27 * disc + 8 + 0.1 * (y % 3)).astype(dtype), counts


def differences(u):
    """Forward differences along rows and columns, zero past the border."""
    d = np.zeros((2,) + u.shape)
    d[0, :, :-1] = np.diff(u, axis=1)
    d[1, :, :, :-1] = np.diff(u, axis=2)
    return d


def adjoint(p):
    out = np.zeros(p.shape[1:])
    out[:, :-1] -= p[0, :, :-1]
    out[:, 1:] += p[0, :, :-1]
    out[:, :, :-1] -= p[1, :, :, :-1]
    out[:, :, 1:] += p[1, :, :, :-1]
    return out


class Module(unittest.TestCase):
    def test_prox_minimises(self):
        """The gap of a dual that plain gradient projection finds in numpy bounds the distance to its minimiser."""
        v, t = measurement(float, 16)[1], 0.7
        p = np.zeros((2,) + v.shape)
        for _ in range(4000):
            p += differences(np.maximum(v - t * adjoint(p), 0)) / (8 * t)
            p /= np.maximum(1, np.hypot(p[0], p[1]))
        u = np.maximum(v - t * adjoint(p), 0)
        d = differences(u)
        gap = t * (np.hypot(d[0], d[1]).sum() - (d * p).sum())
        for dtype, digits in ((np.float64, 1e-6), (np.float32, 1e-3)):
            w = stemfuse.prox_tv(v.astype(dtype), t, iterations=4000)
            self.assertEqual(w.dtype, dtype)
            self.assertLessEqual(np.linalg.norm(w - u), np.sqrt(2 * gap) + digits * np.linalg.norm(u))

    @unittest.skipIf(PROGRAM is None, "no program")
    def test_equals_the_program(self):
        haadf, counts = measurement(np.float32)
        runs = {
            "published": (stemfuse.fuse_published, {"lambda_tv": 0.1, "iterations": 7, "gamma": 1.7},
                          ["--lambda-tv", "0.1", "--iterations", "7", "--gamma", "1.7"]),
            "counts": (stemfuse.fuse_measured_counts, {"averaging": False, "seed": 3, "background": [0.5, 0.25]},
                       ["--no-averaging", "--seed", "3", "--background", "Co=0.5,O=0.25"])}
        with tempfile.TemporaryDirectory() as folder:
            scan = os.path.join(folder, "scan.npz")
            np.savez(scan, HAADF=haadf, Co=counts[0], O=counts[1])
            for recipe, (fuse, options, arguments) in runs.items():
                out = os.path.join(folder, recipe)
                subprocess.run([PROGRAM, "fuse", scan, "-o", out, "--recipe", recipe, *arguments], check=True,
                               capture_output=True)
                written, mine = np.load(os.path.join(out, "fused.npz")), fuse(haadf, counts, ELEMENTS, **options)
                for i, element in enumerate(ELEMENTS):
                    np.testing.assert_array_equal(mine.maps[i], written["fused_" + element], f"{recipe}, {element}")

    def test_types_and_strides(self):
        haadf, counts = measurement(np.float64)
        fused = stemfuse.fuse_published(haadf, counts, ELEMENTS).maps
        padded = np.zeros((2, 40, 47))[:, :, :40]
        padded[:] = counts
        column_major = np.asfortranarray(counts)
        for same in (padded, column_major, counts.astype(int), counts.astype(">f8"), counts[::-1][::-1]):
            np.testing.assert_array_equal(stemfuse.fuse_published(haadf, same, ELEMENTS).maps, fused)
        single = stemfuse.fuse_published(haadf, counts.astype(np.float32), ELEMENTS).maps
        self.assertEqual((single.dtype, fused.dtype), (np.float32, np.float64))
        np.testing.assert_allclose(single, fused, atol=1e-4)

    def test_makes_no_copy(self):
        """numpy allocates nothing of the size of the maps, and results stay when all else is gone."""
        v = np.ones((3, 200, 200))
        tracemalloc.start()
        u = stemfuse.prox_tv(v, 0.1)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        self.assertLess(peak, v.nbytes / 100)
        self.assertFalse(u.flags.owndata)
        view = u[1]
        del u
        np.testing.assert_allclose(view, 1)

    def test_counts_keep_totals(self):
        haadf, counts = measurement(np.float64)
        seen = []
        fused = stemfuse.fuse_measured_counts(haadf, counts, ELEMENTS, averaging=False, k_factors={"O": 1.5, "Co": 1.2},
                                              background_maps=np.full_like(counts, 0.5),
                                              progress=lambda stage, done: seen.append((stage, done)))
        np.testing.assert_allclose(fused.maps.sum(axis=(1, 2)), counts.sum(axis=(1, 2)) - 0.5 * 1600, rtol=1e-9)
        amounts = fused.maps.sum(axis=(1, 2)) * [1.2 / 58.933194, 1.5 / 15.999]
        np.testing.assert_allclose(fused.atomic, amounts / amounts.sum(), rtol=1e-4)
        self.assertEqual((fused.fractions.shape, fused.errors.shape), (counts.shape, counts.shape))
        self.assertEqual(len(fused.reasons), 2)
        self.assertEqual(seen[0], ("preparing", 0.0))
        self.assertEqual(seen, sorted(seen, key=lambda s: s[1]))

    def test_errors(self):
        haadf, counts = measurement(np.float64)
        for message, arguments, options in (
                (r"^gamma: is 0.5, must be in \[1, 3\]", (haadf, counts, ELEMENTS), {"gamma": 0.5}),
                (r"^HAADF: .*\(39, 40\).*\(40, 40\)", (haadf[1:], counts, ELEMENTS), {}),
                (r"^maps: has 2 axes, must have 3", (haadf, counts[0], ELEMENTS), {}),
                (r"^maps: is of complex128, must be of real numbers", (haadf, counts + 1j, ELEMENTS), {}),
                (r"^weights: is heavy, must be ", (haadf, counts, ELEMENTS), {"weights": "heavy"})):
            with self.assertRaisesRegex(ValueError, message):
                stemfuse.fuse_published(*arguments, **options)
        with self.assertRaisesRegex(TypeError, "^lamda_tv: is no option, must be one of: gamma"):
            stemfuse.fuse_published(haadf, counts, ELEMENTS, lamda_tv=1)
        with self.assertRaises(stemfuse.Cancelled):
            stemfuse.fuse_published(haadf, counts, ELEMENTS, progress=lambda stage, done: done < 0.5)
        with self.assertRaises(ZeroDivisionError):
            stemfuse.fuse_published(haadf, counts, ELEMENTS, progress=lambda stage, done: 1 / 0)

    def test_lock_is_released_and_interrupted(self):
        """Another thread runs meanwhile, and Ctrl-C ends the work."""
        v, ticks, done = np.random.default_rng(2).random((1, 300, 300)), [], threading.Event()

        def tick():
            while not done.is_set():
                ticks.append(time.monotonic())
                time.sleep(0.001)
            os.kill(os.getpid(), signal.SIGINT)

        threading.Timer(0.2, done.set).start()
        threading.Thread(target=tick).start()
        with self.assertRaises(KeyboardInterrupt):
            stemfuse.prox_tv(v, 1, iterations=10_000_000)
        self.assertGreater(len(ticks), 3)


if __name__ == "__main__":
    unittest.main()
