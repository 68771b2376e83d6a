#!/usr/bin/env python3
"""What jobs/train.cpp learns, against the same training in numpy."""

import csv
import datetime
import pathlib
import tempfile
import unittest

import numpy

from finished import expect_refused, finished, results

WEATHER = pathlib.Path(__file__).resolve().parents[2] / "data" / "weather.csv"
EPOCH = datetime.date(1970, 1, 1)


def read_days():
    """(features, whether it was wet, the year) of every day"""
    features, wet, years = [], [], []
    with open(WEATHER, encoding="utf-8") as file:
        for row in csv.DictReader(file):
            date = datetime.date.fromisoformat(row["date"])
            season = 2 * numpy.pi / 365.25 * (date - EPOCH).days
            features.append([1, float(row["temp_max"]) / 10 - 1.5, float(row["temp_min"]) / 10 - 0.8,
                             float(row["wind"]) / 2 - 1.5, 1 if row["location"] == "Seattle" else -1,
                             numpy.cos(season), numpy.sin(season)])
            wet.append(float(row["precipitation"]) > 0)
            years.append(date.year)
    return numpy.array(features), numpy.array(wet), numpy.array(years)


def train(features, wet, rounds):
    """(weights, the loss before each step) of gradient descent on the mean logistic loss"""
    weights, losses = numpy.zeros(features.shape[1]), []
    sign = numpy.where(wet, 1, -1)
    for _ in range(rounds):
        margin = sign * (features @ weights)
        losses.append(numpy.log1p(numpy.exp(-margin)).mean())
        weights = weights + 2 * (features * (sign / (1 + numpy.exp(margin)))[:, None]).mean(axis=0)
    return weights, losses


class Train(unittest.TestCase):
    def expect_as_numpy(self, year, rounds, *options):
        with finished("train", 4, "--held-out", str(year), "--rounds", str(rounds), *options) as (printed, file):
            stored = results(file)
        features, wet, years = read_days()
        held_out = years == year
        weights, losses = train(features[~held_out], wet[~held_out], rounds)
        numpy.testing.assert_allclose(stored["loss/values"], losses, rtol=1e-12)
        numpy.testing.assert_allclose(stored["weights"], weights, rtol=1e-10)
        accuracy = ((features[held_out] @ weights > 0) == wet[held_out]).mean()
        share = wet[held_out].mean()
        self.assertAlmostEqual(stored["accuracy"], accuracy, 12)
        self.assertAlmostEqual(stored["base_rate"], max(share, 1 - share), 12)
        self.assertIn(f"{held_out.sum()} days of {year}: {100 * accuracy:.1f} % right; "
                      f"{100 * max(share, 1 - share):.1f} % by always guessing the same\n", printed)
        return stored

    def test_learns_what_numpy_learns(self):
        stored = self.expect_as_numpy(2015, 200)
        self.assertAlmostEqual(stored["loss/values"][0], numpy.log(2))
        self.assertTrue((numpy.diff(stored["loss/values"]) < 0).all())
        self.assertGreater(stored["accuracy"], stored["base_rate"] + 0.1)

    def test_learns_the_same_from_other_years_and_parts(self):
        self.expect_as_numpy(2013, 20, "--parts", "5")
        self.expect_as_numpy(2012, 3, "--parts", "3000")  # some have no days

    def test_servers_change_nothing(self):
        def run_with(servers):
            with finished("train", 3, "--rounds", "20", "--servers", servers) as (printed, file):
                return printed, {path: values.tobytes() for path, values in results(file).items()}, len(file["actors"])

        one, four, seven = (run_with(servers) for servers in ("1", "4", "7"))
        self.assertEqual(one[:2], four[:2])
        self.assertEqual(one[:2], seven[:2])
        self.assertEqual((one[2], four[2], seven[2]), (1, 4, 7))

    def test_refusals_of_options(self):
        for option, value in (("--rounds", "0"), ("--rounds", "1.5"), ("--parts", "0"), ("--servers", "8"),
                              ("--held-out", "0"), ("--held-out", "nan")):
            with self.subTest(option=option, value=value):
                expect_refused(self, "train", f"{option}: Value {value} not in range", option, value)

    def test_refusals_of_input(self):
        expect_refused(self, "train", "it holds 0 days of 1999 and 2922 of other years, and both are needed",
                       "--held-out", "1999", ranks=3)
        expect_refused(self, "train", "no.csv: expected a file, found none of that name", "--weather", "no.csv")
        header = "location,date,precipitation,temp_max,temp_min,wind\nSeattle,2014-12-31,0,1,0,1\n"
        for row, sentence in (
                ("2015-01-01,nan,1,0,1", "it holds days with numbers that no weather has"),
                ("2015-01-01,0,inf,0,1", "it holds days with numbers that no weather has"),
                ("2015-01-01,0,1,0,1e9", "it holds days with numbers that no weather has"),
                ("2015-01-01,-1,1,0,1", "it holds days with numbers that no weather has"),
                ("2015-13-01,0,1,0,1", ':3: column "date"'),
                ("2015-01-01,0,warm,0,1", ':3: column "temp_max"')):
            with self.subTest(row=row), tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
                file.write(f"{header}Seattle,{row}\n")
                file.flush()
                expect_refused(self, "train", sentence, "--weather", file.name)


if __name__ == "__main__":
    unittest.main()
