#!/usr/bin/env python3
"""lost_rank_test.py RANKS: a rank that is killed while everybody works. The launcher lets the others live, so the job
itself has to notice, say so, keep what it has, and end."""

import os
import signal
import sys
import time
import unittest

import h5py
import numpy

from launch import Job

RANKS = int(sys.argv.pop(1))
END_WITHIN = 10  # seconds


class LostRank(unittest.TestCase):
    def start(self, case):
        job = Job([(RANKS, "trouble", ["--case", case, "--output", "run.h5", "--markers", "."])], recovery=True)
        self.addCleanup(job.close)
        return job

    def kill(self, rank):
        job = self.start("all_sleep")
        job.wait_for_file("task")
        job.wait_for_file("call")
        os.kill(job.pid_of(rank), signal.SIGKILL)
        killed = time.time()
        job.wait()
        self.assertEqual(job.left, {}, job.stderr)
        self.assertLess(job.ended - killed, END_WITHIN)
        return job

    def expect_kept(self, job, rank):
        """What the head says and keeps of a run that lost a rank."""
        self.assertEqual(job.exit_file, 1, job.stderr)
        self.assertRegex(job.stderr, rf"trouble: rank {rank} \(\w+\) on \S+ was lost: its process \d+ has ended")
        self.assertEqual(job.stderr.count("was lost"), 1, job.stderr)
        with h5py.File(job.folder / "run.h5") as file:
            self.assertEqual((file.attrs["status"], file.attrs["exit_code"]), ("failed", 1))
            self.assertEqual(file["results/drinks"][()], b"latte")
            lost_at = file["ranks"]["lost_at"]
            self.assertEqual(list(numpy.flatnonzero(~numpy.isnan(lost_at))), [rank])
            self.assertTrue(0 < lost_at[rank] < file["job"].attrs["wall_seconds"])
            self.assertTrue(any("was lost" in text.decode() for text in file["errors"]["message"]))

    def test_worker(self):
        self.expect_kept(self.kill(RANKS - 1), RANKS - 1)

    @unittest.skipIf(RANKS < 3, "the head hosts the actors")
    def test_actor_host(self):
        self.expect_kept(self.kill(1), 1)

    def test_head(self):
        job = self.kill(0)
        self.assertIsNone(job.exit_file)
        self.assertFalse((job.folder / "run.h5").exists(), "half a run was published")
        self.assertEqual(job.stderr.count("the head (rank 0 on"), RANKS - 1, job.stderr)

    def test_task_that_aborts(self):
        job = self.start("task_aborts").wait()
        self.assertEqual(job.left, {}, job.stderr)
        self.assertLess(job.ended - job.made("now"), END_WITHIN)
        lost = [rank for rank in range(RANKS) if f"rank {rank} (" in job.stderr]
        self.assertEqual(len(lost), 1, job.stderr)
        self.expect_kept(job, lost[0])


if __name__ == "__main__":
    unittest.main()
