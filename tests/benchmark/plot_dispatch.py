#!/usr/bin/env python3
"""Draws what dispatch_simulation wrote.

usage: plot_dispatch.py TABLE.csv PICTURE.svg|png
Exit code 77 where matplotlib is not installed.
"""

import csv
import sys

try:
    import matplotlib
except ImportError:
    print("skipped: matplotlib is not installed")
    sys.exit(77)

matplotlib.use("Agg")
# The same table gives the same file, and text stays text.
matplotlib.rcParams.update({"svg.hashsalt": "crema", "svg.fonttype": "none", "font.size": 10})
import matplotlib.pyplot as plt

STYLES = {"constant": "-", "pareto": "--"}


def length(seconds):
    return f"{seconds * 1e3:g} ms" if seconds < 1 else f"{seconds:g} s"


def draw(axes, rows, title):
    lengths = sorted({float(row["task_seconds"]) for row in rows})
    colours = plt.get_cmap("viridis")
    for number, seconds in enumerate(lengths):
        for kind, style in STYLES.items():
            line = sorted((int(row["slots"]), float(row["efficiency"])) for row in rows
                          if row["lengths"] == kind and float(row["task_seconds"]) == seconds)
            if not line:
                continue
            axes.plot(*zip(*line), style, color=colours(0.9 * number / max(1, len(lengths) - 1)), marker="o",
                      markersize=3.5, label=length(seconds) if kind == "constant" else None)
    axes.axhline(0.9, color="0.6", linewidth=0.8, zorder=0)
    axes.set(xscale="log", ylim=(0, 1.03), xlabel="slots: tasks that run at a time", title=title)
    axes.grid(True, color="0.92")
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def main():
    table, picture = sys.argv[1:]
    with open(table, newline="") as file:
        rows = list(csv.DictReader(file))
    shapes = {}
    for row in rows:
        shapes.setdefault(int(row["slots"]) // int(row["ranks"]), []).append(row)
    figure, panels = plt.subplots(1, len(shapes), figsize=(5 * len(shapes), 4), sharex=True, sharey=True, squeeze=False,
                                  constrained_layout=True)
    for axes, (slots, of_shape) in zip(panels[0], sorted(shapes.items())):
        draw(axes, of_shape, "one slot a rank" if slots == 1 else f"{slots} slots a rank")
    panels[0][0].set_ylabel("efficiency")
    handles, labels = panels[0][0].get_legend_handles_labels()
    for kind, style in STYLES.items():
        handles.append(plt.Line2D([], [], color="0.3", linestyle=style))
        labels.append(kind)
    panels[0][0].legend(handles, labels, title="mean length", loc="lower left", frameon=False)
    figure.savefig(picture, metadata={"Date": None} if picture.endswith(".svg") else None, dpi=130)


main()
