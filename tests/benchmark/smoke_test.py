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
    "idle_head",
    "idle_actor_host",
    "idle_worker",
]
SMALL = ["--repeat", "2", "--tasks", "2000", "--round-trips", "50", "--idle-seconds", "0.2"]

with tempfile.TemporaryDirectory() as folder:
    output = pathlib.Path(folder) / "benchmark.h5"
    command = [pathlib.Path(__file__).parent / "run", *SMALL, "--program", sys.argv[1], "--output", output]
    run = subprocess.run(command, capture_output=True, text=True, timeout=100)
    print(run.stdout, run.stderr)
    assert run.returncode == 0, run.returncode

    lines = run.stdout.splitlines()
    assert lines[0].startswith("figure"), lines
    assert len(lines) == 1 + len(FIGURES) + 1, lines  # and the name of the run file
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
