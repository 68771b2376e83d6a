#!/usr/bin/env python3
"""lost_rank_test.py RANKS: a rank that is killed or stopped while everybody works. The launcher lets the others live, so
the job itself has to notice, and goes on where it can; else it says so, keeps what it has, and ends."""

import contextlib
import os
import re
import signal
import sys
import time
import unittest

import h5py
import numpy

from launch import HANGS, Job, launcher, leave_out_if, open_mpi

RANKS = int(sys.argv.pop(1))
WORKERS = max(1, RANKS - 2)
# The mpirun of Open MPI 5 may end with the first rank that fails, before it has passed on what the last ones say.
DROPS_LAST_LINES = open_mpi() > 4
LAST_WORKER = "it was the last rank that runs tasks"
ATTEMPTS = 4  # of a task, where nothing else is said
END_WITHIN = 20  # seconds; less than the 30 of silence after which a rank counts as lost, and the 60 of what sleeps


class LostRank(unittest.TestCase):
    def start(self, case, *options):
        job = Job([(RANKS, "trouble", ["--case", case, "--output", "run.h5", "--markers", ".", *options])],
                  recovery=True)
        self.addCleanup(job.close)
        return job

    def kill(self, rank, case="all_sleep", *markers, options=()):
        job = self.start(case, *options)
        for marker in markers or ("task", "call"):
            job.wait_for_file(marker)
        os.kill(job.pid_of(rank), signal.SIGKILL)
        killed = time.time()
        job.wait()
        self.assertEqual(job.left, {}, job.stderr)
        if case == "all_sleep":
            self.assertLess(job.ended - killed, END_WITHIN)
        return job

    def lost(self, file):
        """Which ranks were lost; each while the job ran."""
        lost_at = file["ranks"]["lost_at"]
        lost = [int(rank) for rank in numpy.flatnonzero(~numpy.isnan(lost_at))]
        for rank in lost:
            self.assertTrue(0 < lost_at[rank] < file["job"].attrs["wall_seconds"])
        return lost

    def expect_complete(self, job, rank, workers):
        """The run went on without the rank and has every result."""
        self.assertEqual(job.exit_file, 0, job.stderr)
        self.assertEqual(job.left, {}, job.stderr)
        with h5py.File(job.folder / "run.h5") as file:
            self.assertEqual((file.attrs["status"], file.attrs["exit_code"]), ("complete", 0))
            self.assertEqual(file["results/eaten"][()], 20000 * (sum(range(40)) + 1000))
            self.assertEqual(file["results/workers"][()], workers)
            self.assertEqual(self.lost(file), [] if rank is None else [rank])

    def expect_kept(self, job, ranks, code=75):
        """What the head says and keeps of a run without ranks that run tasks; only with a journal can it go on."""
        self.assertEqual(job.exit_file, code, job.stderr)
        why = LAST_WORKER + (r"; go on with --resume \(exit code 75\)\n" if code == 75 else "\n")
        if job.stderr or not DROPS_LAST_LINES:
            self.assertRegex(job.stderr,
                             rf"trouble: rank {ranks[-1]} \(\w+\) on \S+ was lost: its process \d+ has ended; {why}")
        with h5py.File(job.folder / "run.h5") as file:
            status = "interrupted" if code == 75 else "failed"
            self.assertEqual((file.attrs["status"], file.attrs["exit_code"]), (status, code))
            self.assertEqual(file["results/drinks"][()], b"latte")
            self.assertEqual(self.lost(file), sorted(ranks))
            self.assertTrue(any("was lost" in text.decode() for text in file["errors"]["message"]))

    def expect_told(self, job, words):
        """Every rank but the head says so, once."""
        told = re.findall(rf"rank (\d+) .*{re.escape(words)}", job.stderr)
        self.assertEqual(len(told), len(set(told)), job.stderr)
        others = {str(rank) for rank in range(1, RANKS)}
        if DROPS_LAST_LINES:
            self.assertTrue(told and set(told) <= others, job.stderr)
        else:
            self.assertEqual(set(told), others, job.stderr)

    @leave_out_if(WORKERS > 1, "others are left")
    def test_last_worker(self):
        for options, code in (((), 75), (("--journal", "off"), 1)):
            with self.subTest(options=options):
                self.expect_kept(self.kill(RANKS - 1, options=options), [RANKS - 1], code)

    @leave_out_if(WORKERS < 2, "nobody is left")
    def test_worker(self):
        job = self.kill(RANKS - 1, "busy", "task")
        self.expect_complete(job, RANKS - 1, WORKERS - 1)
        self.assertEqual(job.stderr.count("was lost"), 1, job.stderr)

    @leave_out_if(WORKERS < 2, "nobody is left")
    def test_worker_with_what_tasks_had_stored(self):
        for options in ((), ("--journal", "off")):
            with self.subTest(options=options):
                job = self.start("shelf", *options)
                job.wait_for_file("baked")
                os.kill(job.pid_of(RANKS - 1), signal.SIGKILL)
                (job.folder / "lost").touch()
                self.expect_complete(job.wait(), RANKS - 1, WORKERS - 1)
                with h5py.File(job.folder / "run.h5") as file:
                    self.assertEqual(file["results/breads"][()], 40)
                    self.assertGreater(file["tasks"]["attempt"][()].max(), 0)

    @leave_out_if(WORKERS < 2, "nobody is left")
    def test_worker_that_stops(self):
        job = self.start("busy")
        job.wait_for_file("task")
        stopped = job.pid_of(RANKS - 1)
        os.kill(stopped, signal.SIGSTOP)
        deadline = time.monotonic() + HANGS
        while "has not been heard of for 30 seconds" not in job.text("stderr"):
            self.assertLess(time.monotonic(), deadline, job.text("stderr"))
            time.sleep(0.05)
        os.kill(stopped, signal.SIGCONT)
        self.expect_complete(job.wait(), RANKS - 1, WORKERS - 1)

    def test_suspended(self):
        job = self.start("busy")
        job.wait_for_file("task")
        ranks = [pid for pid, rank in job.processes().items() if rank is not None]
        for pid in ranks:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(3)
        for pid in ranks:
            os.kill(pid, signal.SIGCONT)
        self.expect_complete(job.wait(), None, WORKERS)

    @leave_out_if(RANKS < 3, "the head hosts the actors")
    def test_actor_host_whose_actors_have_no_history(self):
        job = self.kill(1, "lost_actor", "call", options=("--journal", "off"))
        self.assertLess(job.ended - job.made("call"), END_WITHIN)
        self.assertEqual((job.exit_file, job.left), (0, {}), job.stderr)
        self.assertIn("but 1 of its actors, whose calls fail with ActorError", job.stderr)
        with h5py.File(job.folder / "run.h5") as file:
            self.assertEqual((file.attrs["status"], file.attrs["exit_code"]), ("complete", 0))
            failures = file["results/failures"][()].decode().splitlines()
            self.assertEqual(len(failures), 11)
            for failure in failures:
                self.assertRegex(failure, r"Till was lost with rank 1 \(.*\) and is in no history")
            self.assertEqual(file["results/other"][()], 1)
            self.assertEqual(self.lost(file), [1])

    @leave_out_if(WORKERS < 2, "the head hosts the actors")
    def test_actor_host_without_actors(self):
        self.expect_complete(self.kill(1, "busy", "task"), 1, WORKERS)

    def test_head(self):
        job = self.kill(0)
        self.assertIsNone(job.exit_file)
        self.assertFalse((job.folder / "run.h5").exists(), "half a run was published")
        self.expect_told(job, "the head (rank 0 on")

    @leave_out_if(RANKS != 8, "once is enough: it takes 35 seconds")
    def test_head_that_is_silent(self):
        # Every rank has work, so that it has heard of the head: before, it is patient for ten minutes.
        job = self.start("everybody_sleeps", "--lanes", "1")
        for marker in (*(f"task-{number}" for number in range(WORKERS)), "call"):
            job.wait_for_file(marker)
        head = job.pid_of(0)
        others = [pid for pid, rank in job.processes().items() if rank]
        os.kill(head, signal.SIGSTOP)
        deadline = time.monotonic() + HANGS
        while set(others) & set(job.processes()):
            self.assertLess(time.monotonic(), deadline, job.text("stderr"))
            time.sleep(0.05)
        with contextlib.suppress(ProcessLookupError):
            os.kill(head, signal.SIGCONT)
        job.wait()
        # The mpirun of Open MPI 5 ends it when the others have ended.
        wakes = job.exit_file is not None or "--oversubscribe" in launcher(RANKS)
        self.assertEqual(job.left, {}, job.stderr)
        self.expect_told(job, "has not been heard of for 30 seconds")
        self.assertEqual(job.exit_file, 75 if wakes else None, job.stderr)
        self.assertEqual(LAST_WORKER in job.stderr, wakes, job.stderr)

    def test_task_that_aborts(self):
        job = self.start("task_aborts", "--isolation", "none").wait()
        self.assertEqual(job.left, {}, job.stderr)
        self.assertLess(job.ended - job.made("now"), END_WITHIN)
        # Each attempt takes its rank with it, as lanes are threads here.
        lost = [rank for rank in range(RANKS) if f"rank {rank} (" in job.stderr]
        if WORKERS > ATTEMPTS:
            self.assertEqual((len(lost), job.exit_file), (ATTEMPTS, 1), job.stderr)
            self.assertIn(f"(after {ATTEMPTS} attempts)", job.stderr)
            return
        self.assertEqual(lost, list(range(RANKS - WORKERS, RANKS)), job.stderr)
        last = [rank for rank in lost if f"trouble: rank {rank} (" in job.stderr]
        self.expect_kept(job, [rank for rank in lost if rank not in last] + last)


if __name__ == "__main__":
    unittest.main()
