#!/usr/bin/env python3
"""dataset_baselines.py SAMPLES FOLDER: appends what pyarrow and pandas take for the files that dataset_benchmark has
made, on one thread, and what they find in them. Without pyarrow, pandas alone."""

import pathlib
import sys
import time

import pandas

try:
    import pyarrow.compute
    import pyarrow.csv
    import pyarrow.parquet
except ImportError:
    pyarrow = None

SAMPLES, FOLDER = sys.argv[1], pathlib.Path(sys.argv[2])
(CSV,) = FOLDER.glob("csv/*.csv")
GROUPINGS = 20  # as dataset_side.hpp says


def add(figure, value):
    with open(SAMPLES, "a", encoding="ascii") as file:
        file.write(f"{figure},baseline,{float(value)!r}\n")


def timed(work):
    """(wall seconds, CPU seconds, what it returns) of the second of two turns."""
    work()
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    return time.perf_counter() - wall, time.process_time() - cpu, result


def sums_of(table):
    return table.num_rows, pyarrow.compute.sum(table["price"]).as_py()


def scan_csv():
    return sums_of(pyarrow.csv.read_csv(CSV, read_options=pyarrow.csv.ReadOptions(use_threads=False)))


def scan_parquet():
    tables = [pyarrow.parquet.read_table(file, use_threads=False) for file in sorted(FOLDER.glob("parquet/*.parquet"))]
    rows, prices = zip(*map(sums_of, tables))
    return sum(rows), sum(prices)


def scan_pandas():
    orders = pandas.read_csv(CSV)
    return orders, orders.price.sum()


megabytes = CSV.stat().st_size * 1e-6
wall, _, (orders, price) = timed(scan_pandas)
add("csv_scan_pandas", megabytes / wall)
add("csv_rows", len(orders))
add("csv_price", price)
millions = len(orders) * 1e-6

if pyarrow:
    wall, cpu, (rows, price) = timed(scan_csv)
    add("csv_scan", megabytes / wall)
    add("csv_scan_cpu", megabytes / cpu)
    add("csv_rows", rows)
    add("csv_price", price)
    if list(FOLDER.glob("parquet/*.parquet")):
        wall, cpu, (rows, price) = timed(scan_parquet)
        add("parquet_scan", millions / wall)
        add("parquet_scan_cpu", millions / cpu)
        add("parquet_rows", rows)
        add("parquet_price", price)

orders.shop = orders.shop.astype("int32")
for key, name, weight in ("shop", "number", lambda shop: shop + 1.0), ("drink", "text", len):
    rows = orders[[key, "price"]].copy()
    wall, cpu, sums = timed(lambda: [rows.groupby(key).price.sum() for _ in range(GROUPINGS)][-1])
    add(f"group_by_{name}", GROUPINGS * millions / wall)
    add(f"group_by_{name}_cpu", GROUPINGS * millions / cpu)
    add(f"group_by_{name}_step", GROUPINGS * millions / cpu)
    add(f"{name}_groups", len(sums))
    add(f"{name}_digest", sum(weight(value) * total for value, total in sums.items()))
