#!/usr/bin/env python3
"""inside_test.py RANKS: tasks in lanes of their own wait for futures, take them as they complete, cancel them; actors
that wait for each other in a circle are reported after 30 s."""

import re
import signal
import sys
import time
import unittest

import h5py

from launch import HANGS, Job

RANKS = int(sys.argv.pop(1))


class Inside(unittest.TestCase):
    def start(self, *options):
        job = Job([(RANKS, "inside", ["--output", "run.h5", "--progress", "off", *options])])
        self.addCleanup(job.close)
        return job

    def test_tasks_wait_for_take_and_cancel_what_they_started(self):
        job = self.start().wait()
        self.assertEqual((job.exit_file, job.left), (0, {}), job.stderr)
        with h5py.File(job.folder / "run.h5") as file:
            results = file["results"]
            self.assertEqual(list(results["waited"][:]), [2, 4, 30, 2])
            self.assertEqual(list(results["taken"][:]), list(range(0, 40, 2)))
            self.assertEqual(results["cancelled"][()].decode(), "cancelled")
            self.assertEqual(results["parent"][()], 5 + 1 + 10)

    def test_a_circle_of_actors_is_reported_after_30_seconds(self):
        job = self.start("--circle")
        job.wait_for_file("a_asks")
        job.wait_for_file("b_asks")
        began = time.monotonic()
        while "a circle" not in job.text("stderr"):
            self.assertIsNone(job.process.poll(), job.text("stderr"))
            self.assertLess(time.monotonic() - began, HANGS)
            time.sleep(0.05)
        self.assertGreater(time.monotonic() - began, 29)
        job.process.send_signal(signal.SIGINT)
        job.process.send_signal(signal.SIGINT)
        job.wait()
        report = re.sub(r"call \d+", "call N", " ".join(job.stderr.split())).replace("(anonymous namespace)::", "")
        self.assertRegex(report, r"no progress for 3\d(\.\d+)? s:")
        self.assertIn("a circle: Partner::ask (call N of actor \"a\") waits for Partner::answer (call N of actor \"b\"), "
                      "which waits behind Partner::ask (call N of actor \"b\"), which waits for Partner::answer (call N "
                      "of actor \"a\"), which waits behind Partner::ask (call N of actor \"a\"); none of them can go on",
                      report)


if __name__ == "__main__":
    unittest.main()
