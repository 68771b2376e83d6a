#!/usr/bin/env python3
"""Submits slurm/resumable.sbatch and slurm/multi_node.sbatch to a private Slurm of its own: jobs that are longer than
their time limit stop in time and go back into the queue, and what comes from the queue again goes on.

Skips (exit code 77) where Slurm cannot be started.
"""

import pathlib
import sys
import tempfile
import unittest

import h5py

from private_slurm import ENDS, Slurm, tasks_done, wait_until, why_not

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
DRINKS = ["Cappuccino", "Latte", "Espresso", "Americano", "Mocha", "Flat White"]
# One minute, the shortest limit of Slurm. A signal that says nothing: that of the script may come half a minute earlier
# than asked, so before or after the job's own clock stops it.
LIMIT = ["--time=1", "--ntasks=3", "--signal=B:CONT@1"]
REQUEUE = 240  # seconds; Slurm itself lets a requeued job wait for two minutes


class Batch(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="crema-slurm-")
        cls.addClassCleanup(folder.cleanup)
        cls.slurm = Slurm(pathlib.Path(folder.name))
        cls.addClassCleanup(cls.slurm.stop)
        cls.slurm.start()

    def submit(self, script, *options, job=("coffee_shop", "--no-baseline"), **environment):
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=self.slurm.folder))
        self.id = self.slurm.call("sbatch", "--parsable", "--output=output", *options, REPOSITORY / "slurm" / script,
                                  *job, cwd=self.folder, environment=environment).strip()

    def output(self):
        path = self.folder / "output"
        return path.read_text() if path.exists() else ""

    def ended(self):
        wait_until(lambda: self.slurm.job(self.id)["JobState"] in ENDS, f"the end of job {self.id}", REQUEUE)
        job = self.slurm.job(self.id)
        return job["JobState"], job["ExitCode"], int(job["Restarts"])

    def run_file(self):
        file = h5py.File(self.folder / f"coffee_shop-{self.id}.h5")
        self.addCleanup(file.close)
        return file

    def work(self, seconds):
        """On one worker."""
        return "coffee_shop", "--no-baseline", "--prep-seconds", str(seconds / len(DRINKS))

    def expect_whole_day(self):
        file = self.run_file()
        self.assertEqual(file.attrs["status"], "complete")
        self.assertEqual(file["results/total_revenue"][()], 26.25)
        self.assertEqual(file["results/drinks/drink"].asstr()[:].tolist(), DRINKS)


class Resumed(Batch):
    def test_a_job_longer_than_its_limit_ends_as_if_unbroken(self):
        self.submit("resumable.sbatch", *LIMIT, job=self.work(150))
        for start in range(1, 8):
            wait_until(lambda: f"requeue {start} of 20" in self.output() or "Total revenue" in self.output(), "a start", REQUEUE)
            if "Total revenue" in self.output():
                break
        state, code, restarts = self.ended()
        self.assertEqual((state, code), ("COMPLETED", "0:0"), self.output())
        self.assertGreaterEqual(restarts, 2)
        self.expect_whole_day()


class Stopped(Batch):
    def test_the_time_limit_stops_the_job_and_the_bound_holds(self):
        self.submit("resumable.sbatch", *LIMIT, job=self.work(150), MAX_REQUEUES="0")
        self.assertEqual(self.ended(), ("FAILED", "75:0", 0), self.output())
        self.assertIn("stopped early after the time limit", self.output())
        self.assertIn("not requeued after 0 times", self.output())
        file = self.run_file()
        self.assertEqual((file.attrs["status"], file.attrs["exit_code"]), ("interrupted", 75))
        drinks = [state for state in file["tasks"]["state"]]
        self.assertTrue(2 <= len(drinks) <= 5 and set(drinks) == {1}, drinks)

    def test_slurms_signal_stops_the_job_and_it_is_requeued(self):
        # Earlier than a job of ten minutes stops by itself. The drink that is being made may be finished.
        self.submit("resumable.sbatch", "--time=10", "--ntasks=3", "--signal=B:USR1@580", job=self.work(240),
                    MAX_REQUEUES="1")
        wait_until(lambda: "requeue 1 of 1" in self.output(), "the first requeue")
        self.assertIn("stopped early after signal SIGUSR1", self.output())
        wait_until(lambda: self.slurm.job(self.id)["Restarts"] == "1", "the job in the queue")

    def test_cancelled_jobs_are_not_requeued(self):
        self.submit("resumable.sbatch", "--time=10", "--ntasks=3", job=self.work(1200))
        self.assertEqual(self.slurm.job(self.id)["Requeue"], "1")
        wait_until(lambda: "Shop open" in self.output(), "the start")
        self.slurm.call("scancel", self.id)
        self.assertEqual((self.ended()[0], self.ended()[2]), ("CANCELLED", 0), self.output())
        self.assertNotIn("requeue", self.output())

    def test_a_job_that_slurm_requeues_goes_on(self):
        # As after the loss of a node.
        self.submit("multi_node.sbatch", "--nodes=1", "--ntasks-per-node=3", SBATCH_EXCLUSIVE="user",
                    job=(*self.work(60), "--lanes", "1", "--restart"))
        self.assertEqual(self.slurm.job(self.id)["Requeue"], "1")
        wait_until(lambda: tasks_done(self.output()) >= 3, "two drinks")
        self.assertTrue((self.folder / f"coffee_shop-{self.id}.h5.journal").is_dir())
        self.slurm.call("scontrol", "requeue", self.id)
        self.assertEqual(self.ended(), ("COMPLETED", "0:0", 1), self.output())
        self.expect_whole_day()
        file = self.run_file()
        self.assertEqual(len(file["runs"]), 2)
        self.assertGreaterEqual(list(file["tasks"]["rank"]).count(-1), 3)  # what the first start had done

    def test_a_rank_a_node_with_a_lane_a_core(self):
        # This Slurm has one node.
        self.submit("multi_node.sbatch", "--nodes=1", "--ntasks-per-node=3", job=self.work(6), SBATCH_EXCLUSIVE="user")
        self.assertEqual(self.ended(), ("COMPLETED", "0:0", 0), self.output())
        file = self.run_file()
        self.assertEqual(file["results/total_revenue"][()], 26.25)
        self.assertIn("--lanes auto", file["job"].attrs["command_line"])


if __name__ == "__main__":
    if reason := why_not():
        print(f"skipped: {reason}")
        sys.exit(77)
    unittest.main()
