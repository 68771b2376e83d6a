#!/usr/bin/env python3
"""What jobs/unlucky_shop.cpp promises: every drink is made, and every sale counts once, whatever breaks."""

import collections
import unittest

import h5py

from launch import Job

ORDERS = [("Cappuccino", 4.5), ("Latte", 5.0), ("Espresso", 3.0), ("Americano", 3.5), ("Mocha", 5.5),
          ("Flat White", 4.75)]
ATTEMPTS = [1, 2, 2, 2, 1, 2]  # works, crashes, hangs, blows a fuse, and so on


class UnluckyShop(unittest.TestCase):
    def start(self, ranks, *options):
        job = Job([(ranks, "unlucky_shop", ["--output", "run.h5", "--progress", "off", *options])]).wait()
        self.addCleanup(job.close)
        self.assertEqual(job.left, {}, job.stderr)
        return job

    def test_the_revenue_is_exact(self):
        for ranks in (2, 3, 6):
            with self.subTest(ranks=ranks):
                job = self.start(ranks)
                self.assertEqual((job.code, job.exit_file), (0, 0), job.stderr)
                with h5py.File(job.folder / "run.h5") as file:
                    drinks = {name: list(column) for name, column in file["results/drinks"].items()}
                    revenue, owed = file["results/total_revenue"][()], file["results/total_owed"][()]
                    names = {number: name for name, number in h5py.check_enum_dtype(file["tasks"].dtype["state"]).items()}
                    states = collections.Counter(names[state] for state in file["tasks"]["state"])
                self.assertEqual([name.decode() for name in drinks["drink"]], [name for name, _ in ORDERS])
                self.assertEqual(drinks["price"], [price for _, price in ORDERS])
                self.assertEqual(drinks["attempts"], ATTEMPTS)
                self.assertEqual([states[name] for name in ("crashed", "timed_out", "failed")], [2, 1, 1])
                self.assertEqual((revenue, owed), (26.25, 26.25))
                self.assertIn("Mocha - $5.50 [ready at attempt 1]\n", job.stdout)
                self.assertIn("CashRegister::lose_power", job.stdout)
                self.assertIn("killed by signal 9 (Killed)", job.stdout)
                self.assertIn("Revenue: $26.25, owed: $26.25\n", job.stdout)

    def test_threads_cannot_be_ended(self):
        job = self.start(3, "--isolation", "none")
        self.assertEqual((job.code, job.exit_file), (2, 2), job.stderr)
        self.assertIn("only a process can be ended from outside", job.stderr)


if __name__ == "__main__":
    unittest.main()
