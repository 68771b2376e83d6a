#!/usr/bin/env python3
"""orders_test.py RANKS: the memory of every process of a job does not grow with its input, and a sort of eight times the
memory budget passes through the disk. --soak: 10 GB of input instead of 70 MB; --rows N, --budget MIB: other amounts.
Prints the memory of each."""

import collections
import os
import pathlib
import sys
import tempfile
import time
import unittest

import h5py
import pandas

from launch import Job

SOAK = "--soak" in sys.argv
if SOAK:
    sys.argv.remove("--soak")


def option(name, default):
    if name not in sys.argv:
        return default
    place = sys.argv.index(name)
    value = int(sys.argv[place + 1])
    del sys.argv[place:place + 2]
    return value


RANKS = int(sys.argv.pop(1))
ROWS = option("--rows", 230_000_000 if SOAK else 1_600_000)  # about 44 bytes a row
BUDGET = option("--budget", 256 if SOAK else 8)  # MiB
SIZES = (ROWS // 4, ROWS)
JOBS = pathlib.Path(os.environ["CREMA_MPI_PROGRAMS"]).parents[1] / "jobs"


def peaks(job, found):
    """The most memory of its own that each process of a job has held so far, in MiB, by pid."""
    while job.process.poll() is None:
        for pid in job.processes():
            try:
                status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
            except OSError:
                continue
            sizes = dict(line.split(":", 1) for line in status.splitlines())
            kib = sum(int(sizes.get(name, "0").split()[0]) for name in ("RssAnon", "RssShmem"))
            found[pid] = max(found[pid], kib / 1024)
        time.sleep(0.05)


class Orders(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="crema-orders-")
        cls.addClassCleanup(cls.folder.cleanup)
        cls.files = {}
        for rows in SIZES:
            folder = pathlib.Path(cls.folder.name) / str(rows)
            job = Job([(RANKS, JOBS / "make_orders", ["--rows", str(rows), "--folder", str(folder), "--output", "run.h5",
                                                      "--progress", "off"])]).wait()
            if job.exit_file != 0:
                raise AssertionError(job.stderr)
            job.close()
            cls.files[rows] = folder

    def peak(self, rows, *what):
        """(MiB of the process that took most, the results)"""
        job = Job([(RANKS, "orders", ["--files", f"{self.files[rows]}/part-*.csv", *what, "--memory-budget",
                                      f"{BUDGET}MiB", "--output", "run.h5", "--progress", "off"])])
        self.addCleanup(job.close)
        found = collections.defaultdict(float)
        peaks(job, found)
        job.wait(seconds=7200 if SOAK else 300)
        self.assertEqual((job.exit_file, job.left), (0, {}), job.stderr)
        with h5py.File(job.folder / "run.h5") as file:
            results = {}
            file["results"].visititems(
                lambda path, item: results.update({path: item[()]}) if isinstance(item, h5py.Dataset) else None)
        most = max(found.values())
        print(f"{' '.join(what)}: {rows} rows, --memory-budget {BUDGET}MiB: {most:.0f} MiB", file=sys.stderr)
        return most, results

    def expected(self, rows):
        parts = sorted(self.files[rows].glob("part-*.csv"))
        return pandas.concat(pandas.read_csv(part, usecols=["shop", "drink", "price"]) for part in parts)

    def test_scan(self):
        (small, _), (large, results) = (self.peak(rows, "--scan") for rows in SIZES)
        self.assertLess(large, small * 1.25 + 16)
        if not SOAK:
            lattes = self.expected(ROWS).query("drink == 'Latte'")
            self.assertEqual(results["lattes"], len(lattes))
            self.assertEqual(results["latte_revenue"], lattes.price.sum())

    def test_group(self):
        (small, _), (large, results) = (self.peak(rows, "--group") for rows in SIZES)
        self.assertLess(large, small * 1.25 + 16)
        if not SOAK:
            sales = self.expected(ROWS).groupby("shop").price.agg(["size", "sum"])
            self.assertEqual(results["sales/orders"].tolist(), sales["size"].tolist())
            self.assertEqual(results["sales/revenue"].tolist(), sales["sum"].tolist())

    def test_sort(self):
        (small, _), (large, results) = (self.peak(rows, "--sort") for rows in SIZES)
        self.assertLess(large, small * 1.25 + 2 * BUDGET)
        # The dearest are four cups of Mocha.
        self.assertEqual([results[name] for name in ("sorted", "disorder", "dearest")], [ROWS, 0, 4 * 5.5])


if __name__ == "__main__":
    unittest.main(verbosity=2)
