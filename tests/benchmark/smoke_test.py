"""Runs the benchmark on small amounts: every figure must be printed and stored, with values that can be."""

import pathlib
import subprocess
import sys
import tempfile

try:
    import h5py
except ImportError:
    print("skipped: h5py is not installed")
    sys.exit(77)

FIGURES = [
    "null_tasks_kept",
    "null_tasks_dropped",
    "actor_calls",
    "round_trip",
    "large_result",
    "waits",
    "queued_bytes",
    "queued_time",
    "metg",
    "makespan",
    "start",
    "idle_head",
    "idle_actor_host",
    "idle_worker",
]
MICROSECONDS = [0.5, 1, 2, 5, 10, 20, 50, 100, 1000, 10000]
# So many queued tasks that what was freed before, some MB, holds few of them: what is reused is not seen.
SMALL = ["--repeat", "2", "--tasks", "2000", "--round-trips", "50", "--idle-seconds", "0.2", "--queued", "200000",
         "--grain-seconds", "0.01", "--large-bytes", "1000000"]

with tempfile.TemporaryDirectory() as folder:
    output = pathlib.Path(folder) / "benchmark.h5"
    command = [pathlib.Path(__file__).parent / "run", *SMALL, "--program", sys.argv[1], "--output", output]
    run = subprocess.run(command, capture_output=True, text=True, timeout=100)
    print(run.stdout, run.stderr)
    assert run.returncode == 0, run.returncode

    lines = run.stdout.splitlines()
    assert lines[0].startswith("figure"), lines
    # The figures, an empty line, the curve with its heading, the name of the run file.
    assert len(lines) == 1 + len(FIGURES) + 2 + len(MICROSECONDS) + 1, lines
    with h5py.File(output) as file:
        table = file["results/benchmark"]
        assert [name.decode() for name in table["figure"][:]] == FIGURES
        assert list(table["repeats"][:]) == [2] * len(FIGURES)
        for side in ("crema", "raw"):
            medians, least, most = (table[f"{side}.{part}"][:] for part in ("median", "min", "max"))
            for figure, low, middle, high in zip(FIGURES, least, medians, most):
                assert 0 <= low <= middle <= high, (side, figure, low, middle, high)
                # An idle rank may be seen to need nothing at all.
                assert middle > 0 or figure.startswith("idle"), (side, figure)
        rows = dict(zip(FIGURES, zip(table["crema.median"][:], table["raw.median"][:])))
        crema, raw = rows["queued_bytes"]
        assert raw < crema < 2000, rows
        crema, bound = rows["makespan"]  # no schedule of the same order is much better than its bound
        assert 0.95 * bound < crema < 3 * bound and bound > 0.2, rows
        curve = file["results/efficiency_by_length"]
        assert list(curve["microseconds"][:]) == MICROSECONDS
        assert curve["microseconds"].attrs["units"] == "us"
        for side in ("crema", "raw"):
            assert all(0 < value < 1.05 for value in curve[f"{side}.median"][:]), curve[f"{side}.median"][:]
            assert MICROSECONDS[0] <= rows["metg"][side == "raw"] <= MICROSECONDS[-1], rows

    picture = pathlib.Path(folder) / "picture.svg"
    plot = subprocess.run([sys.executable, pathlib.Path(__file__).parent / "plot_efficiency.py", output, picture])
    assert plot.returncode in (0, 77), plot.returncode
    if plot.returncode == 0:
        drawn = picture.read_text()
        assert all(f">{text}<" in drawn for text in ("ideal", "raw MPI farm", "crema", "task length (us)")), drawn
