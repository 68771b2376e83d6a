#!/usr/bin/env python3
"""orders_test.py RANKS: the memory of every process of a job does not grow with its input, and a sort and a group_by of
eight times the memory budget and more pass through the disk. Prints a table of what each process has held.
--soak: 1, 2 and 10 GB of input instead of 18 and 70 MB. --rows N: N orders, and a quarter of them; --budget MIB; --folder
F: keeps the orders there, and takes those that are there."""

import os
import pathlib
import re
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


def option(name, default, kind=int):
    if name not in sys.argv:
        return default
    place = sys.argv.index(name)
    value = kind(sys.argv[place + 1])
    del sys.argv[place:place + 2]
    return value


RANKS = int(sys.argv.pop(1))
ROWS = option("--rows", None)  # about 44 bytes a row
SIZES = (ROWS // 4, ROWS) if ROWS else (23_000_000, 46_000_000, 230_000_000) if SOAK else (400_000, 1_600_000)
BUDGET = option("--budget", 256 if SOAK else 8)  # MiB
FOLDER = option("--folder", None, pathlib.Path)
PATIENCE = 300 + max(SIZES) // 10_000  # seconds
JOBS = pathlib.Path(os.environ["CREMA_MPI_PROGRAMS"]).parents[1] / "jobs"
MIB = 1 << 20


class Memory:
    """The most that each process of a job has held so far, seen from outside, in MiB."""

    def __init__(self):
        self.kinds = {}  # of pids: the rank, and which of its processes
        self.peaks = {}  # of pids: the kernel's count, libraries and what is shared included
        self.together = 0  # of all, without libraries, what is shared counted once

    def watch(self, job):
        looks = 0
        while job.process.poll() is None:
            self.look(job.processes(), with_segments=looks % 5 == 0)
            looks += 1
            time.sleep(0.05)

    def look(self, processes, with_segments):
        ranks = {pid: rank for pid, rank in processes.items() if rank is not None}
        parents = {}
        private = 0
        segments = {}
        for pid in ranks:
            try:
                status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
                if with_segments:
                    # Mapped or not: of what a rank only passes on, its resident size shows nothing.
                    for name in os.listdir(f"/proc/{pid}/fd"):
                        descriptor = f"/proc/{pid}/fd/{name}"
                        if os.readlink(descriptor).startswith("/memfd:"):
                            segment = os.stat(descriptor)
                            segments[segment.st_ino] = segment.st_blocks * 512
            except OSError:
                continue
            facts = dict(re.findall(r"^(PPid|VmHWM|RssAnon):\s*(\d+)", status, re.MULTILINE))
            if "VmHWM" in facts:  # it has not ended
                parents[pid] = int(facts["PPid"])
                self.peaks[pid] = int(facts["VmHWM"]) / 1024
                private += int(facts["RssAnon"]) / 1024
        for pid, parent in parents.items():
            above = [one for one in (parent, parents.get(parent)) if ranks.get(one) == ranks[pid]]
            self.kinds.setdefault(pid, (ranks[pid], ("rank", "zygote", "lane")[len(above)]))
        if with_segments:
            self.together = max(self.together, private + sum(segments.values()) / MIB)

    def of(self, kind):
        """By rank, the peaks of its processes of this kind, the largest first."""
        found = {rank: [] for rank in range(RANKS)}
        for pid, (rank, of) in self.kinds.items():
            if of == kind:
                found[rank].append(self.peaks[pid])
        return {rank: sorted(peaks, reverse=True) for rank, peaks in found.items()}

    def most(self, kind):
        return max(peak for peaks in self.of(kind).values() for peak in peaks)

    def row(self, what, rows, size):
        """A row of the table of HEADER."""
        cells = [what, f"{rows:,}", f"{size / 1e6:.0f} MB"]
        for kind in ("rank", "lane"):
            cells.append(", ".join(" ".join(f"{peak:.0f}" for peak in peaks) or "–" for peaks in self.of(kind).values()))
        return f"| {' | '.join(cells)} | {self.together:.0f} |"


HEADER = f"""
Peaks in MiB, --memory-budget {BUDGET}MiB:
| | orders | input | ranks 0, 1, … | their lanes | together |
|---|---|---|---|---|---|"""


class Orders(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = FOLDER
        if folder is None:
            temporary = tempfile.TemporaryDirectory(prefix="crema-orders-")
            cls.addClassCleanup(temporary.cleanup)
            folder = pathlib.Path(temporary.name)
        cls.files = {rows: folder.absolute() / str(rows) for rows in SIZES}
        for rows, files in cls.files.items():
            if (files / "_SUCCESS").exists():
                continue
            job = Job([(RANKS, JOBS / "make_orders", ["--rows", str(rows), "--folder", str(files), "--output", "run.h5",
                                                      "--progress", "off"])]).wait(PATIENCE)
            if job.exit_file != 0:
                raise AssertionError(job.stderr)
            job.close()
        print(HEADER, file=sys.stderr)

    def memories(self, *what):
        """The memory of a job on each size of input, and the results on the largest."""
        found = []
        for rows in SIZES:
            folder = self.files[rows]
            job = Job([(RANKS, "orders", ["--files", f"{folder}/part-*.csv", *what, "--memory-budget", f"{BUDGET}MiB",
                                          "--output", "run.h5", "--progress", "off"])])
            self.addCleanup(job.close)
            found.append(Memory())
            found[-1].watch(job)
            job.wait(PATIENCE)
            self.assertEqual((job.exit_file, job.left), (0, {}), job.stderr)
            size = sum(part.stat().st_size for part in folder.glob("part-*.csv"))
            print(found[-1].row(" ".join(what), rows, size), file=sys.stderr)
        with h5py.File(job.folder / "run.h5") as file:
            results = {}
            file["results"].visititems(
                lambda path, item: results.update({path: item[()]}) if isinstance(item, h5py.Dataset) else None)
        return found, results

    def expect_flat(self, memories, more):
        """`more`: MiB that the work on the largest input may take, above a quarter more than that on the smallest."""
        for kind in ("rank", "lane"):
            self.assertLess(memories[-1].most(kind), memories[0].most(kind) * 1.25 + more, kind)

    def expected(self, *columns):
        parts = sorted(self.files[SIZES[-1]].glob("part-*.csv"))
        return pandas.concat(pandas.read_csv(part, usecols=columns) for part in parts)

    def test_scan(self):
        memories, results = self.memories("--scan")
        self.expect_flat(memories, 16)
        if not SOAK:
            lattes = self.expected("drink", "price").query("drink == 'Latte'")
            self.assertEqual(results["lattes"], len(lattes))
            self.assertEqual(results["latte_revenue"], lattes.price.sum())

    def test_group(self):
        memories, results = self.memories("--group")
        self.expect_flat(memories, 16)
        if not SOAK:
            sales = self.expected("shop", "price").groupby("shop").price.agg(["size", "sum"])
            self.assertEqual(results["sales/orders"].tolist(), sales["size"].tolist())
            self.assertEqual(results["sales/revenue"].tolist(), sales["sum"].tolist())

    def test_group_of_many_keys(self):
        memories, results = self.memories("--moments")
        self.expect_flat(memories, 2 * BUDGET)
        self.assertEqual(results["moment_orders"], SIZES[-1])
        if not SOAK:
            moments = self.expected("time", "drink", "price").groupby(["time", "drink"]).price.agg(["size", "sum"])
            self.assertEqual([results[name] for name in ("moments", "most_orders", "moment_revenue")],
                             [len(moments), moments["size"].max(), moments["sum"].sum()])

    def test_sort(self):
        memories, results = self.memories("--sort")
        self.expect_flat(memories, 2 * BUDGET)
        # The dearest are four cups of Mocha.
        self.assertEqual([results[name] for name in ("sorted", "disorder", "dearest")], [SIZES[-1], 0, 4 * 5.5])


if __name__ == "__main__":
    unittest.main(verbosity=2)
