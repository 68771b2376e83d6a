#!/usr/bin/env python3
"""What jobs/make_orders.cpp makes: so many orders, each once, the same on any number of ranks, CSV or JSON."""

import pathlib
import tempfile
import unittest

import pandas

from finished import finished

PRICES = {"Latte": 5.0, "Espresso": 3.0, "Cappuccino": 4.5, "Flat White": 4.75, "Mocha": 5.5, "Tea, black": 2.75}


class MakeOrders(unittest.TestCase):
    def made(self, ranks, rows, *options):
        folder = tempfile.TemporaryDirectory(prefix="crema-orders-")
        self.addCleanup(folder.cleanup)
        orders = pathlib.Path(folder.name) / "orders"
        with finished("make_orders", ranks, "--rows", str(rows), "--folder", str(orders), *options) as (printed, _):
            self.assertIn(f"{rows} orders are in", printed)
        self.assertTrue((orders / "_SUCCESS").exists())
        return orders

    def test_orders(self):
        orders = self.made(4, 20000)
        frame = pandas.concat(pandas.read_csv(part) for part in sorted(orders.glob("part-*.csv")))
        self.assertEqual(frame.order.tolist(), list(range(20000)))
        self.assertTrue((frame.price == frame.cups * frame.drink.map(PRICES)).all())
        self.assertTrue(frame.shop.between(0, 999).all())
        time = pandas.to_datetime(frame.time)
        self.assertTrue(((time.dt.year == 2025) & time.dt.hour.between(6, 17)).all())
        shares = frame.drink.value_counts(normalize=True)
        self.assertAlmostEqual(shares["Latte"], 0.3, delta=0.02)
        self.assertAlmostEqual(shares["Tea, black"], 0.05, delta=0.01)

    def test_the_same_on_any_number_of_ranks(self):
        folders = [self.made(ranks, 3000) for ranks in (1, 3)]
        contents = [{part.name: part.read_bytes() for part in folder.iterdir()} for folder in folders]
        self.assertEqual(*contents)
        self.assertGreater(len(contents[0]), 100)

    def test_json(self):
        orders = self.made(2, 500, "--json")
        frame = pandas.concat(pandas.read_json(part, lines=True) for part in sorted(orders.glob("part-*.jsonl")))
        self.assertEqual((len(frame), frame.order.sum()), (500, 500 * 499 // 2))


if __name__ == "__main__":
    unittest.main(verbosity=2)
