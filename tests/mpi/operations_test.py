#!/usr/bin/env python3
"""operations_test.py RANKS: the operations of datasets give what a plain computation gives, with lanes that crash, with a
worker rank that is lost, and when the job is killed and goes on."""

import csv
import gzip
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import unittest

import h5py

from launch import HANGS, Job, leave_out_if

RANKS = int(sys.argv.pop(1))
OTHERS = {1: 3, 2: 5, 3: 2, 5: 1}[RANKS]
ROWS = 6000


def readings():
    for number in range(ROWS):
        mixed = number * 7919 % 10007
        yield number, "hot" if number % 2 == 0 else f"station {mixed % 50}", mixed % 1000 / 8


OPERATIONS = ("sort", "random_shuffle", "aggregate", "join", "materialize", "write_csv", "aggregate of one's own",
              "map_groups", "left_join", "union_with", "flat_map", "map_with", "map_batches", "split", "sample", "values",
              "write_json", "write_parquet", "show", "stats", "read packed files", "write_hdf5")
# In a folder of its own, which brings its own numpy.
PYARROW = os.environ.get("CREMA_PYARROW")
READ_PARQUET = """
import json, pathlib, sys
sys.path.insert(0, sys.argv[1])
import pyarrow.parquet
for part in sorted(pathlib.Path(sys.argv[2]).glob("part-*.parquet")):
    for row in pyarrow.parquet.read_table(part, columns=["id", "station", "value"]).to_pylist():
        print(json.dumps(row))
"""


def expected():
    rows = list(readings())
    groups = {}
    for number, station, value in rows:
        groups.setdefault(station, []).append((number, value))
    heights = {f"station {i}": i * 10.0 for i in range(40)}
    values = {station: [value for _, value in group] for station, group in sorted(groups.items())}
    everything = [value for _, _, value in rows]
    return {
        "sorted": [row[0] for row in sorted(rows, key=lambda row: (-row[2], row[1]))],
        "summaries": [(station, len(group), sum(value for _, value in group), min(value for _, value in group),
                       statistics.median(value for _, value in group), group[0][0])
                      for station, group in sorted(groups.items())],
        "places": [(number, value, heights[station]) for number, station, value in rows if station in heights],
        "zipped": list(range(0, ROWS, 100)),
        "distinct": len(groups),
        "ids": sum(range(ROWS)),
        "spreads": [(station, max(group), statistics.fmean(group), statistics.stdev(group),
                     groups[station][-1][0] - groups[station][0][0]) for station, group in values.items()],
        "courses": [(station, sum(before < after for before, after in zip(group, group[1:])))
                    for station, group in values.items()],
        "heights": [(number, value, heights.get(station, -1)) for number, station, value in rows],
        "united": list(range(1, ROWS, 2)) + list(range(0, ROWS, 2)),
        "copies": [number for number in range(ROWS) for _ in range(number % 3)],
        "modelled": [value + 0.5 for value in everything],
        "scaled": [value * 3 for value in everything],
        "thirds": [sum(range(ROWS // 3 * third, ROWS // 3 * (third + 1))) for third in range(3)],
        "values": (ROWS, min(everything), max(everything), statistics.fmean(everything), statistics.stdev(everything)),
    }


EXPECTED = expected()


class Operations(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="crema-operations-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        # Large enough to be cut into blocks that stay with the ranks that cut them.
        rows = [dict(zip(("id", "station", "value"), row), text="packed" * 40) for row in readings()]
        with gzip.open(self.folder / "packed.csv.gz", "wt", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
        (self.folder / "array.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")

    def start(self, *options, ranks=RANKS, recovery=False, rows=ROWS):
        words = ["--rows", str(rows), "--output", "run.h5", "--progress", "off", "--packed", *options,
                 *["--parquet"] * bool(PYARROW)]
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
            for table in ("summaries", "unpacked summaries"):
                self.assertEqual(columns(table, "station", "readings", "total", "least", "median", "first"),
                                 EXPECTED["summaries"], table)
            self.assertEqual([row[0] for row in columns("unpacked", "value")], [*range(ROWS), *range(ROWS)])
            self.assertEqual(columns("places", "id", "value", "height"), EXPECTED["places"])
            self.assertEqual([row[0] for row in columns("zipped", "value")], EXPECTED["zipped"])
            self.assertEqual(results["distinct"][()], EXPECTED["distinct"])
            self.assertEqual(results["test_ids"][()] + results["train_ids"][()], EXPECTED["ids"])
            self.expect_close(columns("spreads", "station", "most", "mean", "deviation", "reach"), EXPECTED["spreads"])
            self.assertEqual(columns("courses", "station", "rises"), EXPECTED["courses"])
            self.assertEqual(columns("heights", "id", "value", "height"), EXPECTED["heights"])
            for table in ("united", "copies", "modelled", "scaled", "thirds"):
                self.assertEqual([row[0] for row in columns(table, "value")], EXPECTED[table], table)
            self.assertEqual(results["tally"][()], ROWS)
            self.assertEqual(int(results["sampled"][()]), SAMPLED)
            self.expect_close([tuple(results[name][()] for name in ("rows", "least", "most", "mean", "deviation"))],
                              [EXPECTED["values"]])
            shuffled = [row[0] for row in columns("shuffled", "id")]
            self.assertEqual((len(shuffled), len(set(shuffled))), (1000, 1000))
            self.assertEqual(int(results["test_ids"][()]), TEST_IDS)
            self.assertEqual(shuffled[:5], SHUFFLED)
            stats = {name.removeprefix("stats of "): tuple(results[name][:]) for name in results if "stats of" in name}
            half = (16, ROWS // 2)
            self.assertEqual(stats, {"materialize": (16, ROWS), "map<(anonymous namespace)::look>": (16, ROWS),
                                     "filter<(anonymous namespace)::is_even>": half, "count": half})
            self.assertIn(SHOWN, job.stdout)
            self.expect_files()
            names = [name.decode() for name in file["functions"]["name"]]
            return {names[row["function"]] for row in file["tasks"][:] if row["attempt"] > 0}

    def expect_close(self, found, wanted):
        self.assertEqual(len(found), len(wanted))
        for row, right in zip(found, wanted):
            for cell, value in zip(row, right, strict=True):
                self.assertTrue(cell == value or abs(cell - value) < 1e-9 * abs(value), (row, right))

    def expect_files(self):
        """Every row is in each folder of part files once, whatever was done again."""
        rows = {}
        for folder, pattern in (("parts", "part-*.csv"), ("lines", "part-*.jsonl")):
            rows[folder] = []
            for part in sorted((self.folder / folder).glob(pattern)):
                with open(part, newline="", encoding="utf-8") as file:
                    found = csv.DictReader(file) if folder == "parts" else map(json.loads, file)
                    rows[folder] += [(int(row["id"]), row["station"], float(row["value"])) for row in found]
            self.assertEqual(rows[folder], list(readings()))
            others = {path.name for path in (self.folder / folder).iterdir() if not path.name.startswith("part-")}
            self.assertEqual(others, {"_SUCCESS"})
        if PYARROW:
            found = subprocess.run([sys.executable, "-c", READ_PARQUET, PYARROW, self.folder / "tables"], check=True,
                                   stdout=subprocess.PIPE, text=True).stdout
            self.assertEqual([tuple(json.loads(row).values()) for row in found.splitlines()], list(readings()))
        with h5py.File(self.folder / "readings.h5") as file:
            columns = (file["readings"][name][:] for name in ("id", "station", "value"))
            self.assertEqual([(number, station.decode(), value) for number, station, value in zip(*columns)],
                             list(readings()))
        # A killed process leaves what it was writing, under a name that nobody takes for a file that is whole.
        self.assertEqual([path.name for path in self.folder.glob(".*") if path.suffix != ".partial"], [])

    @leave_out_if(RANKS == 1, "one rank alone runs tasks in its own process")
    def test_lanes_crash(self):
        again = self.expect_right(self.start("--crash", "1000"))
        # Before and behind what rows meet for.
        for step in ("make_reading", "sort.map", "join.map", "repartition.map", "map_groups", "read_csv", "read_json"):
            self.assertTrue([name for name in again if step in name], (step, again))

    @leave_out_if(RANKS not in (1, 5), "one process, and several workers")
    def test_memory_is_short(self):
        self.expect_right(self.start("--memory-budget", "2MiB"))

    def test_the_job_is_killed_and_goes_on(self):
        # One operation in four for each number of ranks, so each is left half done by one of them; and lanes crash.
        disturbed = ["--crash", "1500"] if 1 not in (RANKS, OTHERS) else []
        for start, name in enumerate(OPERATIONS[(1, 2, 3, 5).index(RANKS)::4]):
            job = self.start("--pause", "8", *disturbed, *(["--resume"] if start else []),
                             ranks=(RANKS, OTHERS)[start % 2], recovery=True)
            self.wait_until(job, lambda: name in job.text("stdout").splitlines(), f"{name} did not begin")
            before = self.journal_bytes()
            self.wait_until(job, lambda: self.journal_bytes() > before + 5_000, f"{name} did not go on")
            for pid in job.processes():
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            job.wait()
            self.assertFalse((self.folder / "run.h5").exists())
        (self.folder / "hurry").touch()
        self.expect_right(self.start("--pause", "8", *disturbed, "--resume"))

    def journal_bytes(self):
        return sum(path.stat().st_size for path in (self.folder / "run.h5.journal").glob("segment-*"))

    def wait_until(self, job, condition, otherwise):
        deadline = time.monotonic() + HANGS
        while not condition():
            self.assertLess(time.monotonic(), deadline, f"{otherwise}\n{job.text('stderr')}")
            self.assertIsNone(job.process.poll(), job.text("stderr"))
            time.sleep(0.01)

    @leave_out_if(RANKS not in (1, 3), "one process, and one worker")
    @unittest.skipIf(os.geteuid() != 0, "mounting a small tmpfs needs root")
    def test_the_disk_for_what_memory_does_not_hold_is_full(self):
        disk = self.folder / "disk"
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", disk], check=True)
        # Of so many rows blocks stay with the head, and of twice as many with the workers.
        for name, rows in (("sort", ROWS), ("random_shuffle", 2 * ROWS), ("join", 2 * ROWS), ("map_groups", ROWS)):
            with self.subTest(name):
                options = ("--only", name, "--memory-budget", "2MiB")
                job = self.start(*options, "--spill-dir", str(disk), rows=rows, recovery=True).wait()
                self.assertEqual((job.exit_file, job.left), (1, {}), job.stderr)
                said = [line for line in job.stderr.splitlines() if "PMIX" not in line]
                self.assertEqual(len(said), 1, job.stderr)
                self.assertRegex(job.stderr, r"operations: the driver failed with crema::TaskError: task range.* failed with "
                                             rf"crema::Error: keeping its result: writing .* in {disk}: No space left on "
                                             r"device; name a folder with more room \(--spill-dir\)")
                self.assertEqual(list(disk.iterdir()), [])
                with h5py.File(self.folder / "run.h5") as file:
                    self.assertEqual(file.attrs["status"], "failed")
                job = self.start(*options, "--resume", "--spill-dir", str(self.folder), rows=rows).wait()
                self.assertEqual((job.exit_file, job.left), (0, {}), job.stderr)
                with h5py.File(self.folder / "run.h5") as file:
                    self.assertEqual(file.attrs["status"], "complete")
                    if name == "sort":
                        self.assertEqual(file["results/sorted/id"][:].tolist(), EXPECTED["sorted"])
                (self.folder / "run.h5").unlink()

    @leave_out_if(RANKS < 5, "needs workers to spare")
    def test_a_worker_rank_is_lost(self):
        job = self.start("--pause", "8", recovery=True)
        self.wait_until(job, lambda: self.journal_bytes() > 60_000, "it does not go on")
        os.kill(job.pid_of(RANKS - 1), signal.SIGKILL)
        (self.folder / "hurry").touch()
        self.expect_right(job)


# The same on any number of ranks: what --seed and the numbers given to the operations make of it.
TEST_IDS = 4489378
SAMPLED = 5519209
SHOWN = """
id  station       value  text
--  ----------  -------  ----
 0  hot               0
 1  station 19  114.875
"""
SHUFFLED = [1129, 2711, 2305, 3602, 3461]


if __name__ == "__main__":
    unittest.main(verbosity=2)
