#!/usr/bin/env python3
"""orders_test.py RANKS: the memory of every process of a job does not grow with its input, and a sort and a group_by of
eight times the memory budget and more pass through the disk. Prints a table of what each process has held.
Results are compared with each other and with what the files say; of few orders with what pandas makes of them too.
--soak: 1, 2 and 10 GB of input instead of 18 and 70 MB. --rows N: N orders, and a quarter of them; --budget MIB; --folder
F: keeps the orders there, and takes those that are there."""

import csv
import gzip
import json
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
FEW = 4_000_000  # orders: more take pandas minutes, and gigabytes
BLOCKS = 128  # MiB of all blocks that are worked on at a time, where their rows go nowhere
PARTS = 768  # the same where rows go from block to block
WORKERS = max(1, RANKS - 2)  # each of which keeps as much as the budget


class Memory:
    """The most that each process of a job has held so far, seen from outside, in MiB."""

    def __init__(self):
        self.kinds = {}  # of pids: the rank, and which of its processes
        self.peaks = {}  # of pids: the kernel's count, libraries and what is shared included
        self.together = 0  # of all, without libraries, what is shared counted once
        self.spilled = 0  # on the disk at a time, holes included

    def watch(self, job, spill_folder):
        looks = 0
        while job.process.poll() is None:
            self.look(job.processes(), spill_folder, with_segments=looks % 5 == 0)
            looks += 1
            time.sleep(0.05)

    def look(self, processes, spill_folder, with_segments):
        ranks = {pid: rank for pid, rank in processes.items() if rank is not None}
        parents = {}
        private = 0
        segments = {}
        spilled = {}
        for pid in ranks:
            try:
                status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
                if with_segments:
                    # Mapped or not: of what a rank only passes on, its resident size shows nothing.
                    for name in os.listdir(f"/proc/{pid}/fd"):
                        descriptor = f"/proc/{pid}/fd/{name}"
                        target = os.readlink(descriptor)
                        if target.startswith("/memfd:"):
                            segment = os.stat(descriptor)
                            segments[segment.st_ino] = segment.st_blocks * 512
                        elif target.startswith(f"{spill_folder}/"):
                            file = os.stat(descriptor)
                            spilled[file.st_ino] = file.st_size
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
            self.spilled = max(self.spilled, sum(spilled.values()) / MIB)

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
        cells = [what, f"{rows:,}", f"{size:.0f} MB"]
        for kind in ("rank", "lane"):
            cells.append(", ".join(" ".join(f"{peak:.0f}" for peak in peaks) or "–" for peaks in self.of(kind).values()))
        return f"| {' | '.join(cells)} | {self.together:.0f} | {self.spilled:.0f} |"


HEADER = f"""
Peaks in MiB, --memory-budget {BUDGET}MiB:
| | orders | input | ranks 0, 1, … | their lanes | together | spilled |
|---|---|---|---|---|---|---|"""


class Orders(unittest.TestCase):
    @classmethod
    def folder(cls, name):
        temporary = tempfile.TemporaryDirectory(prefix=f"crema-{name}-")
        cls.addClassCleanup(temporary.cleanup)
        return pathlib.Path(temporary.name).resolve()

    @classmethod
    def setUpClass(cls):
        cls.spill_folder = cls.folder("spill")
        folder = FOLDER or cls.folder("orders")
        cls.files = {rows: folder.absolute() / str(rows) for rows in SIZES}
        cls.revenues = {}  # of all orders, by how many they are, as the first test finds them
        for rows, files in cls.files.items():
            if (files / "_SUCCESS").exists():
                continue
            job = Job([(RANKS, JOBS / "make_orders", ["--rows", str(rows), "--folder", str(files), "--output", "run.h5",
                                                      "--progress", "off"])]).wait(PATIENCE)
            if job.exit_file != 0:
                raise AssertionError(job.stderr)
            job.close()
        print(HEADER, file=sys.stderr)

    def parts(self, rows):
        return sorted(self.files[rows].glob("part-*.csv"))

    def megabytes(self, rows):
        return sum(part.stat().st_size for part in self.parts(rows)) / 1e6

    def memories(self, *what, files=lambda folder: f"{folder}/part-*.csv"):
        """The memory of a job on each size of input, and its results on each."""
        memories, results = {}, {}
        for rows in SIZES:
            job = Job([(RANKS, "orders", ["--files", str(files(self.files[rows])), *what, "--memory-budget",
                                          f"{BUDGET}MiB", "--spill-dir", str(self.spill_folder), "--output", "run.h5",
                                          "--progress", "off"])])
            self.addCleanup(job.close)
            memory = memories[rows] = Memory()
            memory.watch(job, self.spill_folder)
            job.wait(PATIENCE)
            self.assertEqual((job.exit_file, job.left), (0, {}), job.stderr)
            self.assertEqual(list(self.spill_folder.iterdir()), [])
            print(memory.row(" ".join(what), rows, self.megabytes(rows)), file=sys.stderr)
            with h5py.File(job.folder / "run.h5") as file:
                found = results[rows] = {}
                file["results"].visititems(
                    lambda path, item: found.update({path: item[()]}) if isinstance(item, h5py.Dataset) else None)
        return memories, results

    def expect_flat(self, memories, more, together):
        """`more`: MiB that the work on the largest input may take, above a quarter more than that on the smallest.
        `together`: MiB that all processes may hold at a time, by the number of orders."""
        for kind in ("rank", "lane"):
            self.assertLess(memories[SIZES[-1]].most(kind), memories[SIZES[0]].most(kind) * 1.25 + more, kind)
        for rows, memory in memories.items():
            self.assertLess(memory.together, together(rows), f"{rows} orders")

    def kept_and_worked_on(self, rows):
        """Twice what the workers keep, and what is in work: that of small inputs may be all of them."""
        return 2 * WORKERS * BUDGET + min(BLOCKS + self.megabytes(rows), PARTS)

    def expect_spilled(self, memories):
        for rows, memory in memories.items():
            if self.megabytes(rows) > 2 * WORKERS * BUDGET:
                self.assertGreater(memory.spilled, 0, f"{rows} orders")

    def expect_revenue(self, rows, revenue):
        """Prices are quarters of dollars, so every order of adding them up gives the same."""
        self.assertEqual(revenue, self.revenues.setdefault(rows, revenue), "another test has found another one")

    def expected(self, rows, *columns):
        """Nothing where pandas would take too long."""
        if rows > FEW:
            return None
        return pandas.concat(pandas.read_csv(part, usecols=columns) for part in self.parts(rows))

    def test_scan(self):
        memories, results = self.memories("--scan")
        self.expect_flat(memories, 16, together=lambda rows: BLOCKS)
        for rows, found in results.items():
            orders = [0] * 5  # of lattes, by cups
            for part in self.parts(rows):
                content = part.read_bytes()
                for cups in range(1, 5):
                    orders[cups] += content.count(b",Latte,%d," % cups)
            self.assertEqual(found["lattes"], sum(orders))
            self.assertEqual(found["latte_revenue"], sum(5.0 * cups * count for cups, count in enumerate(orders)))
            if (sales := self.expected(rows, "drink", "price")) is not None:
                lattes = sales.query("drink == 'Latte'")
                self.assertEqual((found["lattes"], found["latte_revenue"]), (len(lattes), lattes.price.sum()))

    def test_group(self):
        memories, results = self.memories("--group")
        self.expect_flat(memories, 16, together=lambda rows: BLOCKS)
        for rows, found in results.items():
            shops = found["sales/shop"].tolist()
            self.assertEqual(shops, sorted(set(shops)))
            self.assertEqual(found["sales/orders"].sum(), rows)
            self.expect_revenue(rows, found["sales/revenue"].sum())
            if (sales := self.expected(rows, "shop", "price")) is not None:
                groups = sales.groupby("shop").price.agg(["size", "sum"])
                self.assertEqual(shops, groups.index.tolist())
                self.assertEqual(found["sales/orders"].tolist(), groups["size"].tolist())
                self.assertEqual(found["sales/revenue"].tolist(), groups["sum"].tolist())

    def group(self, *what, files):
        """Sums by shop of files that are cut by tasks, and whose text is stored."""
        memories, results = self.memories("--group", *what, files=files)
        self.expect_flat(memories, 2 * BUDGET, self.kept_and_worked_on)
        self.expect_spilled(memories)
        for rows, found in results.items():
            self.assertEqual(found["sales/orders"].sum(), rows)
            self.expect_revenue(rows, found["sales/revenue"].sum())

    def test_group_of_a_packed_file(self):
        def packed(folder):
            file = folder / "all.csv.gz"
            if not file.exists():
                with gzip.open(file, "wb", compresslevel=1) as out:
                    for number, part in enumerate(sorted(folder.glob("part-*.csv"))):
                        header, rows = part.read_bytes().split(b"\n", 1)
                        out.write(rows if number else header + b"\n" + rows)
            return file

        self.group(files=packed)

    @unittest.skipIf(SOAK, "Python takes too long to write so many elements")
    def test_group_of_an_array(self):
        def array(folder):
            file = folder / "all.json"
            if not file.exists():
                with open(file, "w", encoding="utf-8") as out:
                    separator = "["
                    for part in sorted(folder.glob("part-*.csv")):
                        with open(part, newline="", encoding="utf-8") as rows:
                            for row in csv.DictReader(rows):
                                order = {name: int(row[name]) for name in ("order", "shop", "cups")}
                                order |= {"drink": row["drink"], "price": float(row["price"])}
                                out.write(separator + json.dumps(order))
                                separator = ",\n"
                    out.write("]\n")
            return file

        self.group("--json", files=array)

    def test_group_of_many_keys(self):
        memories, results = self.memories("--moments")
        self.expect_flat(memories, 2 * BUDGET, self.kept_and_worked_on)
        self.expect_spilled(memories)
        for rows, found in results.items():
            self.assertEqual(found["moment_orders"], rows)
            self.expect_revenue(rows, found["moment_revenue"])
            if (sales := self.expected(rows, "time", "drink", "price")) is not None:
                moments = sales.groupby(["time", "drink"]).price.agg(["size", "sum"])
                self.assertEqual([found[name] for name in ("moments", "most_orders", "moment_revenue")],
                                 [len(moments), moments["size"].max(), moments["sum"].sum()])

    def test_sort(self):
        memories, results = self.memories("--sort")
        self.expect_flat(memories, 2 * BUDGET, self.kept_and_worked_on)
        self.expect_spilled(memories)
        for rows, found in results.items():
            # The dearest are four cups of Mocha.
            self.assertEqual([found[name] for name in ("sorted", "disorder", "dearest")], [rows, 0, 4 * 5.5])


if __name__ == "__main__":
    unittest.main(verbosity=2)
