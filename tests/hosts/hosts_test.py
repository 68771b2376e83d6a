#!/usr/bin/env python3
"""Jobs across three hosts that are namespaces of this machine: the coffee shop, large values that move, and a host that
is cut off. Skips (exit code 77) where such hosts cannot be made."""

import os
import pathlib
import sys
import time
import unittest

import h5py

from cluster import Cluster, why_not

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
SHOP = os.environ.get("CREMA_COFFEE_SHOP", "coffee_shop")
BLOCKS, NUMBERS = 12, 100_000
SUM = sum(range(BLOCKS * NUMBERS))


class Hosts(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(3)
        cls.addClassCleanup(cls.cluster.close)

    def start(self, ranks, program, *arguments, **options):
        job = self.cluster.start(ranks, program, "--output", "run.h5", *arguments, **options)
        self.addCleanup(job.close)
        return job

    def run_file(self, job):
        file = h5py.File(job.folder / "run.h5")
        self.addCleanup(file.close)
        self.assertEqual(file.attrs["status"], "complete", job.stderr)
        return file

    def hosts(self, file):
        return [host.decode() for host in file["ranks"]["host"]]

    def test_the_coffee_shop(self):
        job = self.start(6, SHOP, "--prep-seconds", "0.1", "--no-baseline", "--orders", REPOSITORY / "data/orders.csv")
        job.wait()
        self.assertEqual((job.code, job.exit_file, job.left), (0, 0, {}), job.stderr)
        file = self.run_file(job)
        self.assertEqual(file["results/total_revenue"][()], 26.25)
        self.assertEqual(self.hosts(file), ["node1", "node2", "node3"] * 2)

    def test_large_values_cross_the_links(self):
        before = [self.cluster.bytes_crossed(number) for number in (1, 2, 3)]
        job = self.start(6, "mover", "--blocks", BLOCKS, "--numbers", NUMBERS).wait()
        self.assertEqual((job.code, job.exit_file, job.left), (0, 0, {}), job.stderr)
        file = self.run_file(job)
        self.assertEqual(file["results/sums/values"][()].tolist(), [SUM] * BLOCKS)
        self.assertEqual(self.hosts(file), ["node1", "node2", "node3"] * 2)
        # Every worker needs every block, and makes some.
        for number, crossed in zip((1, 2, 3), before):
            self.assertGreater(self.cluster.bytes_crossed(number) - crossed, BLOCKS * NUMBERS * 8 / 2)


class LostHost(unittest.TestCase):
    """Has a cluster of its own, as a host of it is lost."""

    def test_a_host_that_is_cut_off(self):
        cluster = Cluster(3)
        self.addCleanup(cluster.close)
        job = cluster.start(6, "mover", "--output", "run.h5", "--blocks", BLOCKS, "--numbers", NUMBERS, "--milliseconds",
                            2000, recovery=True)
        self.addCleanup(job.close)
        job.wait_for_file("begun")
        cluster.cut(3)
        # The launcher may stay for the host that does not answer: the job has told its end in the file.
        deadline = time.monotonic() + 90
        while not (job.folder / "exit").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        job.process.terminate()
        job.wait(20)
        self.assertEqual(job.exit_file, 0, job.stderr)
        with h5py.File(job.folder / "run.h5") as file:
            self.assertEqual(file.attrs["status"], "complete")
            self.assertEqual(file["results/sums/values"][()].tolist(), [SUM] * BLOCKS)
            lost = [rank for rank, at in enumerate(file["ranks"]["lost_at"]) if at == at]
            self.assertEqual(lost, [2, 5])


if __name__ == "__main__":
    if reason := why_not():
        print(f"skipped: {reason}")
        sys.exit(77)
    unittest.main()
