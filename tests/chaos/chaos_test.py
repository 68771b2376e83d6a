#!/usr/bin/env python3
"""chaos_test.py [--kills N] [--seed S]: a job of tasks, nested tasks, actor updates and large values, in which processes
are killed at random, whose disk fills up, and whose journal is truncated and damaged between its starts. However it went,
the last start's results are those of an unbroken run, which counts every update of an actor: once.

What happens, and in what order, follows from the seed; when it happens, from how far the job has got by then. A failure
names the seed and the job of it, and leaves the job's folder."""

import argparse
import collections
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import h5py

from launch import HANGS, Job

UNBROKEN = {"sum": 13575, "links": 30, "links_kept": 30, "totals": 105006.0, "first_sum": 13575, "first_calls": 120,
            "second_sum": 870, "second_calls": 30}
PAUSE = ("--pause", "25")
LANE, WORKER, ACTORS, HEAD, ALL, DISK = "lane", "worker rank", "actor rank", "head", "all", "disk full"
KINDS = (LANE, LANE, WORKER, WORKER, ACTORS, HEAD, ALL, ALL, DISK)
ENDS_THE_START = (HEAD, ALL, DISK)
MOST_STARTS = 6  # of one job, before it is left alone


class Chaos:
    def __init__(self, seed, disk):
        self.seed = seed
        self.random = random.Random(seed)
        self.disk = disk
        self.counts = collections.Counter()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="crema-chaos-"))
        if disk:
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "crema-chaos", self.folder], check=True)

    def close(self):
        if self.disk:
            subprocess.run(["umount", "--lazy", self.folder], check=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def segments(self):
        return sorted((self.folder / "run.h5.journal").glob("segment-*"))

    def journal_bytes(self):
        size = 0
        for path in self.segments():
            try:
                size += path.stat().st_size
            except FileNotFoundError:  # the job has ended well meanwhile
                pass
        return size

    def run_job(self):
        """From the first start to the one that ends by itself."""
        starts = 0
        while True:
            starts += 1
            ranks = self.random.choice((3, 4, 5))
            if starts > MOST_STARTS:
                (self.folder / "hurry").touch()
            resume = ["--resume"] if starts > 1 else []
            job = Job([(ranks, "survivor", [*PAUSE, "--output", "run.h5", "--progress", "off", *resume])],
                      recovery=True, folder=self.folder)
            try:
                if starts <= MOST_STARTS:
                    self.disturb(job, ranks)
                self.wait(lambda: job.process.poll() is not None, "its end", job)
                job.wait()
                if job.left:
                    raise AssertionError(f"processes were left: {job.left}\n{job.stderr}")
                if job.exit_file == 0:
                    return self.check(job, starts)
                if job.exit_file not in (None, 1, 75) or (job.exit_file == 1 and "No space left" not in job.stderr):
                    raise AssertionError(f"a start ended with {job.exit_file}\n{job.stderr}")
            finally:
                job.close()
            self.damage()

    def check(self, job, starts):
        with h5py.File(self.folder / "run.h5") as file:
            results = {name: value[()] for name, value in file["results"].items()}
            if results != UNBROKEN or file.attrs["status"] != "complete":
                raise AssertionError(f"{results} instead of {UNBROKEN}\n{job.stderr}")
        if (self.folder / "run.h5.journal").exists():
            raise AssertionError("the journal of a finished run is there")
        self.counts["starts"] += starts
        self.counts["jobs"] += 1
        for path in self.folder.iterdir():
            path.unlink()

    def wait(self, condition, what, job):
        deadline = time.monotonic() + HANGS
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"{what} did not come\n{job.text('stderr')}")
            time.sleep(0.005)

    def disturb(self, job, ranks):
        lost = set()
        for _ in range(self.random.choice((1, 2, 2, 3))):
            kind = self.random.choice(KINDS)
            progress = self.random.randrange(200, 4000)
            before = self.journal_bytes()
            self.wait(lambda: job.process.poll() is not None or self.journal_bytes() > before + progress
                      or (self.folder / "run.h5").exists(), "progress", job)
            if job.process.poll() is not None:
                return
            workers = [rank for rank in range(2, ranks) if rank not in lost]
            if (kind == WORKER and len(workers) < 2) or (kind == ACTORS and 1 in lost):
                kind = ALL
            if kind == DISK and not self.disk:
                kind = HEAD
            try:
                self.strike(job, kind, workers, lost)
            except (StopIteration, ProcessLookupError):  # it has ended by itself meanwhile
                return
            self.counts[kind] += 1
            if kind in ENDS_THE_START:
                return

    def strike(self, job, kind, workers, lost):
        if kind == LANE:
            ranks = {job.pid_of(rank) for rank in workers}
            parents = job.parents()
            lanes = sorted(pid for pid, parent in parents.items() if parents.get(parent) in ranks)
            os.kill(self.random.choice(lanes) if lanes else next(iter(())), signal.SIGKILL)
        elif kind in (WORKER, ACTORS):
            rank = self.random.choice(workers) if kind == WORKER else 1
            os.kill(job.pid_of(rank), signal.SIGKILL)
            lost.add(rank)
        elif kind == HEAD:
            os.kill(job.pid_of(0), signal.SIGKILL)
        elif kind == ALL:
            for pid in job.processes():
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        else:
            filler = self.folder / "filler"
            with open(filler, "wb", buffering=0) as file:
                try:
                    while True:
                        file.write(bytes(1 << 20))
                except OSError:
                    pass
                # What is left would be enough for a small record.
                try:
                    while True:
                        file.write(bytes(64))
                except OSError:
                    pass
            try:
                self.wait(lambda: job.process.poll() is not None, "the end of a job whose disk is full", job)
            finally:
                filler.unlink()

    def damage(self):
        """Of the journal that a start has left: in one of three cases."""
        segments = self.segments()
        kind = self.random.choice(("none", "none", "truncated", "bit flipped"))
        place = self.random.random()
        if not segments or kind == "none":
            return
        path = segments[-1]
        size = path.stat().st_size
        at = int(size * (0.5 + place / 2))
        if at >= size:
            return
        if kind == "truncated":
            os.truncate(path, at)
        else:
            with open(path, "r+b") as file:
                file.seek(at)
                byte = file.read(1)[0]
                file.seek(at)
                file.write(bytes([byte ^ 1 << self.random.randrange(8)]))
        self.counts[kind] += 1

    def kills(self):
        return sum(self.counts[kind] for kind in set(KINDS))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=12, help="go on until so many have been survived")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chaos = Chaos(options.seed, disk=os.geteuid() == 0)
    try:
        while chaos.kills() < options.kills:
            chaos.run_job()
    except BaseException:
        print(f"seed {options.seed}, job {chaos.counts['jobs'] + 1}, in {chaos.folder}; before: {dict(chaos.counts)}",
              file=sys.stderr)
        raise
    chaos.close()
    counts = chaos.counts
    print(f"{counts['jobs']} jobs in {counts['starts']} starts ended as unbroken ones, after {chaos.kills()} kills:")
    for kind in (*dict.fromkeys(KINDS), "truncated", "bit flipped"):
        print(f"  {kind}: {counts[kind]}")


if __name__ == "__main__":
    main()
