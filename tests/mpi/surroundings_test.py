#!/usr/bin/env python3
"""surroundings_test.py RANKS: tasks and actors find their resources around them, in lanes of both kinds."""

import os
import sys
import unittest

import h5py

from launch import Job

RANKS = int(sys.argv.pop(1))
FIRST_CORE = str(min(os.sched_getaffinity(0)))
DEVICES = "4,5,GPU-6"
# CPUs and devices by the names of tasks and actors.
HAD = {"half a cpu": (0.5, 0), "two cpus": (2, 0), "three cpus": (3, 0), "one gpu": (1, 1), "two gpus": (1, 2),
       "owner": (0, 1)}


class Surroundings(unittest.TestCase):
    def results_of(self, *options, devices="CUDA_VISIBLE_DEVICES", **environment):
        environment[devices] = DEVICES
        words = ["--output", "run.h5", "--progress", "off", "--lanes", "1", "--resources", "cpus=5", *options]
        job = Job([(RANKS, "surroundings", words)], **environment)
        self.addCleanup(job.close)
        job.wait()
        self.assertEqual((job.exit_file, job.stderr, job.left), (0, "", {}))
        with h5py.File(job.folder / "run.h5") as file:
            self.expect_seconds(file)
            values = {name: value[()] for name, value in file["results"].items()}
        return {name: value.decode() if isinstance(value, bytes) else int(value) for name, value in values.items()}

    def expect_seconds(self, file):
        """Each rank's row has what its work had of CPUs and devices, for the time it ran (which /tasks rounds)."""
        seconds = {rank: [0, 0] for rank in range(RANKS)}
        names = [name.decode() for name in file["functions"]["name"]]
        pieces = [(row["rank"], HAD.get(names[row["function"]], (1, 0)), row["finished"] - row["started"])
                  for row in file["tasks"][:]]
        pieces += [(row["rank"], HAD.get(row["name"].decode(), (0, 0)), row["busy_seconds"])
                   for row in file["actors"][:]]
        for rank, had, ran in pieces:
            seconds[rank] = [total + amount * ran for total, amount in zip(seconds[rank], had)]
        for row in file["ranks"][:]:
            self.assertAlmostEqual(row["cpu_seconds"], seconds[row["rank"]][0], delta=1e-5)
            self.assertAlmostEqual(row["gpu_seconds"], seconds[row["rank"]][1], delta=1e-5)
        self.assertGreater(sum(file["ranks"]["gpu_seconds"]), 0)

    def expect_threads(self, usual, *options, **environment):
        results = self.results_of(*options, **environment)
        expected = {"task": usual, "task_3": 3, "task_2": 2, "task_half": 1, "task_again": usual, "variable_3": "3",
                    "actor": usual, "constructor_2": 2, "actor_2": 2, "variable_of_actor_2": "2"}
        self.assertEqual({name: results[name] for name in expected}, expected)
        return results["variable"]

    def test_openmp_regions_have_a_thread_for_each_cpu(self):
        for isolation in ("process", "none"):
            with self.subTest(isolation=isolation):
                self.assertEqual(self.expect_threads(1, "--isolation", isolation), "1")

    def test_what_the_user_has_set_holds_where_nothing_is_asked_for(self):
        self.assertEqual(self.expect_threads(4, OMP_NUM_THREADS="4,2"), "4,2")

    def test_work_sees_its_own_devices_whoever_told_of_them(self):
        for source in ("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "SLURM_STEP_GPUS", "SLURM_JOB_GPUS"):
            with self.subTest(source=source):
                results = self.results_of(devices=source)
                for name in ("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"):
                    self.assertEqual(results[name], DEVICES if name == source else "none")
                    self.assertEqual(results[name + " of an actor"], "4")
                    self.assertEqual(results[name + " of a task"], "5")
                    self.assertEqual(results[name + " of a task with 2"], "5,GPU-6")

    def most_at_a_time(self, count, *options, **start):
        """Fills so many lanes; how many tasks have run at a time, and the CPUs of all ranks."""
        words = ["--output", "run.h5", "--progress", "off", "--fill-lanes", str(count), *options]
        job = Job([(RANKS, "surroundings", words)], **start)
        self.addCleanup(job.close)
        job.wait()
        self.assertEqual((job.exit_file, job.stderr, job.left), (0, "", {}))
        with h5py.File(job.folder / "run.h5") as file:
            self.assertEqual(list(file["results/together"][:]), [count] * count)
            return int(file["results/most"][()]), float(file["results/cpus"][()])

    def test_lanes_say_how_many_tasks_run_at_a_time(self):
        # There is one worker, on any of these numbers of ranks.
        for isolation in ("process", "none"):
            with self.subTest(isolation=isolation):
                self.assertEqual(self.most_at_a_time(3, "--lanes", "3", "--isolation", isolation)[0], 3)

    def test_a_lane_for_each_cpu(self):
        self.assertEqual(self.most_at_a_time(2, "--lanes", "auto", "--resources", "cpus=2"), (2, 2))

    def test_cpus_are_those_that_the_ranks_may_use(self):
        # One core among all ranks; a worker offers one CPU at least.
        self.assertEqual(self.most_at_a_time(1, prefix=["taskset", "-c", FIRST_CORE]), (1, 1))


if __name__ == "__main__":
    unittest.main()
