#!/usr/bin/env python3
"""Draws efficiency by task length from a run file of the benchmark.

usage: plot_efficiency.py RUN.h5 PICTURE.svg|png
Exit code 77 where matplotlib or h5py is not installed.
"""

import sys

try:
    import h5py
    import matplotlib
except ImportError as missing:
    print(f"skipped: {missing.name} is not installed")
    sys.exit(77)

matplotlib.use("Agg")
# The same run file gives the same picture, and text stays text.
matplotlib.rcParams.update({"svg.hashsalt": "crema", "svg.fonttype": "none", "font.size": 10})
import matplotlib.pyplot as plt

SIDES = {"baseline": ("raw MPI farm", "0.55"), "defaults": ("crema", "C1"), "fastest": ("crema, fastest", "C0")}


def main():
    run, picture = sys.argv[1:]
    figure, axes = plt.subplots(figsize=(6, 4), constrained_layout=True)
    axes.axhline(1, color="black", linewidth=1, label="ideal")
    axes.axhline(0.5, color="0.6", linewidth=0.8, zorder=0)
    with h5py.File(run) as file:
        curve = file["results/efficiency_by_length"]
        lengths = curve["microseconds"][:]
        for side, (label, colour) in SIDES.items():
            median, least, most = (curve[f"{side}.{part}"][:] for part in ("median", "min", "max"))
            axes.fill_between(lengths, least, most, color=colour, alpha=0.2, linewidth=0)
            axes.plot(lengths, median, color=colour, marker="o", markersize=3.5, label=label)
    axes.set(xscale="log", ylim=(0, 1.05), xlabel="task length (us)", ylabel="efficiency: median, extremes")
    axes.grid(True, color="0.92")
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.legend(frameon=False, loc="lower right")
    figure.savefig(picture, metadata={"Date": None} if picture.endswith(".svg") else None, dpi=130)


main()
