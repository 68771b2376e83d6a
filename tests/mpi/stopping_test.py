#!/usr/bin/env python3
"""stopping_test.py RANKS: a job that is stopped early, by a signal or its time limit: what runs may end, what has ended
is kept, and the exit code is 75."""

import os
import signal
import struct
import sys
import time
import unittest

import h5py

from launch import HANGS, Job, leave_out_if, open_mpi

RANKS = int(sys.argv.pop(1))
END_WITHIN = 20  # seconds; less than the 45 that running tasks have after SIGUSR1
FINISHED, INTERRUPTED = 1, 5
ENDED = 2  # the type of a record that says how a task ended


def record_types(segment):
    """The types of the records of a journal that are on disk whole (src/journal/README.md)."""
    data = segment.read_bytes() if segment.exists() else b""
    place = 56 + struct.unpack_from("=Q", data, 40)[0] if len(data) >= 56 else len(data)
    while place + 16 <= len(data):
        size, kind = struct.unpack_from("=IH", data, place)
        place += 16 + size
        if place <= len(data):
            yield kind


class Started(unittest.TestCase):
    def start(self, case, *options, recovery=False):
        job = Job([(RANKS, "patient", ["--case", case, "--output", "run.h5", *options])], recovery=recovery)
        self.addCleanup(job.close)
        job.wait_for_file("begun")
        return job

    def stop(self, job, number):
        """As a user does: to mpirun, or to the process where there is one alone."""
        job.process.send_signal(number)
        self.wait_for_stop(job)

    def wait_for_stop(self, job):
        self.wait_until(lambda: "stopping early" in job.text("stderr"), job)

    def wait_until(self, holds, job):
        deadline = time.monotonic() + HANGS
        while not holds():
            self.assertLess(time.monotonic(), deadline, job.text("stderr"))
            time.sleep(0.01)

    def expect_interrupted(self, job, reason, results, states, *, code=True):
        """Ended as told: `results` and the states of the tasks that ended, by what each of them is called."""
        since = time.time()
        job.wait()
        self.assertEqual((job.exit_file, job.left), (75, {}), job.stderr)
        if code:
            self.assertEqual(job.code, 75, job.stderr)
        self.assertLess(job.ended - since, END_WITHIN)
        self.assertIn(f"patient: stopped early after {reason}: ", job.stderr)
        with h5py.File(job.folder / "run.h5") as file:
            self.assertEqual((file.attrs["status"], file.attrs["exit_code"]), ("interrupted", 75))
            self.assertEqual({name: int(value[()]) for name, value in file["results"].items()}, {"first": 49} | results)
            self.assertEqual(sorted(file["tasks"]["state"]), states)
            self.assertEqual(len(file["errors"]), 0)

    def expect_goes_on(self, job):
        """What had ended of the case "stubborn" is there for a further start."""
        (job.folder / "end").touch()
        again = Job([(RANKS, "patient", ["--case", "stubborn", "--output", "run.h5", "--resume"])], recovery=True,
                    folder=job.folder)
        self.addCleanup(again.close)
        again.wait()
        self.assertEqual((again.exit_file, again.left), (0, {}), again.stderr)
        with h5py.File(job.folder / "run.h5") as file:
            self.assertEqual(int(file["results/first"][()]), 49)
            names = [name.decode() for name in file["functions"]["name"]]
            ran = [names[row["function"]] for row in file["tasks"][:] if row["run"] > 0 and row["rank"] >= 0]
            self.assertEqual(ran, ["(anonymous namespace)::sleep_long"])

    def wait_for_first(self, job):
        """Until the end of its first task is on disk."""
        self.wait_until(lambda: ENDED in record_types(job.folder / "run.h5.journal/segment-000001.journal"), job)


class Stopping(Started):
    def test_a_running_task_ends_and_is_kept_and_nothing_new_begins(self):
        job = self.start("task")
        self.stop(job, signal.SIGUSR1)
        (job.folder / "end").touch()
        self.expect_interrupted(job, "signal SIGUSR1", {"long_one": 5}, [FINISHED, FINISHED])

    def test_a_running_call_ends_and_is_kept(self):
        job = self.start("call")
        self.stop(job, signal.SIGUSR1)
        (job.folder / "end").touch()
        # Nothing is left to do then: the driver comes to its end.
        job.wait()
        self.assertEqual((job.code, job.exit_file), (0, 0), job.stderr)
        with h5py.File(job.folder / "run.h5") as file:
            self.assertEqual((file.attrs["status"], file["results/call"][()]), ("complete", 6))

    def test_a_task_is_told_and_its_value_counts_for_nothing(self):
        job = self.start("told")
        self.stop(job, signal.SIGUSR1)
        self.expect_interrupted(job, "signal SIGUSR1", {}, [FINISHED, INTERRUPTED])
        self.assertTrue((job.folder / "told").exists())

    def test_a_driver_that_is_told(self):
        job = self.start("driver")
        self.stop(job, signal.SIGUSR1)
        self.expect_interrupted(job, "signal SIGUSR1", {}, [FINISHED])

    def test_a_task_that_waits_for_one_that_is_not_started_is_not_waited_for(self):
        job = self.start("nested")
        self.stop(job, signal.SIGUSR1)
        (job.folder / "end").touch()
        self.expect_interrupted(job, "signal SIGUSR1", {}, [FINISHED])

    def test_a_second_interrupt(self):
        job = self.start("stubborn", recovery=True)
        self.wait_for_first(job)
        job.process.send_signal(signal.SIGUSR1)
        self.wait_for_stop(job)
        began = time.time()
        job.process.send_signal(signal.SIGINT)
        job.process.send_signal(signal.SIGINT)
        job.wait()
        self.assertEqual(job.left, {}, job.stderr)
        self.assertLess(job.ended - began, END_WITHIN)
        self.assertEqual(list(job.folder.glob(".*.partial")) if job.exit_file else [], [])
        self.expect_goes_on(job)

    def test_a_signal_to_one_rank_alone(self):
        job = self.start("told")
        os.kill(job.pid_of(RANKS - 1) if RANKS > 1 else job.process.pid, signal.SIGUSR1)
        self.expect_interrupted(job, "signal SIGUSR1", {}, [FINISHED, INTERRUPTED])

    def test_time_limit(self):
        began = time.time()
        job = self.start("told", "--time-limit", "0:10")
        self.expect_interrupted(job, "the time limit", {}, [FINISHED, INTERRUPTED])
        self.assertGreater(job.ended - began, 3)

    def test_time_limit_without_anybody_who_listens(self):
        job = self.start("stubborn", "--time-limit", "0:8")
        self.expect_interrupted(job, "the time limit", {}, [FINISHED])


class StoppingInASecond(Started):
    """What mpirun leaves a job after these signals. A driver that does not listen has less of it."""

    @leave_out_if(RANKS > 1 and open_mpi() > 4, "it leaves less")
    def test_signals_that_leave_a_second(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            for case, states in (("told", [FINISHED, INTERRUPTED]), ("stubborn", [FINISHED])):
                with self.subTest(number.name, case=case):
                    job = self.start(case, recovery=True)
                    job.process.send_signal(number)
                    # mpirun makes a SIGTERM of either, and an exit code of its own.
                    reason = number.name if RANKS == 1 else "SIGTERM"
                    self.expect_interrupted(job, f"signal {reason}", {}, states, code=RANKS == 1)

    @leave_out_if(RANKS == 1 or open_mpi() <= 4, "it leaves a second")
    def test_open_mpi_5_leaves_a_quarter_of_a_second(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number.name):
                job = self.start("stubborn", recovery=True)
                self.wait_for_first(job)
                job.process.send_signal(number)
                job.wait()
                # It may be done just before.
                self.assertIn(job.exit_file, (None, 75))
                self.assertEqual(job.left, {}, job.stderr)
                self.expect_goes_on(job)


if __name__ == "__main__":
    unittest.main()
