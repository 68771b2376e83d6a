"""Runs the benchmark of datasets on small amounts: every figure must be printed and stored, with values that can be, and
what crema finds must be what pyarrow, pandas and a loop by hand find."""

import pathlib
import subprocess
import sys
import tempfile

try:
    import h5py
    import pandas  # noqa: F401  (what is measured beside crema)
except ImportError as missing:
    print(f"skipped: {missing.name} is not installed")
    sys.exit(77)
try:
    import pyarrow  # noqa: F401
    HAS_PYARROW = True
except ImportError:
    HAS_PYARROW = False

PARQUET = ["parquet_scan", "parquet_scan_cpu"] if sys.argv[2] == "1" else []
FIGURES = ["csv_scan", "csv_scan_cpu", "csv_scan_pandas", *PARQUET, "group_by_number", "group_by_number_cpu",
           "group_by_number_step", "group_by_text", "group_by_text_cpu", "group_by_text_step", "fused_map",
           "shuffle_large", "shuffle_large_cpu", "shuffle_doubles", "shuffle_doubles_cpu", "repartition_doubles",
           "repartition_doubles_cpu", "sort_doubles", "sort_doubles_cpu", "csv_scan_two_workers",
           "fused_map_two_workers"]
NO_BASELINE = {"csv_scan_two_workers", "fused_map_two_workers"}
if not HAS_PYARROW:
    NO_BASELINE |= {"csv_scan", "csv_scan_cpu", *PARQUET}
ROWS, MAPPED = 20_000, 100_000
SMALL = ["--repeat", "2", "--rows", str(ROWS), "--map-rows", str(MAPPED), "--exchange-bytes", str(1 << 20)]

with tempfile.TemporaryDirectory() as folder:
    output = pathlib.Path(folder) / "benchmark.h5"
    command = [pathlib.Path(__file__).parent / "run_datasets", *SMALL, "--program", sys.argv[1], "--python",
               sys.executable, "--output", output]
    run = subprocess.run(command, capture_output=True, text=True, timeout=500)
    print(run.stdout, run.stderr)
    assert run.returncode == 0, run.returncode

    lines = run.stdout.splitlines()
    assert lines[0].startswith("figure"), lines
    # The figures, the name of the run file.
    assert len(lines) == 1 + len(FIGURES) + 1, lines
    with h5py.File(output) as file:
        table = file["results/benchmark"]
        assert [name.decode() for name in table["figure"][:]] == FIGURES
        assert list(table["repeats"][:]) == [2] * len(FIGURES)
        for side in ("fastest", "defaults", "baseline"):
            medians, least, most = (table[f"{side}.{part}"][:] for part in ("median", "min", "max"))
            for figure, low, middle, high in zip(FIGURES, least, medians, most):
                if side == "baseline" and figure in NO_BASELINE:
                    assert middle != middle, (figure, middle)
                else:
                    assert 0 < low <= middle <= high, (side, figure, low, middle, high)
        ratio = table["fastest_ratio"][FIGURES.index("fused_map")]
        assert abs(ratio - table["fastest.median"][FIGURES.index("fused_map")]
                   / table["baseline.median"][FIGURES.index("fused_map")]) < 1e-9 * ratio, ratio

        # The report has compared the sides, and says what each has found.
        values = file["results/values"]
        found = {name.decode(): row for name, *row in zip(values["value"][:], values["fastest"][:],
                                                          values["defaults"][:], values["baseline"][:])}
        assert found["csv_rows"] == [ROWS] * 3, found
        assert found["map_sum"] == [0.5 * MAPPED * (MAPPED - 1) / 2 + MAPPED] * 3, found
        assert found["text_groups"] == [6] * 3 and 900 < found["number_groups"][0] <= 1000, found
        assert all(row[0] == row[1] for name, row in found.items() if PARQUET or "parquet" not in name), found
        compared = [name for name in found if "parquet" not in name or (PARQUET and HAS_PYARROW)]
        assert all(found[name][0] == found[name][2] > 0 for name in compared), found
