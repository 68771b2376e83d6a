#!/usr/bin/env python3
"""same_numbers_test.py JOB random|fixed [options]: what a job prints and stores and the keys of its tasks are the same
to the last bit on 1, 2, 3, 5 and 8 ranks; with another seed a random job has other numbers, a fixed one the same."""

import sys
import unittest

import numpy

from finished import finished, results

JOB, KIND, OPTIONS = sys.argv[1], sys.argv[2], sys.argv[3:]


def bytes_of(values):
    """Of texts themselves, not of where they lie."""
    return b"\0".join(values.ravel().tolist()) if values.dtype == object else values.tobytes()


def run_on(ranks, *options):
    """(what it printed, every dataset of /results as bytes by path, the keys of all tasks)"""
    with finished(JOB, ranks, *OPTIONS, *options) as (printed, file):
        stored = {path: bytes_of(numpy.asarray(values)) for path, values in results(file).items()}
        return printed, stored, sorted(file["tasks"]["key"].tolist())


class SameNumbers(unittest.TestCase):
    def test_on_any_number_of_ranks(self):
        alone = run_on(1)
        _, stored, keys = alone
        self.assertGreater(len(stored), 1)
        self.assertEqual(len(keys), len(set(keys)))
        for start in ((2,), (3,), (5,), (5, "--actor-ranks", "2"), (8,)):
            with self.subTest(start=start):
                self.assertEqual(run_on(*start), alone)

    def test_another_seed(self):
        first, second = (run_on(2, "--seed", seed)[1] for seed in ("1", "2"))
        (self.assertNotEqual if KIND == "random" else self.assertEqual)(first, second)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
