#!/usr/bin/env python3
"""same_results_test.py RANKS: what same_results stores is right, and the same to the last bit as on one rank."""

import collections
import csv
import datetime
import math
import os
import pathlib
import re
import sys
import unittest

import h5py
import numpy

from launch import Job, leave_out_if

RANKS = int(sys.argv.pop(1))
FIBONACCI_OF = {2: 20, 3: 20}.get(RANKS, 12)  # deep nesting with one worker
DATA = pathlib.Path(__file__).resolve().parents[1] / "data"


def rows_of(name):
    with open(DATA / name, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


def fibonacci_tasks(n):
    return 1 if n < 2 else 1 + fibonacci_tasks(n - 1) + fibonacci_tasks(n - 2)


def run_on(ranks):
    arguments = ["--output", "run.h5", "--weather", DATA / "weather.csv", "--airports", DATA / "airports.csv",
                 "--fibonacci", str(FIBONACCI_OF), "--progress", "off"]
    return Job([(ranks, "same_results", arguments)]).wait()


def contents(group):
    """Every dataset and attribute below a group, by path."""
    found = {}

    def visit(path, item):
        found.update({f"{path}@{name}": text for name, text in item.attrs.items() if not name.isupper()})
        if isinstance(item, h5py.Dataset):
            found[path] = item[()]

    group.visititems(visit)
    return found


class SameResults(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.job = run_on(RANKS)
        cls.addClassCleanup(cls.job.close)
        job = cls.job
        if (job.code, job.exit_file, job.stderr, job.left) != (0, 0, "", {}):
            raise AssertionError(f"exit code {job.code}, told {job.exit_file}, left {job.left}\n{job.stderr}")
        cls.run_file = h5py.File(job.folder / "run.h5")
        cls.addClassCleanup(cls.run_file.close)
        cls.results = cls.run_file["results"]

    def value(self, name):
        value = self.results[name][()]
        return value.decode() if isinstance(value, bytes) else value

    def texts(self, name):
        return [text.decode() for text in self.results[name][:]]

    def test_tasks(self):
        numpy.testing.assert_array_equal(self.results["squares/values"][:], numpy.arange(500) ** 2)
        self.assertEqual(self.value("fibonacci"), fibonacci(FIBONACCI_OF))
        self.assertEqual(self.value("lambda"), 2)
        self.assertEqual(self.value("constant_lambda"), "flat white!")
        self.assertEqual(self.value("overload"), math.sqrt(2))
        self.assertEqual(self.results["overload"].attrs["units"], "m")
        self.assertEqual(self.value("span"), -0.25)
        self.assertEqual(self.value("task_failure"), "std::domain_error: no such drink")
        self.assertEqual(self.texts("renamed/name"), ["Tempelhof", '"Gatow", RAF', "Zürich"])
        self.assertEqual(list(self.results["renamed/latitude"][:]), [52.5] * 3)
        self.assertEqual(self.results["renamed/latitude"].attrs["units"], "degrees_north")

    def test_calls_of_one_caller_apply_in_the_order_made(self):
        numpy.testing.assert_array_equal(self.results["calls/values"][:], numpy.tile(numpy.arange(25), (5, 1)))

    def test_actors(self):
        self.assertEqual(self.value("actor_failure"), "std::runtime_error: the ink is dry")
        self.assertEqual(self.value("calls_of_other"), 1, "the state that the failed method left")
        self.assertEqual(self.value("audit"), 125**2)

    def test_datasets_agree_with_pythons_csv_module(self):
        days, airports = rows_of("weather.csv"), rows_of("airports.csv")
        self.assertEqual(self.texts("items"), ["a!", "b!", "c!"])
        self.assertEqual(self.value("range"), sum(range(0, 10_000, 7)))
        self.assertEqual(self.value("days"), len(days))
        self.assertEqual(self.value("days_in_task"), len(days))
        tenths = sum(round(float(day["precipitation"]) * 10) for day in days)
        self.assertEqual(self.value("precipitation_tenths"), 3 * tenths)
        temperatures = math.fsum(float(day["temp_max"]) for day in days)
        self.assertAlmostEqual(self.value("temperature_sum"), temperatures, places=6)

        rainy = [day for day in days if float(day["precipitation"]) > 20]
        self.assertGreater(len(rainy), 50)
        self.assertEqual(self.texts("rainy/location"), [day["location"] for day in rainy])
        self.assertEqual(self.texts("rainy/weather"), [day["weather"] for day in rainy])
        self.assertEqual(list(self.results["rainy/precipitation"][:]), [float(day["precipitation"]) for day in rainy])
        epoch = datetime.date(1970, 1, 1)
        nanoseconds = [(datetime.date.fromisoformat(day["date"]) - epoch).days * 86_400 * 10**9 for day in rainy]
        self.assertEqual(list(self.results["rainy/date"][:]), nanoseconds)
        self.assertEqual(self.results["rainy/precipitation"].attrs["units"], "mm")

        for column in ("iata", "name", "state"):
            self.assertEqual(self.texts(f"airports/{column}"), [airport[column] for airport in airports])
        for column in ("latitude", "longitude"):
            numbers = [float(airport[column]) for airport in airports]
            self.assertEqual(list(self.results[f"airports/{column}"][:]), numbers)

    def test_ranks_and_their_roles(self):
        roles = {1: ["head+actors+worker"], 2: ["head+actors", "worker"]}.get(
            RANKS, ["head", "actors"] + ["worker"] * (RANKS - 2))
        workers = [rank for rank, role in enumerate(roles) if "worker" in role]
        hosts = [rank for rank, role in enumerate(roles) if "actors" in role]
        self.assertEqual([role.decode() for role in self.run_file["ranks"]["role"]], roles)
        described = re.search(r"^nodes 1 ranks (\d+) workers (\d+) cpus (\d+)$", self.job.stdout, re.MULTILINE)
        ranks, working, cpus = (int(number) for number in described.groups())
        self.assertEqual((ranks, working), (RANKS, len(workers)))
        self.assertIn(cpus, range(len(workers), max(len(workers), os.cpu_count()) + 1))
        driver, tasks = re.search(r"^driver (\d+) tasks ([\d ]+)$", self.job.stdout, re.MULTILINE).groups()
        self.assertEqual(driver, "0")
        self.assertLessEqual({int(rank) for rank in tasks.split()}, set(workers))
        self.assertLessEqual(set(self.run_file["tasks"]["rank"]), set(workers))
        self.assertEqual(set(self.run_file["actors"]["rank"]), set(hosts))

    def test_run_file_tells_every_task_and_call(self):
        self.assertEqual((self.run_file.attrs["status"], self.run_file.attrs["exit_code"]), ("complete", 0))
        self.assertEqual(list(self.run_file["runs"]["ranks"]), [RANKS])
        names = [name.decode() for name in self.run_file["functions"]["name"]]
        counts = collections.Counter(names[number].rpartition("::")[2] for number in self.run_file["tasks"]["function"])
        self.assertEqual(counts["fibonacci"], fibonacci_tasks(FIBONACCI_OF))
        self.assertEqual(counts["square"], 500 + 1)
        self.assertEqual((counts["nothing"], counts["idle"]), (1, 1))
        methods = {row["method"].decode(): row["count"] for row in self.run_file["actor_methods"][:]}
        expected = {"Ledger::write": 125, "Ledger::numbers_of": 5, "Ledger::size": 2, "Ledger::write_and_fail": 1,
                    "Auditor::size_squared": 1}
        self.assertEqual(methods, {f"(anonymous namespace)::{name}": count for name, count in expected.items()})
        self.assertEqual(sorted(name.decode() for name in self.run_file["actors"]["name"]), ["", "", "ledger"])

    @leave_out_if(RANKS == 1, "compares with one rank")
    def test_results_are_those_of_one_rank_to_the_last_bit(self):
        reference = run_on(1)
        self.addCleanup(reference.close)
        with h5py.File(reference.folder / "run.h5") as file:
            expected, found = contents(file["results"]), contents(self.results)
            self.assertEqual(list(found), list(expected))
            for path, value in expected.items():
                numpy.testing.assert_array_equal(found[path], value, path)
            self.assertEqual(len(self.run_file["tasks"]), len(file["tasks"]))


if __name__ == "__main__":
    unittest.main()
