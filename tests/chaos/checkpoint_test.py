#!/usr/bin/env python3
"""checkpoint_test.py [--seconds S] [--every E] [--seed N]: a task of S seconds that keeps how far it is. Every E seconds its
process, its rank, the rank of the actor that it calls, the head or everything is killed. It goes on from where it was, and
each of its calls counts once."""

import argparse
import collections
import os
import pathlib
import random
import signal
import sys
import tempfile
import time

import h5py

from launch import HANGS, Job

PAUSE = 100  # milliseconds of a step
LANE, WORKER, ACTORS, HEAD, ALL = "lane", "worker rank", "actor rank", "head", "all"
ENDS_THE_START = (HEAD, ALL)
# What a kill may cost: steps whose checkpoint was not on disk yet, on a busy machine.
MOST_REPEATED = 10


def results(path):
    with h5py.File(path) as file:
        if file.attrs["status"] != "complete":
            raise AssertionError(f"{path} is {file.attrs['status']}")
        return {name: value[()] for name, value in file["results"].items()}


class Run:
    def __init__(self, steps, every, seed, folder):
        self.steps = steps
        self.every = every
        self.random = random.Random(seed)
        self.folder = folder
        self.counts = collections.Counter()
        # Each kind before any comes again.
        self.kinds = collections.deque()

    def start(self, ranks, output, pause, *options):
        words = ["--steps", self.steps, "--pause", pause, "--output", output, "--progress", "off", *options]
        return Job([(ranks, "checkpoints", words)], recovery=True, folder=self.folder)

    def notes(self):
        """(rank, process, step) of each step that was begun."""
        path = self.folder / "steps"
        return [tuple(map(int, line.split())) for line in path.read_text().splitlines()] if path.exists() else []

    def next_kind(self, lost):
        if not self.kinds:
            kinds = [LANE, WORKER, ACTORS, HEAD, ALL]
            self.random.shuffle(kinds)
            self.kinds.extend(kinds)
        kind = self.kinds.popleft()
        return ALL if kind in lost else kind

    def strike(self, job, kind):
        rank, process, _ = self.notes()[-1]
        targets = {LANE: lambda: [process], WORKER: lambda: [job.pid_of(rank)], ACTORS: lambda: [job.pid_of(1)],
                   HEAD: lambda: [job.pid_of(0)], ALL: lambda: list(job.processes())}
        for pid in targets[kind]():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                if kind != ALL:
                    raise
        self.counts[kind] += 1

    def one_start(self, number):
        """Whether it has run to the end."""
        job = self.start(self.random.choice((4, 5)), "run.h5", PAUSE, *(["--resume"] if number else []))
        lost = set()
        try:
            while job.process.poll() is None:
                struck = time.monotonic()
                noted = len(self.notes())
                # A kill that finds the task where the last one has left it would prove nothing.
                while time.monotonic() < struck + self.every or len(self.notes()) < noted + 2:
                    if job.process.poll() is not None:
                        break
                    if time.monotonic() > struck + self.every + HANGS:
                        raise AssertionError(f"the task does not go on\n{job.text('stderr')}")
                    time.sleep(0.02)
                if job.process.poll() is not None or self.notes()[-1][2] > self.steps - 5:
                    break
                kind = self.next_kind(lost)
                self.strike(job, kind)
                if kind in ENDS_THE_START:
                    break
                if kind != LANE:
                    lost.add(kind)  # of workers there are two at least, and the head takes the actor over once
            job.wait()
            if job.left:
                raise AssertionError(f"processes were left: {job.left}\n{job.stderr}")
            if job.exit_file not in (None, 0):
                raise AssertionError(f"a start ended with {job.exit_file}\n{job.stderr}")
            return job.exit_file == 0
        finally:
            job.close()

    def check(self):
        found = results(self.folder / "run.h5")
        begun = len(self.notes())
        (self.folder / "steps").unlink()
        unbroken = self.start(3, "unbroken.h5", 0)
        unbroken.wait()
        unbroken.close()
        expected = results(self.folder / "unbroken.h5")
        if found != expected or expected["calls"] != 2 * self.steps:
            raise AssertionError(f"{found} instead of {expected}")
        kills = sum(self.counts.values())
        if begun > self.steps + MOST_REPEATED * kills:
            raise AssertionError(f"{begun} steps were begun for {self.steps} after {kills} kills")
        return begun


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=15, help="of the task, if it were left alone")
    parser.add_argument("--every", type=float, default=2, help="seconds from one kill to the next")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="crema-checkpoints-"))
    run = Run(int(options.seconds * 1000 / PAUSE), options.every, options.seed, folder)
    try:
        starts = 1
        while not run.one_start(starts - 1):
            starts += 1
        begun = run.check()
    except BaseException:
        print(f"--seed {options.seed}, in {folder}; kills before: {dict(run.counts)}", file=sys.stderr)
        raise
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    kills = ", ".join(f"{kind} {run.counts[kind]}" for kind in (LANE, WORKER, ACTORS, HEAD, ALL))
    print(f"{run.steps} steps in {starts} starts, {begun - run.steps} of them begun again, after {sum(run.counts.values())} "
          f"kills ({kills})")


if __name__ == "__main__":
    main()
