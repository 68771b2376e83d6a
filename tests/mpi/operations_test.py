#!/usr/bin/env python3
"""operations_test.py RANKS: the operations of datasets give what a plain computation gives, with lanes that crash, with a
worker rank that is lost, and when the job is killed and goes on."""

import csv
import os
import pathlib
import signal
import statistics
import sys
import tempfile
import time
import unittest

import h5py

from launch import HANGS, Job

RANKS = int(sys.argv.pop(1))
OTHERS = {1: 3, 2: 5, 3: 2, 5: 1}[RANKS]
ROWS = 6000


def readings():
    for number in range(ROWS):
        mixed = number * 7919 % 10007
        yield number, "hot" if number % 2 == 0 else f"station {mixed % 50}", mixed % 1000 / 8


def expected():
    rows = list(readings())
    groups = {}
    for number, station, value in rows:
        groups.setdefault(station, []).append((number, value))
    heights = {f"station {i}": i * 10.0 for i in range(40)}
    return {
        "sorted": [row[0] for row in sorted(rows, key=lambda row: (-row[2], row[1]))],
        "summaries": [(station, len(group), sum(value for _, value in group), min(value for _, value in group),
                       statistics.median(value for _, value in group), group[0][0])
                      for station, group in sorted(groups.items())],
        "places": [(number, value, heights[station]) for number, station, value in rows if station in heights],
        "zipped": list(range(0, ROWS, 100)),
        "distinct": len(groups),
        "ids": sum(range(ROWS)),
    }


EXPECTED = expected()


class Operations(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="crema-operations-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def start(self, *options, ranks=RANKS, recovery=False):
        words = ["--rows", str(ROWS), "--output", "run.h5", "--progress", "off", *options]
        job = Job([(ranks, "operations", words)], recovery=recovery, folder=self.folder)
        self.addCleanup(job.close)
        return job

    def expect_right(self, job):
        job.wait()
        self.assertEqual((job.exit_file, job.left), (0, {}), job.stderr)
        with h5py.File(self.folder / "run.h5") as file:
            self.assertEqual(file.attrs["status"], "complete")
            results = file["results"]

            def columns(table, *names):
                found = [results[table][name][:] for name in names]
                return list(zip(*([cell.decode() if isinstance(cell, bytes) else cell.item() for cell in column]
                                  for column in found)))

            self.assertEqual([row[0] for row in columns("sorted", "id")], EXPECTED["sorted"])
            self.assertEqual(columns("summaries", "station", "readings", "total", "least", "median", "first"),
                             EXPECTED["summaries"])
            self.assertEqual(columns("places", "id", "value", "height"), EXPECTED["places"])
            self.assertEqual([row[0] for row in columns("zipped", "value")], EXPECTED["zipped"])
            self.assertEqual(results["distinct"][()], EXPECTED["distinct"])
            self.assertEqual(results["test_ids"][()] + results["train_ids"][()], EXPECTED["ids"])
            shuffled = [row[0] for row in columns("shuffled", "id")]
            self.assertEqual((len(shuffled), len(set(shuffled))), (1000, 1000))
            self.assertEqual(int(results["test_ids"][()]), TEST_IDS)
            self.assertEqual(shuffled[:5], SHUFFLED)
            self.expect_parts()
            attempts = file["tasks"]["attempt"][:]
            return int(attempts.max())

    def expect_parts(self):
        """Every row is in the folder of part files once, whatever was done again."""
        folder = self.folder / "parts"
        self.assertTrue((folder / "_SUCCESS").exists())
        rows = []
        for part in sorted(folder.glob("part-*.csv")):
            with open(part, newline="", encoding="utf-8") as file:
                rows += [(int(row["id"]), row["station"], float(row["value"])) for row in csv.DictReader(file)]
        self.assertEqual(rows, list(readings()))
        self.assertEqual({path.name for path in folder.iterdir() if not path.name.startswith("part-")}, {"_SUCCESS"})

    @unittest.skipIf(RANKS == 1, "one rank alone runs tasks in its own process")
    def test_lanes_crash(self):
        self.assertGreaterEqual(self.expect_right(self.start("--crash", "1000")), 1)

    @unittest.skipIf(RANKS not in (1, 5), "one process, and several workers")
    def test_memory_is_short(self):
        self.expect_right(self.start("--memory-budget", "2MiB"))

    def test_the_job_is_killed_and_goes_on(self):
        for start in range(2):
            job = self.start("--pause", "8", *(["--resume"] if start else []), ranks=(RANKS, OTHERS)[start],
                             recovery=True)
            journal = self.folder / "run.h5.journal"
            before = sum(path.stat().st_size for path in journal.glob("segment-*"))
            deadline = time.monotonic() + HANGS
            while sum(path.stat().st_size for path in journal.glob("segment-*")) < before + 60_000:
                self.assertLess(time.monotonic(), deadline, job.text("stderr"))
                self.assertIsNone(job.process.poll(), job.text("stderr"))
                time.sleep(0.01)
            for pid in job.processes():
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            job.wait()
            self.assertFalse((self.folder / "run.h5").exists())
        (self.folder / "hurry").touch()
        self.expect_right(self.start("--pause", "8", "--resume"))

    @unittest.skipIf(RANKS < 5, "needs workers to spare")
    def test_a_worker_rank_is_lost(self):
        job = self.start("--pause", "8", recovery=True)
        journal = self.folder / "run.h5.journal"
        deadline = time.monotonic() + HANGS
        while sum(path.stat().st_size for path in journal.glob("segment-*")) < 60_000:
            self.assertLess(time.monotonic(), deadline, job.text("stderr"))
            time.sleep(0.01)
        os.kill(job.pid_of(RANKS - 1), signal.SIGKILL)
        (self.folder / "hurry").touch()
        self.expect_right(job)


# The same on any number of ranks: what --seed and the numbers given to the operations make of it.
TEST_IDS = 4489378
SHUFFLED = [1129, 2711, 2305, 3602, 3461]


if __name__ == "__main__":
    unittest.main(verbosity=2)
