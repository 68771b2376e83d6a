#!/usr/bin/env python3
"""What jobs/pi.cpp stores: hits that are counted once each, error bars that hold what they promise."""

import math
import re
import unittest

import numpy

from finished import expect_refused, finished, results

OPTIONS = ("--tasks", "12", "--darts", "20000")


class Pi(unittest.TestCase):
    def test_the_estimate_converges_within_its_error(self):
        with finished("pi", 4, *OPTIONS) as (printed, file):
            stored = results(file)
            methods = {row["method"].decode(): row["count"] for row in file["actor_methods"][:]}
        darts, pi, error = (stored[f"convergence/{name}"] for name in ("darts", "pi", "error"))
        self.assertEqual(darts.tolist(), [20000 * tasks for tasks in (1, 2, 4, 8, 12)])
        hits = pi * darts / 4
        numpy.testing.assert_allclose(hits, hits.round(), rtol=0, atol=1e-6)
        p = (hits.round() + 1) / (darts + 2)
        numpy.testing.assert_allclose(error, 4 * numpy.sqrt(p * (1 - p) / darts), rtol=1e-12)
        self.assertTrue((numpy.abs(pi - math.pi) < 4 * error).all(), f"{pi} +- {error}")
        self.assertTrue((numpy.diff(error) < 0).all())
        self.assertEqual((stored["pi"], stored["error"]), (pi[-1], error[-1]))
        self.assertEqual(methods, {"Scoreboard::add": 12, "Scoreboard::tally": 5})
        self.assertIn(f"{240000:12} darts: pi = {pi[-1]:.6f} +- {error[-1]:.6f}\n", printed)

    def test_error_bars_of_many_seeds(self):
        """About 68 % of all runs are off by less than one error; far fewer or more say that the error is wrong."""
        within = 0
        for seed in range(24):
            with finished("pi", 1, "--tasks", "3", "--darts", "1000", "--seed", str(seed)) as (_, file):
                within += abs(file["results/pi"][()] - math.pi) < file["results/error"][()]
        self.assertTrue(10 <= within <= 22, within)

    def test_the_shards_share_the_batches(self):
        with finished("pi", 5, *OPTIONS, "--shards", "7", "--actor-ranks", "2") as (_, file):
            self.assertEqual(file["results/convergence/darts"][-1], 240000)
            shards = file["actors"][:]
        self.assertEqual((len(shards), set(shards["class"])), (7, {b"Scoreboard"}))
        self.assertEqual(len(set(shards["rank"])), 2)
        self.assertEqual(shards["calls"].sum(), 12 + 5)
        self.assertGreater((shards["calls"] > 0).sum(), 1)

    def test_every_dart_counts_once(self):
        with finished("pi", 4, "--tasks", "400", "--darts", "1") as (_, file):
            stored = results(file)
        darts, hits = stored["convergence/darts"], stored["convergence/pi"] * stored["convergence/darts"] / 4
        self.assertEqual(darts.tolist(), [1, 2, 4, 8, 16, 32, 64, 128, 256, 400])
        numpy.testing.assert_allclose(hits, hits.round(), rtol=0, atol=1e-9)
        self.assertTrue((numpy.diff(hits) <= numpy.diff(darts)).all(), hits)
        self.assertLess(abs(stored["pi"] - math.pi), 3 * stored["error"])

    def test_one_dart(self):
        with finished("pi", 1, "--tasks", "1", "--darts", "1") as (_, file):
            self.assertIn(file["results/pi"][()], (0, 4))
            self.assertAlmostEqual(file["results/error"][()], 4 * math.sqrt(2) / 3)

    def test_refusals(self):
        for option, value in (("--tasks", "0"), ("--tasks", "many"), ("--darts", "0"), ("--darts", "1e6"),
                              ("--darts", "1000000001"), ("--shards", "0"), ("--shards", "1001")):
            with self.subTest(option=option, value=value):
                # CLI11 writes a range in one of two ways, as its version is.
                sentence = re.compile(rf"{option}: Value {value} not in range (1 to |\[1 - )\d+")
                expect_refused(self, "pi", sentence, option, value)
        expect_refused(self, "pi", "--tasks: Value 0 not in range", "--tasks", "0", ranks=3)


if __name__ == "__main__":
    unittest.main()
