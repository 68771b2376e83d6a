#!/usr/bin/env python3
"""jobs/flights.cpp says and stores the same of Parquet files, on any number of ranks, as of the JSON they were made of."""

import os
import pathlib
import sys
import tempfile
import unittest

import numpy
import pandas

from finished import expect_refused, finished, results

DATA = pathlib.Path(__file__).resolve().parents[2] / "data"
SKIPPED = 77


def run(ranks, *options):
    """(what it printed without the run file's name, every dataset of /results as bytes)"""
    with finished("flights", ranks, *options) as (printed, file):
        stored = {path: values.tolist() if values.dtype == object else values.tobytes()
                  for path, values in ((path, numpy.asarray(values)) for path, values in results(file).items())}
        return printed.splitlines()[:-1], stored


class FlightsInParquet(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def test_the_same_numbers(self):
        flights = pandas.read_json(DATA / "flights-nyc-2013.jsonl.gz", lines=True)
        flights["date"] = pandas.to_datetime(flights["date"])  # a column that the job does not read
        for name, rows in (("a", flights[:7000]), ("b", flights[7000:])):
            table = pyarrow.Table.from_pandas(rows, preserve_index=False)
            pyarrow.parquet.write_table(table.replace_schema_metadata(), self.folder / f"{name}.parquet",
                                        row_group_size=3000)
        expected = run(2)
        self.assertGreater(len(expected[1]), 10)
        for ranks in (1, 2, 4):
            with self.subTest(ranks=ranks):
                self.assertEqual(run(ranks, "--flights", str(self.folder / "*.parquet")), expected)

    def test_columns_that_are_missing(self):
        flights = pyarrow.table({"airline": ["AS"], "delay": [1], "origin": ["SEA"]})
        pyarrow.parquet.write_table(flights, self.folder / "a.parquet")
        expect_refused(self, "flights", 'a.parquet: column "distance": expected a column of this name, found the columns '
                       '"airline", "delay", "origin"', "--flights", str(self.folder / "a.parquet"))


if __name__ == "__main__":
    sys.path.insert(0, os.environ["CREMA_PYARROW"])
    try:
        import pyarrow.parquet
    except ImportError as error:
        print(f"skipped: {error} ({sys.executable}); tests/run fetches it")
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
