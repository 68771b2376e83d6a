#!/usr/bin/env python3
"""plot_sweep.py SWEEP.h5 PICTURE.png: draws the array that jobs/sweep.cpp stored (Debian: python3-matplotlib)."""
import sys

import matplotlib.pyplot
import xarray

amplitude = xarray.open_dataarray(sys.argv[1], group="results/amplitude")
amplitude.plot(cbar_kwargs={"label": "steady amplitude [m]"})
matplotlib.pyplot.gca().set(xlabel="frequency of the drive [rad/s]", ylabel="force of the drive [N]",
                            title="A driven oscillator with a stiffening spring")
matplotlib.pyplot.savefig(sys.argv[2], dpi=150)
