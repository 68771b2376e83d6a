#!/usr/bin/env python3
"""What jobs/flights.cpp stores is what pandas makes of the same files."""

import pathlib
import unittest

import numpy
import pandas

from finished import expect_refused, finished, results

DATA = pathlib.Path(__file__).resolve().parents[2] / "data"
AIRLINES = pandas.read_csv(DATA / "airlines.csv")
AIRPORTS = pandas.read_csv(DATA / "airports.csv")


def table(stored, name, order):
    columns = {path.split("/")[1]: values for path, values in stored.items() if path.startswith(name + "/")}
    frame = pandas.DataFrame({column: values for column, values in columns.items() if column != "row"})
    for column in frame.columns:
        if frame[column].dtype == object:
            frame[column] = frame[column].map(lambda text: text.decode() if isinstance(text, bytes) else text)
    return frame[order]


class Flights(unittest.TestCase):
    """Of 2013, as the job reads them by itself."""
    options = ()
    flights = pandas.read_json(DATA / "flights-nyc-2013.jsonl.gz", lines=True)
    rows = {"airlines": 16, "departures": 3, "routes": 155}

    @classmethod
    def setUpClass(cls):
        with finished("flights", 4, *cls.options) as (printed, file):
            cls.printed = printed
            cls.stored = results(file)

    def expect_delays(self, name, key, group, names, more):
        """The table `name` is that of groups of flights, whose names come from another file."""
        grouped = self.flights.assign(is_late=self.flights.delay > 15).groupby(group)
        expected = pandas.DataFrame({
            "flights": grouped.size(), "late": grouped.is_late.sum(), "mean_delay": grouped.delay.mean(),
            "median_delay": grouped.delay.median(), "worst_delay": grouped.delay.max()})
        expected = expected.join(names[more], how="inner")
        expected = expected.reset_index(names=key).sort_values(["mean_delay", key], ascending=[False, True])
        found = table(self.stored, name, list(expected.columns))
        self.assertEqual(len(found), self.rows[name])
        for column in (key, "flights", "late", "median_delay", "worst_delay", *more):
            self.assertEqual(found[column].tolist(), expected[column].tolist(), column)
        numpy.testing.assert_allclose(found.mean_delay, expected.mean_delay, rtol=1e-12)

    def test_airlines(self):
        self.expect_delays("airlines", "airline", "airline", AIRLINES.set_index("code"), ["name"])

    def test_departures(self):
        self.expect_delays("departures", "airport", "origin", AIRPORTS.set_index("iata"), ["name", "state"])

    def test_routes(self):
        grouped = self.flights.groupby(["origin", "destination"])
        expected = pandas.DataFrame({"flights": grouped.size(), "mean_delay": grouped.delay.mean(),
                                     "deviation": grouped.delay.std(), "distance": grouped.distance.first()})
        expected = expected[expected.flights >= 20].reset_index()
        expected = expected.sort_values(["mean_delay", "origin", "destination"], ascending=[False, True, True])
        found = table(self.stored, "routes", list(expected.columns))
        self.assertEqual(len(found), self.rows["routes"])
        self.assertEqual(list(zip(found.origin, found.destination, found.flights, found.distance)),
                         list(zip(expected.origin, expected.destination, expected.flights, expected.distance)))
        numpy.testing.assert_allclose(found.mean_delay, expected.mean_delay, rtol=1e-12)
        numpy.testing.assert_allclose(found.deviation, expected.deviation, rtol=1e-9)

    def test_what_it_prints(self):
        late = (self.flights.delay > 15).mean() * 100
        whose = f" of {self.rows['airlines']} airlines" if self.rows["airlines"] else ""
        self.assertIn(f"{len(self.flights)} flights{whose} from {self.rows['departures']} airports, {late:.1f} % of "
                      "them more than 15 minutes late\n", self.printed)
        self.assertEqual(self.printed.count("airline  flights"), 1 if whose else 0)


class FlightsWithoutAirlines(Flights):
    """Of 2001: nothing tells whose they are."""
    options = ("--flights", str(DATA / "flights-20k.json.gz"))
    flights = pandas.read_json(DATA / "flights-20k.json.gz")
    rows = {"airlines": 0, "departures": 220, "routes": 138}

    def test_airlines(self):
        self.assertEqual(len(table(self.stored, "airlines", ["airline", "mean_delay"])), 0)


class Refused(unittest.TestCase):
    def test_no_such_file(self):
        expect_refused(self, "flights", "no-such-*.json", "--flights", "no-such-*.json")


if __name__ == "__main__":
    unittest.main(verbosity=2)
