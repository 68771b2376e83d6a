#!/usr/bin/env python3
"""chaos_test.py [--kills N] [--seed S]: a job of tasks, nested tasks, actor updates and large values, in which processes
are killed at random, whose disk fills up, and whose journal is truncated and damaged between its starts. However it went,
the last start's results are those of an unbroken run, which counts every update of an actor: once.

What happens, and in what order, follows from the seed and the number of the job; when it happens, from how far the job has
got by then, or from the time since its start. A failure names both, so that --seed S --job J does the same again, and
leaves the job's folder."""

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

UNBROKEN = {"sum": 13575, "links": 30, "links_kept": 30, "totals": 135006.0, "first_sum": 13575, "first_calls": 120,
            "second_sum": 870, "second_calls": 30}
PAUSE = ("--pause", "25")
LANE, WORKER, ACTORS, HEAD, ALL, DISK = "lane", "worker rank", "actor rank", "head", "all", "disk full"
KINDS = (LANE, LANE, WORKER, WORKER, ACTORS, HEAD, ALL, ALL, DISK)
ENDS_THE_START = (HEAD, ALL, DISK)
TRUNCATED, FLIPPED = "truncated", "bit flipped"
MOST_STARTS = 6  # of one job, before it is left alone
EARLY = 1.5  # seconds from a start, within which a fifth of the first strikes come


class Chaos:
    def __init__(self, seed, job):
        self.seed = seed
        self.job = job
        self.random = None  # of one start, so that what follows does not hang on how long that was left alone
        self.counts = collections.Counter()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="crema-chaos-"))
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "crema-chaos", self.folder],
                                 capture_output=True, text=True)
        self.disk = mounted.returncode == 0  # one that can be filled up
        if not self.disk:
            why = mounted.stderr.partition("\n")[0]
            reason = f"skipped: {DISK}, as no small tmpfs can be mounted here: {why}"
            if os.environ.get("CI") == "true":
                self.folder.rmdir()
                sys.exit(reason)
            print(f"{reason}. The {HEAD} is killed instead.", flush=True)

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
            self.random = random.Random(f"{self.seed}, {self.job}, {starts}")
            ranks = self.random.choice((3, 4, 5))
            hosts = self.random.choice((1, 2)) if ranks == 5 else 1
            lanes = self.random.choice((1, 1, 2))
            if starts > MOST_STARTS:
                (self.folder / "hurry").touch()
            resume = ["--resume"] if starts > 1 else []
            options = [*PAUSE, "--output", "run.h5", "--progress", "off", "--lanes", lanes, "--actor-ranks", hosts]
            job = Job([(ranks, "survivor", [*options, *resume])], recovery=True, folder=self.folder)
            try:
                if starts <= MOST_STARTS:
                    self.disturb(job, hosts, ranks)
                self.wait(lambda: job.process.poll() is not None, "its end", job)
                job.wait()
                if job.left:
                    raise AssertionError(f"processes were left: {job.left}\n{job.stderr}")
                if job.exit_file == 0:
                    return self.check(job, starts)
                no_room = job.exit_file in (1, 2) and "No space left" in job.stderr
                if job.exit_file not in (None, 75) and not no_room:
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
        self.job += 1
        for path in self.folder.iterdir():
            path.unlink()

    def wait(self, condition, what, job):
        deadline = time.monotonic() + HANGS
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"{what} did not come\n{job.text('stderr')}")
            time.sleep(0.005)

    def disturb(self, job, hosts, ranks):
        began = time.monotonic()
        had = len(self.segments())
        lost = set()
        for number in range(self.random.choice((1, 2, 2, 3))):
            kind = self.random.choice(KINDS)
            progress = self.random.randrange(200, 4000)
            # Also while ranks still find each other, and while the head reads what there is.
            delay = self.random.uniform(0, EARLY) if number == 0 and self.random.random() < 0.2 else None
            before = self.journal_bytes()
            if delay is None:
                self.wait(lambda: job.process.poll() is not None or self.journal_bytes() > before + progress
                          or (self.folder / "run.h5").exists(), "progress", job)
            else:
                time.sleep(max(0, began + delay - time.monotonic()))
            if job.process.poll() is not None:
                return
            hosting = [rank for rank in range(1, 1 + hosts) if rank not in lost]
            workers = [rank for rank in range(1 + hosts, ranks) if rank not in lost]
            if (kind == WORKER and len(workers) < 2) or (kind == ACTORS and not hosting):
                kind = ALL
            if kind == DISK and not self.disk:
                kind = HEAD
            if len(self.segments()) == had:
                kind = ALL  # the ranks have not met: with one of them gone the others wait for minutes (MeetingLimit)
            try:
                self.strike(job, kind, hosting, workers, lost)
            except (StopIteration, ProcessLookupError):  # it is not there yet, or has ended by itself meanwhile
                continue
            self.counts[kind] += 1
            if kind in ENDS_THE_START:
                return

    def strike(self, job, kind, hosting, workers, lost):
        if kind == LANE:
            ranks = {job.pid_of(rank) for rank in workers}
            parents = job.parents()
            lanes = sorted(pid for pid, parent in parents.items() if parents.get(parent) in ranks)
            os.kill(self.random.choice(lanes) if lanes else next(iter(())), signal.SIGKILL)
        elif kind in (WORKER, ACTORS):
            rank = self.random.choice(workers if kind == WORKER else hosting)
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
        """Of the journal that a start has left: in one of three cases; mostly of what that start wrote, at times a value in a
        file of its own."""
        kind = self.random.choice((None, None, TRUNCATED, FLIPPED))
        newest = self.random.random() < 0.7
        value = self.random.random() < 0.25
        place = self.random.random()
        bit = 1 << self.random.randrange(8)
        segments = self.segments()
        if not segments or kind is None:
            return
        path = segments[-1] if newest else self.random.choice(segments)
        values = sorted((self.folder / "run.h5.journal" / "blobs").glob("*"))
        if value and values:
            path = self.random.choice(values)
        at = int(path.stat().st_size * (0.5 + place / 2 if newest else place))
        if at >= path.stat().st_size:  # nothing was written
            return
        if kind == TRUNCATED:
            os.truncate(path, at)
        else:
            with open(path, "r+b") as file:
                file.seek(at)
                byte = file.read(1)[0]
                file.seek(at)
                file.write(bytes([byte ^ bit]))
        self.counts[kind] += 1

    def kills(self):
        return sum(self.counts[kind] for kind in set(KINDS))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=12, help="go on until so many have been survived")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--job", type=int, help="of the seed: this one alone")
    options = parser.parse_args()
    chaos = Chaos(options.seed, options.job or 1)
    try:
        chaos.run_job()
        while options.job is None and chaos.kills() < options.kills:
            chaos.run_job()
    except BaseException:
        print(f"--seed {options.seed} --job {chaos.job}, in {chaos.folder}; before: {dict(chaos.counts)}", file=sys.stderr)
        raise
    chaos.close()
    counts = chaos.counts
    print(f"{counts['jobs']} jobs in {counts['starts']} starts ended as unbroken ones, after {chaos.kills()} kills:")
    for kind in (*dict.fromkeys(KINDS), TRUNCATED, FLIPPED):
        print(f"  {kind}: {counts[kind]}")


if __name__ == "__main__":
    main()
