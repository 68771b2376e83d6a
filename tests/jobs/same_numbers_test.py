#!/usr/bin/env python3
"""same_numbers_test.py JOB [options]: a job's results, and the keys of its tasks, are the same to the last bit on 1, 2, 3 and 8
ranks, and other ones with another seed."""

import sys
import unittest

import h5py

from launch import Job

JOB, OPTIONS = sys.argv[1], sys.argv[2:]


def run_on(ranks, *options):
    """(every dataset of /results by path, the keys of all tasks)"""
    job = Job([(ranks, JOB, ["--output", "run.h5", "--progress", "off", *OPTIONS, *options])]).wait(100)
    try:
        if (job.code, job.exit_file, job.left) != (0, 0, {}):
            raise AssertionError(f"on {ranks} ranks: exit code {job.code}\n{job.stderr}")
        with h5py.File(job.folder / "run.h5") as run:
            found = {}
            run["results"].visititems(
                lambda path, item: found.update({path: bytes(item[()])}) if isinstance(item, h5py.Dataset) else None)
            return found, sorted(run["tasks"]["key"].tolist())
    finally:
        job.close()


class SameNumbers(unittest.TestCase):
    def test_on_any_number_of_ranks(self):
        alone, keys = run_on(1)
        self.assertGreater(len(alone), 1)
        self.assertEqual(len(keys), len(set(keys)))
        for ranks in (2, 3, 8):
            with self.subTest(ranks=ranks):
                results, found = run_on(ranks)
                self.assertEqual(results, alone)
                self.assertEqual(found, keys)

    def test_another_seed_gives_other_numbers(self):
        self.assertNotEqual(run_on(2, "--seed", "1")[0], run_on(2, "--seed", "2")[0])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
