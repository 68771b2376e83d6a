"""The simulation keeps to what can be worked out by hand: latency, bandwidth and overhead of messages cost what they
must, and where they cost nothing the efficiency is 1. Then the picture of a small table."""

import csv
import pathlib
import subprocess
import sys
import tempfile

PROGRAM = sys.argv[1]
PLOT = pathlib.Path(__file__).parent / "plot_dispatch.py"


def simulate(folder, *options):
    """The rows of a run, as dictionaries."""
    output = pathlib.Path(folder) / "table.csv"
    run = subprocess.run([PROGRAM, "--output", output, *options], capture_output=True, text=True, timeout=60)
    print(run.stdout, run.stderr)
    assert run.returncode == 0, run.returncode
    with open(output, newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(run.stdout.splitlines()) == 1 + len(rows), run.stdout
    return rows


def efficiencies(rows, lengths="constant"):
    return [float(row["efficiency"]) for row in rows if row["lengths"] == lengths]


def near(values, expected):
    assert len(values) == 1 and abs(values[0] - expected) < 0.05 * expected, (values, expected)


with tempfile.TemporaryDirectory() as folder:
    rows = simulate(folder, "--slots", "10", "200", "--task-seconds", "0.1", "1")
    found = [(row["lengths"], float(row["task_seconds"]), int(row["slots"]), int(row["ranks"])) for row in rows]
    shapes = [(0.1, 10, 10), (0.1, 200, 200), (1, 10, 10), (1, 200, 200), (0.1, 200, 2), (1, 200, 2)]
    assert found == [(lengths, *shape) for lengths in ("constant", "pareto") for shape in shapes], found
    for row in rows:
        assert int(row["tasks"]) == 20 * int(row["slots"])
        assert 0.97 < float(row["efficiency"]) <= 1.02, row
        assert 0 < float(row["head_busy"]) < 0.5 and 50 < float(row["head_ns_per_task"]) < 100_000, row
    picture = pathlib.Path(folder) / "picture.svg"
    plot = subprocess.run([sys.executable, PLOT, pathlib.Path(folder) / "table.csv", picture])
    assert plot.returncode in (0, 77), plot.returncode
    if plot.returncode == 0:
        drawn = picture.read_text()
        assert all(f">{text}<" in drawn for text in ("one slot a rank", "100 slots a rank", "100 ms", "1 s")), drawn

    one = ["--slots", "1", "--slots-a-rank", "1", "--task-seconds", "0.03", "--awake"]  # too long to be sent ahead
    free = [*one, "--overhead", "0"]
    # A task of 30 ms, 5 ms to the worker and 5 ms back.
    near(efficiencies(simulate(folder, *free, "--latency", "5000")), 0.75)
    # Who sleeps an eighth of the time it has been idle, 1 ms at most, finds the outcome of 30 ms up to 1 ms late.
    late, = efficiencies(simulate(folder, *one[:-1], "--latency", "0"))
    assert 30 / 31.3 < late < 30 / 30.02, late
    # The bytes of a task's two frames at 10 and at 20 KB a second.
    took = [30 / efficiencies(simulate(folder, *free, "--latency", "0", "--bandwidth", speed))[0] - 30
            for speed in ("1e-5", "2e-5")]
    assert 10 < took[0] < 40 and abs(took[0] - 2 * took[1]) < 0.5, took
    # 2 ms for each of four ends of two messages.
    near(efficiencies(simulate(folder, *one, "--latency", "0", "--overhead", "2000")), 30 / 38)
    # Two messages of 0.1 ms a task, where 100 ranks would need a task every 0.01 ms. A rank that sends what ended in
    # half a millisecond together needs fewer.
    busy = ["--slots", "100", "--task-seconds", "0.001", "--overhead", "100", "--tasks-a-slot", "50"]
    single, = efficiencies(simulate(folder, *busy, "--slots-a-rank", "1"))
    assert 0.05 < single < 0.1, single  # an outcome's message each, and one for several tasks that are sent ahead
    together, = efficiencies(simulate(folder, *busy, "--slots-a-rank", "100"))
    held, = efficiencies(simulate(folder, *busy, "--slots-a-rank", "100", "--hold", "500"))
    assert held > 3 * together, (held, together)
