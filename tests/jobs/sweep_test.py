#!/usr/bin/env python3
"""What jobs/sweep.cpp stores, against what is known of such oscillators."""

import unittest

import numpy
import xarray

from finished import expect_refused, finished


def sweep(*options):
    with finished("sweep", 4, *options) as (_, file):
        array = xarray.open_dataarray(file.filename, group="results/amplitude").load()
        return array, file["results/largest_amplitude"][()], file["results/largest_amplitude"].attrs["units"]


class Sweep(unittest.TestCase):
    def test_the_array_names_its_dimensions_and_units(self):
        amplitude, largest, units = sweep("--forces", "5", "--frequencies", "7", "--settle", "2")
        self.assertEqual(amplitude.dims, ("force", "frequency"))
        self.assertEqual((amplitude.attrs["units"], units), ("m", "m"))
        self.assertIn("force in N, frequency in rad/s", amplitude.attrs["description"])
        numpy.testing.assert_allclose(amplitude.force, [0.2, 0.4, 0.6, 0.8, 1.0])
        numpy.testing.assert_allclose(amplitude.frequency, [0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0])
        self.assertEqual(largest, amplitude.max())

    def test_without_the_cubic_term_the_solution_is_known(self):
        amplitude, *_ = sweep("--forces", "4", "--frequencies", "16", "--stiffening", "0", "--damping", "0.2")
        w = amplitude.frequency
        exact = amplitude.force / numpy.sqrt((1 - w**2)**2 + (0.2 * w)**2)
        # The largest of 100 samples a period is up to 0.05 % below the peak.
        numpy.testing.assert_allclose(amplitude, exact, rtol=1e-3)

    def test_with_it_the_motion_jumps_between_the_branches_of_harmonic_balance(self):
        amplitude, *_ = sweep("--forces", "4", "--frequencies", "61", "--damping", "0.1", "--stiffening", "0.05")
        peaks = amplitude.idxmax("frequency")
        for point in amplitude.stack(point=("force", "frequency")):
            force, w, cubic = float(point.force), float(point.frequency), 0.75 * 0.05
            squares = numpy.roots([cubic**2, 2 * cubic * (1 - w**2), (1 - w**2)**2 + (0.1 * w)**2, -force**2])
            branches = numpy.sqrt(squares[abs(squares.imag) < 1e-9].real)
            if w <= peaks.sel(force=force):
                expected = branches.max()
            else:  # down by now, or about to fall
                expected = branches[abs(branches - float(point)).argmin()]
            self.assertAlmostEqual(float(point) / expected, 1, delta=0.025, msg=f"{force} N, {w} rad/s")
        # It leaves the upper branch where that ends: at the resonance, whose amplitude the damping alone limits.
        numpy.testing.assert_allclose(amplitude.max("frequency"), amplitude.force / (0.1 * peaks), rtol=0.04)
        self.assertTrue((peaks.diff("force") > 0.1).all())

    def test_refusals(self):
        for option, value in (("--forces", "1"), ("--frequencies", "10001"), ("--settle", "0"), ("--settle", "x"),
                              ("--damping", "0"), ("--damping", "nan"), ("--damping", "thick"),
                              ("--stiffening", "-1"), ("--stiffening", "inf")):
            with self.subTest(option=option, value=value):
                expect_refused(self, "sweep", f"{option}: ", option, value)
        expect_refused(self, "sweep", "--damping: expected a number from 0.01 to 10, found nan", "--damping", "nan",
                       ranks=3)


if __name__ == "__main__":
    unittest.main()
