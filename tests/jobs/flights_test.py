#!/usr/bin/env python3
"""What jobs/flights.cpp stores is what pandas makes of the same files."""

import pathlib
import unittest

import numpy
import pandas

from finished import expect_refused, finished, results

DATA = pathlib.Path(__file__).resolve().parents[2] / "data"
FLIGHTS = pandas.read_json(DATA / "flights-20k.json.gz")
AIRPORTS = pandas.read_csv(DATA / "airports.csv")


def table(stored, name, order):
    columns = {path.split("/")[1]: values for path, values in stored.items() if path.startswith(name + "/")}
    frame = pandas.DataFrame({column: values for column, values in columns.items() if column != "row"})
    for column in frame.columns:
        if frame[column].dtype == object:
            frame[column] = frame[column].map(lambda text: text.decode() if isinstance(text, bytes) else text)
    return frame[order]


class Flights(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with finished("flights", 4) as (printed, file):
            cls.printed = printed
            cls.stored = results(file)

    def test_departures(self):
        grouped = FLIGHTS.assign(is_late=FLIGHTS.delay > 15).groupby("origin")
        expected = pandas.DataFrame({
            "flights": grouped.size(), "late": grouped.is_late.sum(), "mean_delay": grouped.delay.mean(),
            "median_delay": grouped.delay.median(), "worst_delay": grouped.delay.max()})
        expected = expected.join(AIRPORTS.set_index("iata")[["name", "state"]], how="inner")
        expected = expected.reset_index(names="airport").sort_values(["mean_delay", "airport"], ascending=[False, True])
        found = table(self.stored, "departures", list(expected.columns))
        self.assertEqual(found.airport.tolist(), expected.airport.tolist())
        for column in ("flights", "late", "median_delay", "worst_delay", "name", "state"):
            self.assertEqual(found[column].tolist(), expected[column].tolist(), column)
        numpy.testing.assert_allclose(found.mean_delay, expected.mean_delay, rtol=1e-12)

    def test_routes(self):
        grouped = FLIGHTS.groupby(["origin", "destination"])
        expected = pandas.DataFrame({"flights": grouped.size(), "mean_delay": grouped.delay.mean(),
                                     "deviation": grouped.delay.std(), "distance": grouped.distance.first()})
        expected = expected[expected.flights >= 20].reset_index()
        expected = expected.sort_values(["mean_delay", "origin", "destination"], ascending=[False, True, True])
        found = table(self.stored, "routes", list(expected.columns))
        self.assertEqual(list(zip(found.origin, found.destination, found.flights, found.distance)),
                         list(zip(expected.origin, expected.destination, expected.flights, expected.distance)))
        numpy.testing.assert_allclose(found.mean_delay, expected.mean_delay, rtol=1e-12)
        numpy.testing.assert_allclose(found.deviation, expected.deviation, rtol=1e-9)

    def test_what_it_prints(self):
        late = (FLIGHTS.delay > 15).mean() * 100
        airports = FLIGHTS.origin[FLIGHTS.origin.isin(AIRPORTS.iata)].nunique()
        self.assertIn(f"20000 flights from {airports} airports, {late:.1f} % of them more than 15 minutes late\n",
                      self.printed)

    def test_no_such_file(self):
        expect_refused(self, "flights", "no-such-*.json", "--flights", "no-such-*.json")


if __name__ == "__main__":
    unittest.main(verbosity=2)
