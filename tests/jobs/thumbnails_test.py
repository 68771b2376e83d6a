#!/usr/bin/env python3
"""The thumbnails jobs/thumbnails.cpp makes are those of Pillow, and what it stores of them is what numpy says."""

import os
import pathlib
import shutil
import sys
import tempfile
import unittest

from finished import expect_refused, finished, results
from readme_test import transcript

SKIPPED = 77
IMAGES = pathlib.Path(__file__).resolve().parents[2] / "data/images"


def measures(pixels):
    """Of (height, width, 4) values: what the job stores, by name."""
    colours, weights = pixels[:, :, :3].astype(float), pixels[:, :, 3] / 255
    grey = colours @ [0.299, 0.587, 0.114]
    brightness = numpy.average(grey, weights=weights)
    red, green, blue = (numpy.average(colours[:, :, channel], weights=weights) for channel in range(3))
    contrast = numpy.average((grey - brightness) ** 2, weights=weights) ** 0.5
    return {"red": red, "green": green, "blue": blue, "brightness": brightness, "contrast": contrast,
            "opaque": weights.mean()}


class Thumbnails(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with finished("thumbnails", 4, "--width", "40") as (printed, file):
            cls.printed = printed
            stored = results(file)
            cls.left = sorted(os.listdir(pathlib.Path(file.filename).parent / "thumbnails"))
            cls.made = {}
            for name in cls.left:
                with PIL.Image.open(pathlib.Path(file.filename).parent / "thumbnails" / name) as image:
                    cls.made[name] = numpy.array(image)
        cls.rows = {path.split("/")[1]: values for path, values in stored.items() if path.startswith("thumbnails/")}
        cls.mean = stored["mean_brightness"]

    def row(self, name):
        return {column: values[self.rows["image"].tolist().index(name.encode())] for column, values in self.rows.items()
                if column != "row"}

    def test_every_image_has_a_thumbnail_like_that_of_pillow(self):
        self.assertEqual(self.left, ["cup.png", "hopper.jpg.png", "seattle.png", "sunset.jpg.png"])
        for path in sorted(IMAGES.iterdir()):
            with self.subTest(path.name), PIL.Image.open(path) as image:
                row = self.row(path.name)
                made = self.made[row["thumbnail"].decode().removeprefix("thumbnails/")]
                size = (40, int(40 * image.height / image.width + 0.5))  # round() would take the even one
                self.assertEqual((row["width"], row["height"]), size)
                self.assertEqual(made.shape, (size[1], size[0], 4))
                expected = numpy.array(image.convert("RGBA").resize(size, PIL.Image.BILINEAR)).astype(float)
                apart = numpy.abs(made - expected) * numpy.maximum(expected[:, :, 3:], 255 * (numpy.arange(4) == 3)) / 255
                # At the edges the two weigh differently what is not there.
                self.assertLessEqual(apart[1:-1, 1:-1].max(), 3)
                self.assertLess(apart.mean(), 1)

    def test_what_it_stores_of_them(self):
        for path in sorted(IMAGES.iterdir()):
            row = self.row(path.name)
            pixels = self.made[row["thumbnail"].decode().removeprefix("thumbnails/")]
            for name, value in measures(pixels).items():
                self.assertAlmostEqual(row[name], value, 9, f"{path.name}: {name}")
        brightness = self.rows["brightness"].tolist()
        self.assertEqual(brightness, sorted(brightness, reverse=True))
        self.assertAlmostEqual(self.mean, numpy.mean(brightness), 9)

    def test_what_the_page_shows(self):
        options, lines = transcript("thumbnails")
        with finished("thumbnails", 3, *options) as (printed, _):
            self.assertEqual(printed.splitlines()[:-1], lines)

    def test_equal_names_in_different_folders_are_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            for part in ("a", "b"):
                (pathlib.Path(folder) / part).mkdir()
                shutil.copy(IMAGES / "cup.png", pathlib.Path(folder) / part)
            thumbnails = pathlib.Path(folder) / "thumbnails"
            expect_refused(self, "thumbnails", f'the thumbnails of "{folder}/a/cup.png" and "{folder}/b/cup.png" would both '
                           f'be "{thumbnails}/cup.png"', "--images", f"{folder}/?/*", "--folder", str(thumbnails))
            self.assertFalse(thumbnails.exists())

    def test_what_is_no_image(self):
        expect_refused(self, "thumbnails", "no-such-*.png: expected a file that this pattern matches", "--images",
                       "no-such-*.png")
        page = pathlib.Path(__file__).resolve()
        expect_refused(self, "thumbnails", f"{page}: expected an image of a format that OpenImageIO knows", "--images",
                       str(page), ranks=3)


if __name__ == "__main__":
    try:
        import numpy
        import PIL.Image
    except ImportError as error:
        print(f"skipped: {error} ({sys.executable}); Debian: python3-pil python3-numpy")
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
