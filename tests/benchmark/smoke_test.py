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
    "wake_up",
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
    "journaled",
    "isolated_tasks",
    "isolated_round_trip",
    "lane_replaced",
    "rank_replaced",
    "resumed",
]
NOT_MEASURED = {("fastest", "journaled"), ("fastest", "isolated_tasks"), ("fastest", "isolated_round_trip"),
                ("fastest", "lane_replaced"), ("fastest", "rank_replaced"), ("fastest", "resumed"), ("baseline", "rank_replaced")}
MICROSECONDS = [0.5, 1, 2, 5, 10, 20, 50, 100, 1000, 10000]
# So many queued tasks that what was freed before, some MB, holds few of them: what is reused is not seen.
SMALL = ["--repeat", "2", "--tasks", "2000", "--round-trips", "50", "--idle-seconds", "0.2", "--queued", "200000",
         "--grain-seconds", "0.01", "--large-bytes", "1000000"]

with tempfile.TemporaryDirectory() as folder:
    output = pathlib.Path(folder) / "benchmark.h5"
    command = [pathlib.Path(__file__).parent / "run", *SMALL, "--program", sys.argv[1], "--output", output]
    run = subprocess.run(command, capture_output=True, text=True, timeout=500)
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
        for side in ("fastest", "defaults", "baseline"):
            medians, least, most = (table[f"{side}.{part}"][:] for part in ("median", "min", "max"))
            for figure, low, middle, high in zip(FIGURES, least, medians, most):
                if (side, figure) in NOT_MEASURED:
                    assert middle != middle, (side, figure, middle)
                    continue
                assert 0 <= low <= middle <= high, (side, figure, low, middle, high)
                # An idle rank may be seen to need nothing at all.
                assert middle > 0 or figure.startswith("idle"), (side, figure)
        baselines = dict(zip(FIGURES, table["baseline.median"][:]))
        for side in ("fastest", "defaults"):
            rows = dict(zip(FIGURES, table[f"{side}.median"][:]))
            assert baselines["queued_bytes"] < rows["queued_bytes"] < 2000, rows
            # No schedule of the same order is much better than its bound.
            assert baselines["makespan"] > 0.2 and rows["makespan"] > 0.95 * baselines["makespan"], rows
            assert MICROSECONDS[0] <= rows["metg"] <= MICROSECONDS[-1], rows
            for figure in ("null_tasks_kept", "metg"):
                ratio = table[f"{side}_ratio"][FIGURES.index(figure)]
                assert abs(ratio - rows[figure] / baselines[figure]) < 1e-9, (figure, ratio)
        # Of what begins again, not of what was never killed.
        assert all(0 < rows[figure] < 60e3 for figure in ("lane_replaced", "rank_replaced")), rows
        curve = file["results/efficiency_by_length"]
        assert list(curve["microseconds"][:]) == MICROSECONDS
        assert curve["microseconds"].attrs["units"] == "us"
        for side in ("fastest", "defaults", "baseline"):
            assert all(0 < value < 1.05 for value in curve[f"{side}.median"][:]), curve[f"{side}.median"][:]

    picture = pathlib.Path(folder) / "picture.svg"
    plot = subprocess.run([sys.executable, pathlib.Path(__file__).parent / "plot_efficiency.py", output, picture])
    assert plot.returncode in (0, 77), plot.returncode
    if plot.returncode == 0:
        drawn = picture.read_text()
        assert all(f">{text}<" in drawn for text in ("ideal", "raw MPI farm", "crema", "crema, fastest", "task length (us)")), drawn
