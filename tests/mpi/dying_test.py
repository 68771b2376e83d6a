#!/usr/bin/env python3
"""dying_test.py RANKS: a task or an actor that dies costs one attempt, is named, and the rest of the run is complete."""

import contextlib
import os
import pathlib
import shlex
import shutil
import signal
import sys
import tempfile
import time
import unittest

import h5py

from launch import HANGS, PROGRAMS, Job, launcher

RANKS = int(sys.argv.pop(1))
SQUARES = sum(i * i for i in range(200))
# How it dies: what the error calls it.
WAYS = {"segv": "SIGSEGV", "abort": "SIGABRT", "exit": "exit code 3", "kill": "SIGKILL", "stack": "SIGSEGV"}
REASONS = {"SIGSEGV": "killed by signal 11 (Segmentation fault)", "SIGABRT": "killed by signal 6 (Aborted)",
           "SIGKILL": "killed by signal 9 (Killed)", "exit code 3": "its process ended with exit code 3"}


def spilled_bytes(pid):
    """Size of the largest spill file that the process has open; one closed while we look counts nothing."""
    largest = 0
    folder = f"/proc/{pid}/fd"
    try:
        names = os.listdir(folder)
    except OSError:
        return largest
    for name in names:
        try:
            if "/spill/" in os.readlink(f"{folder}/{name}"):
                largest = max(largest, os.stat(f"{folder}/{name}").st_size)
        except FileNotFoundError:
            pass
    return largest


class Dying(unittest.TestCase):
    def start(self, case, *arguments, prefix=(), **environment):
        job = Job([(RANKS, "dying", ["--case", case, "--output", "run.h5", *arguments])], prefix=prefix, **environment)
        self.addCleanup(job.close)
        return job

    def results(self, case, *arguments, **environment):
        """Of a run that ends well: exit code 0 in both places, nobody left."""
        job = self.start(case, *arguments, **environment).wait()
        self.assertEqual((job.code, job.exit_file, job.left), (0, 0, {}), job.stderr)
        with h5py.File(job.folder / "run.h5") as file:
            self.assertEqual(file.attrs["status"], "complete")
            return job, {name: item[()].decode() if isinstance(item[()], bytes) else item[()]
                         for name, item in file["results"].items()}

    def attempts(self, job):
        return len((job.folder / "attempts").read_text().splitlines())

    def test_each_way_to_die_costs_its_attempts_and_is_named(self):
        for how, named in WAYS.items():
            with self.subTest(how):
                job, results = self.results("dies", "--how", how)
                self.assertEqual(results["others"], 2 * SQUARES)
                self.assertEqual(self.attempts(job), 3)
                self.assertEqual(results["type"], named)
                for part in ("(anonymous namespace)::die (id ", "attempt 3", " on ", named, REASONS[named],
                             f"the last words of {how}"):
                    self.assertIn(part, results["error"])
                # What the task wrote comes through, line by line.
                self.assertEqual(job.stdout.splitlines().count(f"printed before {how}"), 3)
                self.assertEqual(job.stderr.splitlines().count(f"the last words of {how}"), 3)

    def test_corrupt_heap(self):
        job, results = self.results("dies", "--how", "heap")
        self.assertEqual((results["others"], self.attempts(job)), (2 * SQUARES, 3))
        self.assertIn(results["type"], ("SIGABRT", "SIGSEGV"))

    def test_task_that_overstays_is_ended(self):
        job, results = self.results("dies", "--how", "hang")
        self.assertEqual((results["others"], self.attempts(job)), (2 * SQUARES, 3))
        self.assertIn("it took longer than its timeout of 0.3 s", results["timeout"])
        self.assertIn("the last words of hang", results["timeout"])

    def test_third_attempt_succeeds(self):
        job, results = self.results("recovers")
        self.assertEqual((results["value"], self.attempts(job)), (42, 3))
        with h5py.File(job.folder / "run.h5") as file:
            self.assertEqual(sum(file["ranks"]["lane_restarts"][:]), 2)

    def test_nested_task_that_dies_does_not_take_its_parent_with_it(self):
        _, results = self.results("nested")
        self.assertEqual((results["child"], results["others"]), ("SIGSEGV", SQUARES))

    def test_parent_that_dies_is_run_again(self):
        job, results = self.results("parent_dies")
        self.assertEqual((results["value"], self.attempts(job)), (25 + 100_000, 2))

    def expect_killed(self, results, time, how):
        for part in ("Till::die", WAYS[how], REASONS[WAYS[how]], "the till is on fire"):
            self.assertIn(part, results[f"{time}_killing"])

    def test_actor_whose_process_dies_is_built_anew(self):
        for how in ("segv", "exit"):
            with self.subTest(how):
                _, results = self.results("actor", "--how", how, "--journal", "on")
                self.assertEqual((results["before"], results["other"], results["others"]), (5, 7, SQUARES))
                for time in ("first", "second", "third"):
                    self.expect_killed(results, time, how)
                kept = [results[f"{time}_{which}"] for time in ("first", "second") for which in ("behind", "later")]
                self.assertEqual(kept, ["6", "16", "17", "27"])
                # Its max_restarts are used up.
                for which in ("behind", "later"):
                    self.assertIn(REASONS[WAYS[how]], results[f"third_{which}"])

    def test_call_that_killed_its_actor_is_not_applied_again_by_a_resume(self):
        with tempfile.TemporaryDirectory() as folder:
            job = self.start("actor_kept", "--how", "segv", folder=pathlib.Path(folder))
            job.wait_for_file("attempts")
            for pid in job.processes():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            job.wait()
            self.assertIn("the till is on fire", job.stderr)
            job, results = self.results("actor_kept", "--how", "segv", "--resume", folder=pathlib.Path(folder))
            self.assertNotIn("the till is on fire\n", job.stderr)
            self.assertEqual([results[name] for name in ("before", "behind", "later")], [5, 6, 16])
            for part in ("Till::die", "SIGSEGV", REASONS["SIGSEGV"], "the till is on fire"):
                self.assertIn(part, results["killing"])

    def test_actor_without_a_history_is_lost_with_its_process(self):
        _, results = self.results("actor", "--how", "segv", "--journal", "off")
        self.expect_killed(results, "first", "segv")
        for further in ("first_behind", "first_later", "second_killing", "third_later"):
            self.assertIn(REASONS["SIGSEGV"], results[further])
        self.assertEqual(results["other"], 7)

    def test_cancelled_task_that_does_not_end(self):
        job, results = self.results("cancel")
        self.assertEqual((results["others"], self.attempts(job)), (SQUARES, 1))
        self.assertIn("cancelled", results["error"])

    def test_large_values(self):
        _, results = self.results("large")
        self.assertEqual(results["total"], sum(range(20)) * 200_000)

    def test_tasks_do_not_see_the_launcher(self):
        _, results = self.results("environment")
        self.assertEqual(results["names"], "")

    def test_timeout_needs_processes(self):
        job = self.start("dies", "--how", "hang", "--isolation", "none").wait()
        self.assertEqual((job.code, job.left), (2, {}))
        self.assertIn("only a process can be ended from outside", job.stderr)

    def test_memory_limit_of_a_task_is_an_exception(self):
        _, results = self.results("memory_limit")
        self.assertEqual((results["type"], results["others"]), ("std::bad_alloc", SQUARES))

    def test_task_that_is_killed_for_its_memory(self):
        group = pathlib.Path("/sys/fs/cgroup", "memory" if os.path.isdir("/sys/fs/cgroup/memory") else "",
                             f"crema-test-{os.getpid()}")
        try:
            group.mkdir()
            limit = group / ("memory.limit_in_bytes" if "memory" in group.parts else "memory.max")
            limit.write_text(str(64 << 20))
        except OSError as error:
            if group.is_dir():
                group.rmdir()
            self.skipTest(f"no memory cgroup can be made here: {error}")
        self.addCleanup(group.rmdir)
        _, results = self.results("group_limit", "--how", group)
        self.assertEqual((results["type"], results["others"]), ("SIGKILL", SQUARES))
        for part in ("attempt 2", REASONS["SIGKILL"], "memory has run out"):
            self.assertIn(part, results["error"])

    def test_core_dumps_are_kept_where_limits_allow(self):
        pattern = pathlib.Path("/proc/sys/kernel/core_pattern").read_text().strip()
        if "/" in pattern or pattern.startswith("|"):
            self.skipTest(f"cores go elsewhere: {pattern}")
        for limit, cores in (("unlimited", 3), ("0", 0)):
            with self.subTest(limit):
                job = self.start("dies", prefix=["prlimit", f"--core={limit}"]).wait()
                self.assertEqual((job.code, job.left), (0, {}), job.stderr)
                self.assertEqual(len(list(job.folder.glob("core*"))) > 0, cores > 0)

    def test_task_runs_mpi_programs(self):
        dying = str(PROGRAMS / "dying")
        nested = [*launcher(2), "-n", "2", dying]
        for words in (nested, [dying]):
            _, results = self.results("program", "--how", shlex.join(
                [*words, "--case", "large", "--output", "nested.h5", "--progress", "off"]))
            self.assertEqual(results["status"], 0)

    def test_programs_of_tasks_end_with_their_task_and_their_job(self):
        job, results = self.results("programs_for_ever")  # which looks that nothing is left
        self.assertIn("timeout", results["error"])

    def test_no_file_is_left_when_everything_is_killed(self):
        shared = set(os.listdir("/dev/shm"))
        folder = pathlib.Path(tempfile.mkdtemp(prefix="crema-dying-"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        for name in ("tmp", "spill"):
            (folder / name).mkdir()
        job = self.start("spills", "--memory-budget", "8MiB", "--spill-dir", folder / "spill", TMPDIR=str(folder / "tmp"))
        job.wait_for_file("attempts")
        job.wait_until(lambda: max(spilled_bytes(pid) for pid in job.processes()) > 8 << 20, "8 MiB are spilled")
        for pid in job.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        job.wait()
        self.assertEqual(job.left, {})
        self.assertEqual(list((folder / "spill").iterdir()), [])
        # Open MPI's own is removed by the next jobs/run.
        left = [*os.listdir(folder / "tmp"), *(set(os.listdir("/dev/shm")) - shared)]
        self.assertEqual([name for name in left if not name.startswith(("ompi.", "vader_", "prterun.", "sm_"))], [])

    def lanes(self, job):
        """Pids of processes whose grandparent is a rank: zygotes fork lanes."""
        parents = job.parents()
        launcher = job.process.pid
        return [pid for pid, parent in parents.items() if parents.get(parents.get(parent)) == launcher]

    def test_nothing_is_left_when_everything_is_killed(self):
        job = self.start("waits")
        job.wait_for_file("attempts")
        lanes = self.lanes(job)
        self.assertEqual(len(lanes), 1)
        for pid, rank in job.processes().items():
            if pid not in lanes:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        job.wait()
        self.assertEqual(job.left, {})

    def test_lanes_survive_what_the_launcher_is_sent(self):
        job = self.start("waits")
        job.wait_for_file("attempts")
        lane = self.lanes(job)[0]
        for number in (signal.SIGUSR1, signal.SIGTERM, signal.SIGINT):
            os.kill(lane, number)
        time.sleep(0.2)  # what a signal does shows at once
        self.assertEqual(self.lanes(job), [lane])
        self.assertEqual(self.attempts(job), 1)
        with open(f"/proc/{lane}/oom_score_adj") as score:
            self.assertEqual(int(score.read()), 1000)
        job.process.kill()
        job.wait()

    def test_held_lane_goes_on_when_told(self):
        job = self.start("recovers", CREMA_HOLD_LANES="1")
        held = set()
        deadline = time.monotonic() + HANGS
        while job.process.poll() is None and time.monotonic() < deadline:
            for line in job.text("stderr").splitlines():
                if "kill -CONT " in line and (pid := int(line.rsplit(" ", 1)[1])) not in held:
                    with open(f"/proc/{pid}/stat") as stat:
                        if stat.read().rpartition(")")[2].split()[0] == "T":
                            held.add(pid)
                            os.kill(pid, signal.SIGCONT)
            time.sleep(0.02)
        job.wait()
        self.assertEqual((job.code, len(held)), (0, 3), job.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
