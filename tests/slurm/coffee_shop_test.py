#!/usr/bin/env python3
"""Submits slurm/coffee_shop.sbatch to a private Slurm of its own, with mpirun and with srun, and reads the run files.

Skips (exit code 77) where that cannot be started.
"""

import pathlib
import sys
import tempfile
import unittest

import h5py

from private_slurm import ENDS, Slurm, wait_until, why_not

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = REPOSITORY / "slurm" / "coffee_shop.sbatch"


class CoffeeShop(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="crema-slurm-")
        cls.addClassCleanup(folder.cleanup)
        cls.slurm = Slurm(pathlib.Path(folder.name))
        cls.addClassCleanup(cls.slurm.stop)
        cls.slurm.start()

    def run_batch(self, launcher, *arguments):
        """Submits from a folder outside the checkout; returns that folder, the job's id, its fields and its output."""
        folder = pathlib.Path(tempfile.mkdtemp(prefix=f"{launcher}-", dir=self.slurm.folder))
        job_id = self.slurm.call("sbatch", "--parsable", SCRIPT, "--prep-seconds", "0.1", *arguments, cwd=folder,
                                 environment={"CREMA_LAUNCHER": launcher}).strip()
        wait_until(lambda: self.slurm.job(job_id)["JobState"] in ENDS, f"the end of job {job_id}")
        return folder, job_id, self.slurm.job(job_id), (folder / f"coffee_shop-{job_id}.out").read_text()

    def check_success(self, launcher):
        folder, job_id, job, output = self.run_batch(launcher)
        self.assertEqual((job["JobState"], job["ExitCode"]), ("COMPLETED", "0:0"), output)
        self.assertIn("Shop open with 4 baristas ready", output)
        self.assertIn("Total revenue: $26.25", output)
        with h5py.File(folder / f"coffee_shop-{job_id}.h5") as file:
            self.assertEqual(file.attrs["status"], "complete")
            self.assertEqual(file["results/total_revenue"][()], 26.25)
            self.assertEqual(file["results/drinks/drink"].asstr()[:].tolist(),
                             ["Cappuccino", "Latte", "Espresso", "Americano", "Mocha", "Flat White"])
            self.assertEqual([self.text(name) for name in file["runs"]["slurm_job_id"]], [job_id])

    @staticmethod
    def text(value):
        return value.decode() if isinstance(value, bytes) else str(value)

    def check_failure(self, launcher):
        _, _, job, output = self.run_batch(launcher, "--orders", "no_such_orders.csv")
        self.assertEqual((job["JobState"], job["ExitCode"]), ("FAILED", "2:0"), output)
        self.assertIn("no_such_orders.csv", output)

    def test_mpirun(self):
        self.check_success("mpirun")

    def test_srun(self):
        self.check_success("srun")

    def test_exit_code_through_mpirun(self):
        self.check_failure("mpirun")

    def test_exit_code_through_srun(self):
        self.check_failure("srun")


if __name__ == "__main__":
    if reason := why_not():
        print(f"skipped: {reason}")
        sys.exit(77)
    unittest.main()
