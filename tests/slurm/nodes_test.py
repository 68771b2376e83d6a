#!/usr/bin/env python3
"""Submits slurm/multi_node.sbatch to a private Slurm of several nodes, which are namespaces of this machine: it goes on
when one of them is lost, and on others when the first one is.

Skips (exit code 77) where such nodes cannot be made.
"""

import pathlib
import subprocess
import sys
import tempfile
import unittest

import h5py

import cluster
import private_slurm
from private_slurm import ENDS, tasks_done, wait_until

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
LOST = 180  # seconds; Slurm needs about 30 to see that a node is gone, and so do the ranks


class LostNodes(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="crema-slurm-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.cluster = cluster.Cluster(6)  # a login node, three nodes of the job, and two to spare
        self.addCleanup(self.cluster.close)
        self.slurm = private_slurm.Slurm(self.folder, self.cluster)
        self.addCleanup(self.slurm.stop)
        self.slurm.start()

    def lose(self, name):
        """As without power: nobody hears of it any more, not even that its processes end."""
        self.cluster.cut(int(name.removeprefix("node")))
        pids = subprocess.run(["ip", "netns", "pids", self.cluster.tag + name], capture_output=True, text=True, check=True)
        subprocess.run(["kill", "-KILL", *pids.stdout.split()], capture_output=True)

    def field(self, name):
        return self.slurm.job(self.job)[name]

    def output(self):
        path = self.folder / "output"
        return path.read_text() if path.exists() else ""

    def wait_until(self, condition, what):
        try:
            wait_until(condition, what, LOST)
        except TimeoutError as error:
            self.fail(f"{error}\n{self.slurm.job(self.job)}\n{self.output()}")

    def test_lost_nodes(self):
        self.job = self.slurm.call(
            "sbatch", "--parsable", "--output=output", "--nodes=3", REPOSITORY / "slurm/multi_node.sbatch", "coffee_shop",
            "--no-baseline", "--lanes", "1", "--prep-seconds", "15", cwd=self.folder,
            environment={"CREMA_WATCH_SECONDS": "5"}).strip()
        # By then all ranks have heard of each other: with one that has not been heard of they are patient.
        self.wait_until(lambda: tasks_done(self.output()) >= 2, "the first drink")
        self.assertEqual((self.field("NodeList"), self.field("Requeue")), ("node[2-4]", "1"))

        self.lose("node3")  # the actors'
        self.wait_until(lambda: self.field("NodeList") == "node[2,4]", "the job without that node")
        self.wait_until(lambda: "rank 1 (actors) on node3 was lost" in self.output(), "the ranks without it")
        self.wait_until(lambda: tasks_done(self.output()) >= 4, "a further drink")
        self.assertEqual((self.field("JobState"), self.field("Restarts")), ("RUNNING", "0"), self.output())

        self.lose("node2")
        self.wait_until(lambda: self.field("Restarts") == "1", "the job in the queue")
        self.wait_until(lambda: self.field("JobState") in ENDS, "its end")
        self.assertEqual((self.field("JobState"), self.field("ExitCode")), ("COMPLETED", "0:0"), self.output())
        self.assertEqual(self.field("NodeList"), "node[4-6]")
        with h5py.File(self.folder / f"coffee_shop-{self.job}.h5") as file:
            self.assertEqual(file.attrs["status"], "complete")
            self.assertEqual(file["results/total_revenue"][()], 26.25)
            self.assertEqual(len(file["runs"]), 2)
            self.assertGreaterEqual(list(file["tasks"]["rank"]).count(-1), 4)  # what the first start had done


if __name__ == "__main__":
    if reason := private_slurm.why_not() or cluster.why_not():
        print(f"skipped: {reason}")
        sys.exit(77)
    unittest.main()
