#!/usr/bin/env python3
"""jobs/plot_sweep.py draws the array that jobs/sweep.cpp stored: read back, the picture's colours are its numbers."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

import numpy

from finished import finished

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "jobs" / "plot_sweep.py"
SKIPPED = 77


class Plot(unittest.TestCase):
    def test_the_picture_shows_the_array(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        picture = pathlib.Path(folder.name) / "sweep.png"
        with finished("sweep", 2, "--forces", "12", "--frequencies", "16", "--settle", "30") as (_, file):
            values = file["results/amplitude/values"][:]
            # Newer ones of what reads netCDF warn of the tables beside the array, and of their own numpy.
            expected = ("-W", "ignore:WARNING:UserWarning", "-W", "ignore:numpy.ndarray size changed:RuntimeWarning")
            done = subprocess.run([sys.executable, *expected, SCRIPT, file.filename, picture], capture_output=True,
                                  text=True, timeout=120)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

        pixels = matplotlib.image.imread(picture)[..., :3]
        coloured = pixels.max(axis=2) - pixels.min(axis=2) > 0.1  # text and frames are grey
        columns = numpy.flatnonzero(coloured.sum(axis=0) > pixels.shape[0] / 4)
        plot = columns[:numpy.argmax(numpy.diff(columns) > 5) + 1]  # right of it there is the colour bar
        rows = numpy.flatnonzero(coloured[:, plot].mean(axis=1) > 0.9)
        self.assertGreater(min(len(plot), len(rows)), 200)

        def centres(pixels, cells):
            return pixels[((numpy.arange(cells) + 0.5) * len(pixels) / cells).astype(int)]

        cells = pixels[numpy.ix_(centres(rows, 12)[::-1], centres(plot, 16))]  # row 0, the least force, is lowest
        colours = matplotlib.colormaps["viridis"](numpy.linspace(0, 1, 256))[:, :3]
        read = numpy.linalg.norm(cells[:, :, None, :] - colours, axis=3).argmin(axis=2) / 255
        expected = (values - values.min()) / (values.max() - values.min())
        numpy.testing.assert_allclose(read, expected, atol=0.02)


if __name__ == "__main__":
    try:
        import matplotlib
        import matplotlib.image
        import xarray  # noqa: F401
    except ImportError as error:
        print(f"skipped: {error} ({sys.executable}); Debian: python3-matplotlib python3-xarray python3-h5netcdf")
        sys.exit(SKIPPED)
    unittest.main()
