#!/usr/bin/env python3
"""resume_test.py RANKS: jobs that end before they are done go on from their journal, on other numbers of ranks, until they
are; and when a start does not: what it says, its exit code, and that it changes nothing."""

import collections
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import h5py

from launch import HANGS, PROGRAMS, Job, leave_out_if

RANKS = int(sys.argv.pop(1))
OTHERS = {1: (2, 1, 3), 2: (1, 2, 4), 4: (3, 4, 5)}[RANKS]
REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
JOB = REPOSITORY / "build" / "release" / "jobs" / "coffee_shop"
# What a start appends at least before it is killed: some branches of survivor's thirty.
PROGRESS = 3000  # bytes
LEASE = 10  # seconds that an owner's counter stands still until another start takes over


class Starts(unittest.TestCase):
    program, output = "survivor", "run.h5"

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="crema-resume-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.journal = self.folder / f"{self.output}.journal"

    def start(self, *options, ranks=RANKS, program=None, output="run.h5", recovery=True, **environment):
        words = [*options, "--output", output] if output else options
        job = Job([(ranks, program or self.program, words)], recovery=recovery, folder=self.folder, **environment)
        self.addCleanup(job.close)
        return job

    def wait_until(self, condition, what, job=None, seconds=HANGS):
        deadline = time.monotonic() + seconds
        while not condition():
            said = job.text("stderr") if job else ""
            self.assertLess(time.monotonic(), deadline, f"{what} did not come\n{said}")
            if job and job.process.poll() is not None:
                self.fail(f"the job ended before {what}\n{said}")
            time.sleep(0.01)

    def journal_bytes(self):
        return sum(path.stat().st_size for path in self.journal.glob("segment-*"))

    def wait_for_progress(self, job, since):
        self.wait_until(lambda: self.journal_bytes() > since + PROGRESS, "progress", job)

    def expect(self, job, code, *sentences):
        """The code where it travels, each sentence once, nobody left."""
        job.wait()
        self.assertEqual((job.exit_file, job.left), (code, {}), job.stderr)
        for sentence in sentences:
            self.assertEqual((job.stderr + job.stdout).count(sentence), 1, f"{sentence}\nis to be once in\n{job.stderr}")

    def results(self):
        with h5py.File(self.folder / self.output) as file:
            self.assertEqual((file.attrs["status"], file.attrs["exit_code"]), ("complete", 0))
            return {name: value[()] for name, value in file["results"].items()}

    def runs(self):
        """Ranks and exit code of each start."""
        with h5py.File(self.folder / self.output) as file:
            return [(int(run["ranks"]), int(run["exit_code"])) for run in file["runs"][:]]

    def expect_complete(self, job, results, runs):
        """Done as if unbroken, and nothing is left to resume."""
        self.expect(job, 0)
        self.assertEqual(self.results(), results)
        self.assertEqual(self.runs(), runs)
        self.assertFalse(self.journal.exists())
        before = (self.folder / self.output).read_bytes()
        again = self.start("--resume")
        self.expect(again, 0, f'"{self.output}" is complete: there is nothing to resume\n')
        self.assertEqual((self.folder / self.output).read_bytes(), before)
        self.assertEqual(list(self.folder.glob(".*.partial")), [])


UNBROKEN = {"sum": 13575, "links": 30, "links_kept": 30, "totals": 135006.0, "first_sum": 13575, "first_calls": 120,
            "second_sum": 870, "second_calls": 30}


class Killed(Starts):
    """The way in which each start but the last one ends is the test's; which work is lost by that is chance."""

    PAUSE = ("--pause", "40")

    def head(self, job):
        return job.pid_of(0) if 0 in job.processes().values() else job.process.pid

    def ends(self, kill, *, starts=3, code, recovery=True):
        """Starts the job again and again; kill(job) ends a start that has got on. At last it runs to its end."""
        runs = []
        ranks = collections.deque((RANKS, *OTHERS))
        for _ in range(starts):
            before = self.journal_bytes()
            resume = ["--resume"] if runs else []
            job = self.start(*self.PAUSE, *resume, ranks=ranks[0], recovery=recovery)
            self.wait_for_progress(job, before)
            kill(job)
            job.wait()
            self.assertEqual(job.left, {}, job.stderr)
            self.assertEqual(job.exit_file, code, job.stderr)
            self.assertGreater(self.journal_bytes(), before + PROGRESS)
            runs.append((ranks[0], -1 if code is None else code))
            ranks.rotate(-1)
        (self.folder / "hurry").touch()
        self.expect_complete(self.start(*self.PAUSE, "--resume", ranks=ranks[0]), UNBROKEN, [*runs, (ranks[0], 0)])

    def test_everything_is_killed(self):
        def kill(job):
            for pid in job.processes():
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        self.ends(kill, code=None)

    def test_the_head_is_killed(self):
        self.ends(lambda job: os.kill(self.head(job), signal.SIGKILL), code=None)

    @leave_out_if(RANKS < 2, "the head is the worker")
    def test_all_workers_are_killed(self):
        def kill(job):
            for rank in range(min(2, RANKS - 1), RANKS):
                os.kill(job.pid_of(rank), signal.SIGKILL)
        self.ends(kill, starts=1, code=75)

    def test_it_is_stopped(self):
        self.ends(lambda job: job.process.send_signal(signal.SIGUSR1), code=75)

    def test_it_is_terminated(self):
        # mpirun leaves a second, which may be too short for the run file on a busy machine: then it is as if killed.
        job = self.start(*self.PAUSE)
        self.wait_for_progress(job, 0)
        job.process.send_signal(signal.SIGTERM)
        job.wait()
        self.assertEqual(job.left, {}, job.stderr)
        self.assertIn(job.exit_file, (75, None), job.stderr)
        (self.folder / "hurry").touch()
        last = self.start(*self.PAUSE, "--resume", ranks=OTHERS[0])
        self.expect(last, 0)
        self.assertEqual(self.results(), UNBROKEN)
        self.assertEqual(len(self.runs()), 2)

    def test_the_time_limit(self):
        # Thirty pieces of an actor follow each other, so it is not done by then.
        pause = ("--pause", "400")
        job = self.start(*pause, "--time-limit", "0:6")
        self.expect(job, 75, "stopped early after the time limit")
        with h5py.File(self.folder / "run.h5") as file:
            self.assertEqual((file.attrs["status"], file.attrs["exit_code"]), ("interrupted", 75))
        (self.folder / "hurry").touch()
        self.expect_complete(self.start(*pause, "--resume", ranks=OTHERS[0]), UNBROKEN, [(RANKS, 75), (OTHERS[0], 0)])

    @leave_out_if(RANKS < 4, "another worker is needed")
    def test_a_worker_is_killed_and_then_all(self):
        job = self.start(*self.PAUSE)
        self.wait_for_progress(job, 0)
        os.kill(job.pid_of(RANKS - 1), signal.SIGKILL)
        self.wait_until(lambda: "was lost" in job.text("stderr"), "the loss", job)
        self.wait_for_progress(job, self.journal_bytes())
        for pid in job.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        job.wait()
        again = self.start(*self.PAUSE, "--resume")
        self.wait_for_progress(again, self.journal_bytes())
        os.kill(again.pid_of(RANKS - 1), signal.SIGKILL)
        self.wait_until(lambda: "was lost" in again.text("stderr"), "the loss", again)
        (self.folder / "hurry").touch()
        self.expect_complete(again, UNBROKEN, [(RANKS, -1), (RANKS, 0)])

    def test_suspended_while_another_start_takes_over(self):
        job = self.start(*self.PAUSE)
        self.wait_for_progress(job, 0)
        suspended = job.processes()
        for pid in suspended:
            os.kill(pid, signal.SIGSTOP)
        other = Job([(OTHERS[0], "survivor", [*self.PAUSE, "--resume", "--output", "run.h5"])], recovery=True,
                    folder=self.folder)
        self.addCleanup(other.close)
        second = self.journal / "segment-000002.journal"
        self.wait_until(second.exists, "the second segment", other, seconds=6 * LEASE)
        self.wait_until(lambda: second.stat().st_size > PROGRESS, "progress", other)
        for pid in suspended:
            os.kill(pid, signal.SIGCONT)
        # Its files for output are the other's as well, so it is the launcher that tells.
        self.wait_until(lambda: not job.processes(), "the end of the suspended start", other)
        job.process.wait()
        self.assertTrue(self.journal.exists())
        self.assertIn("another start of the job has taken it over", other.text("stderr") + job.text("stderr"))
        self.assertFalse((self.folder / "run.h5").exists())
        (self.folder / "hurry").touch()
        self.expect_complete(other, UNBROKEN, [(RANKS, -1), (OTHERS[0], 0)])


TWICE = {"sum": 3 + 4 + 10 + 20000 + 20 + 20 + 7 + 5, "till": 1030}
FIRST_RUN = {"pure": 2, "outer": 1, "bulky": 1, "size_of": 1, "calls": 2, "calls_below": 1, "catches": 1, "after": 1,
             "creates": 1}
# What a change lets run again: what has called an actor, and what depends on that. The large value, which is not kept,
# is not made again: nobody asks for it.
AFTER_CHANGE = {"calls": 2, "calls_below": 1, "catches": 1, "after": 1, "creates": 1}


class Unfinished(Starts):
    """A job that failed, and is started again in some way or other."""

    program = "twice"

    def fail_first(self, *options, output="run.h5"):
        (self.folder / "fail").touch()
        self.expect(self.start(*options, output=output), 1, "the driver failed with std::runtime_error: the file is there")
        self.assertTrue((self.folder / f"{output}.journal").exists())
        (self.folder / "fail").unlink()
        self.ran()

    def noted(self):
        file = self.folder / "ran"
        return file.read_text() if file.exists() else ""

    def ran(self):
        """How often what was run since the last question."""
        counts = collections.Counter(self.noted().splitlines())
        (self.folder / "ran").unlink(missing_ok=True)
        return dict(counts)

    def contents(self):
        return {path: path.read_bytes() for path in self.folder.rglob("*")
                if path.is_file() and path.name not in ("stdout", "stderr", "exit")}

    def expect_refused(self, *options, sentence, **how):
        before = self.contents()
        self.expect(self.start(*options, **how), 2, sentence)
        self.assertEqual(self.contents(), before)

    def expect_going_on(self, *options, results=TWICE, ran=None, runs=((RANKS, 1), (OTHERS[0], 0)), said=()):
        job = self.start("--resume", *options, ranks=OTHERS[0])
        self.expect(job, 0, *said)
        self.assertEqual(self.results(), results)
        self.assertEqual(self.runs(), list(runs))
        self.assertEqual(self.ran(), ran or {})
        self.assertFalse(self.journal.exists())

    def test_unbroken(self):
        self.expect(self.start(), 0)
        self.assertEqual((self.results(), self.ran(), self.runs()), (TWICE, FIRST_RUN, [(RANKS, 0)]))
        self.assertFalse(self.journal.exists())

    def test_nothing_that_has_ended_runs_again(self):
        self.fail_first()
        self.expect_going_on()

    def test_nothing_to_resume_begins(self):
        self.expect_going_on(ran=FIRST_RUN, runs=[(OTHERS[0], 0)])

    def test_without_resume(self):
        self.fail_first()
        self.expect_refused(sentence='an unfinished run has its journal at "run.h5.journal": go on from it with --resume, '
                                     "or begin anew with --restart")
        self.expect_going_on()

    def test_restart(self):
        self.fail_first()
        self.expect(self.start("--restart"), 0)
        self.assertEqual((self.results(), self.ran(), self.runs()), (TWICE, FIRST_RUN, [(RANKS, 0)]))
        self.assertFalse(self.journal.exists())
        self.expect(self.start("--restart"), 0)
        self.assertEqual((self.results(), self.ran()), (TWICE, FIRST_RUN))

    def test_which_one(self):
        self.fail_first(output="b.h5")
        self.fail_first(output="a.h5")
        self.expect_refused("--resume", output=None,
                            sentence="this folder has 2 unfinished runs of twice; name one with --output: a.h5, b.h5")
        shutil.rmtree(self.folder / "b.h5.journal")
        self.expect(self.start("--resume", output=None), 0, "Results and timings: a.h5")
        self.assertEqual(self.ran(), {})

    def test_another_job(self):
        self.fail_first()
        self.expect_refused("--resume", program="survivor", sentence="it is of the job twice, not of survivor")

    def test_without_a_journal(self):
        self.fail_first()
        shutil.rmtree(self.journal)
        self.expect_refused("--resume", sentence='resuming "run.h5": it is not complete, but has no journal to go on from; '
                                                 "begin anew with --restart")
        (self.folder / "run.h5").write_text("no run file")
        self.expect_refused("--resume", sentence="it is not complete, but has no journal to go on from")

    def test_journal_off(self):
        (self.folder / "fail").touch()
        self.expect(self.start("--journal", "off"), 1)
        self.assertFalse(self.journal.exists())
        shutil.rmtree(self.journal, ignore_errors=True)
        (self.folder / "run.h5").unlink()
        self.fail_first()
        for options in (("--resume", "--journal", "off"), ("--journal", "off", "--resume")):
            self.expect_refused(*options, sentence="--resume goes on from a journal, and --journal off has none")

    def expect_change(self, what, *options, results=TWICE, ran=AFTER_CHANGE, **how):
        """Refused without =force; with it, tasks that have called no actor are taken over."""
        self.expect_refused("--resume", *options, sentence=f"{what}, so results may differ from those that are kept", **how)
        self.ran()
        job = self.start("--resume=force", *options, **how)
        self.expect(job, 0)
        self.assertEqual((self.results(), self.ran()), (results, ran), job.stderr)
        self.assertEqual(self.runs(), [(RANKS, 1), (RANKS, 0)])
        self.assertFalse(self.journal.exists())

    def test_another_option(self):
        self.fail_first()
        self.expect_change('the job\'s options were "", and are "--number=4"', "--number", "4",
                           results=TWICE | {"sum": TWICE["sum"] + 1})

    def test_another_seed(self):
        self.fail_first("--seed", "7")
        self.expect_change("--seed was 7, and is 8", "--seed", "8")

    def test_another_build(self):
        self.fail_first()
        other = self.folder / "other" / "twice"
        other.parent.mkdir()
        other.write_bytes((PROGRAMS / "twice").read_bytes() + b"more")
        other.chmod(0o755)
        self.expect_change("the program was built anew", program=other)

    def test_a_changed_input_that_an_option_names(self):
        file = self.folder / "input"
        file.write_text("one")
        self.fail_first("--input", "input")
        os.utime(file, (1, 1))
        self.expect_change('the input "input" has changed', "--input", "input")

    def test_a_changed_input_that_the_program_names(self):
        file = self.folder / "items.csv"
        file.write_text("name,count\ntea,100\n")
        self.fail_first()
        # By its time alone: the values are those of the run before.
        os.utime(file, (1, 1))
        self.expect_change('the input "items.csv" has changed', results=TWICE | {"sum": TWICE["sum"] + 100})

    def test_an_input_that_is_gone(self):
        file = self.folder / "items.csv"
        file.write_text("name,count\ntea,100\n")
        self.fail_first()
        file.unlink()
        self.expect_change('the input "items.csv" is gone')

    def test_an_unchanged_input(self):
        (self.folder / "items.csv").write_text("name,count\ntea,100\n")
        self.fail_first()
        self.expect_going_on(results=TWICE | {"sum": TWICE["sum"] + 100})

    def test_force_without_a_change_takes_everything_over(self):
        self.fail_first()
        job = self.start("--resume=force")
        self.expect(job, 0)
        self.assertEqual((self.results(), self.ran()), (TWICE, {}))

    def test_a_change_that_is_interrupted_again(self):
        self.fail_first()
        (self.folder / "fail").touch()
        changed = TWICE | {"sum": TWICE["sum"] + 1}
        self.expect(self.start("--resume=force", "--number", "4"), 1)
        self.assertEqual(self.ran(), AFTER_CHANGE)
        (self.folder / "fail").unlink()
        # The calls of the first start count no more, those of the second do.
        self.expect_going_on("--number", "4", results=changed, runs=[(RANKS, 1), (RANKS, 1), (OTHERS[0], 0)])

    def test_a_living_start(self):
        (self.folder / "hold").touch()
        job = self.start()
        self.wait_until(lambda: "creates" in self.noted(), "the last task", job)
        for option, doing in (("--resume", "resuming from"), ("--restart", "starting")):
            with self.subTest(option):
                second = Job([(1, "twice", [option, "--output", "run.h5"])], folder=self.folder)
                self.addCleanup(second.close)
                second.wait()
                self.assertEqual(second.code, 2, second.stderr)
                self.assertIn(f"twice: {doing}", second.stderr)
                self.assertRegex(second.stderr, r"process \d+ on \S+ still writes it(s journal)?; wait for its end")
        (self.folder / "hold").unlink()
        self.expect(job, 0)
        self.assertEqual(self.results(), TWICE)

    def damage(self, change):
        segment = self.journal / "segment-000001.journal"
        data = bytearray(segment.read_bytes())
        change(data)
        segment.write_bytes(data)

    def test_a_damaged_journal(self):
        def flip(data):
            data[len(data) // 2] ^= 1
        self.fail_first()
        self.damage(flip)
        job = self.start("--resume")
        self.expect(job, 0, "the journal is whole up to here, and what comes behind runs again: ",
                    " of segment-000001.journal")
        self.assertEqual(self.results(), TWICE)
        ran = self.ran()
        self.assertNotIn(ran, ({}, FIRST_RUN))
        self.assertTrue(all(count <= FIRST_RUN[what] for what, count in ran.items()), ran)

    def test_a_torn_journal(self):
        def tear(data):
            del data[-10:]
        self.fail_first()
        self.damage(tear)
        self.expect_going_on(runs=[(RANKS, -1), (OTHERS[0], 0)], said=["half a record at byte "])

    def test_a_journal_without_a_beginning(self):
        def erase(data):
            data[16] ^= 1
        self.fail_first()
        self.damage(erase)
        self.expect_going_on(ran=FIRST_RUN, runs=[(OTHERS[0], 0)])

    def test_of_another_version_of_the_format(self):
        self.fail_first()
        (self.journal / "segment-000001.journal").write_bytes(b"no journal")
        (self.journal / "segment-000007.journal").write_bytes(b"")
        self.expect_going_on(ran=FIRST_RUN, runs=[(OTHERS[0], 0)])

    @unittest.skipIf(os.geteuid() != 0, "mounting needs root")
    def test_a_full_disk(self):
        disk = self.folder / "disk"
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", disk], check=True)
        self.output = "disk/run.h5"
        self.journal = self.folder / "disk" / "run.h5.journal"
        (self.folder / "hold").touch()
        job = self.start(output=self.output)
        self.wait_until(lambda: "creates" in self.noted(), "the last task", job)
        with open(disk / "filler", "wb", buffering=0) as filler:
            for size in (65536, 4096, 1):
                try:
                    while True:
                        filler.write(b"x" * size)
                except OSError:
                    pass
        (self.folder / "hold").unlink()
        # Whichever comes first.
        self.expect(job, 1)
        self.assertRegex(job.stderr, 'twice: .*writing (the journal )?"disk/.*: No space left on device')
        (disk / "filler").unlink()
        self.ran()
        self.expect(self.start("--resume", output=self.output), 0)
        self.assertEqual((self.results(), len(self.runs())), (TWICE, 2))
        self.assertEqual(list(disk.glob(".*")), [])


@leave_out_if(RANKS != 4, "once is enough")
@unittest.skipUnless(JOB.exists(), f"{JOB} is not built")
class JobsRun(unittest.TestCase):
    """The command that users type."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="crema-resume-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def command(self, *options):
        return subprocess.Popen([REPOSITORY / "jobs" / "run", "coffee_shop", "--no-build", "--workers", "2", "--no-baseline",
                                 "--prep-seconds", "2", "--output", "day.h5", *options],
                                cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def end(self, process):
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err

    def wait_for_a_drink(self, process):
        segment = self.folder / "day.h5.journal" / "segment-000001.journal"
        deadline = time.monotonic() + HANGS
        # In the value of the first one.
        while not segment.exists() or b"ready" not in segment.read_bytes():
            self.assertLess(time.monotonic(), deadline)
            self.assertIsNone(process.poll())
            time.sleep(0.02)

    def head(self):
        for path in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                same = path.joinpath("cwd").resolve() == self.folder.resolve()
                words = path.joinpath("environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if same and b"OMPI_COMM_WORLD_RANK=0" in words:
                yield int(path.name)

    def test_the_head_is_lost(self):
        process = self.command()
        self.wait_for_a_drink(process)
        for pid in self.head():
            os.kill(pid, signal.SIGKILL)
        code, _, err = self.end(process)
        self.assertEqual(code, 75, err)
        self.assertIn("its journal is there: the same command with --resume goes on from it", err)
        self.finish()

    def test_it_is_stopped(self):
        process = self.command()
        self.wait_for_a_drink(process)
        process.send_signal(signal.SIGTERM)
        code, _, err = self.end(process)
        self.assertEqual(code, 75, err)
        code, _, err = self.end(self.command())
        self.assertEqual(code, 2, err)
        self.assertIn("go on from it with --resume", err)
        self.finish()

    def finish(self):
        code, out, err = self.end(self.command("--resume"))
        self.assertEqual(code, 0, err)
        self.assertIn("Total revenue: $26.25", out)
        with h5py.File(self.folder / "day.h5") as file:
            self.assertEqual((file.attrs["status"], file["results/total_revenue"][()]), ("complete", 26.25))
            self.assertEqual(len(file["runs"]), 2)
        self.assertEqual([path.name for path in self.folder.iterdir()], ["day.h5"])
        code, out, _ = self.end(self.command("--resume"))
        self.assertEqual((code, out), (0, 'coffee_shop: "day.h5" is complete: there is nothing to resume\n'))


if __name__ == "__main__":
    unittest.main(verbosity=2)
