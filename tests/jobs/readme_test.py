#!/usr/bin/env python3
"""What jobs/README.md shows: the jobs print those lines, and its Python runs."""

import pathlib
import re
import subprocess
import sys
import textwrap
import unittest

from finished import finished

JOBS = pathlib.Path(__file__).resolve().parents[2] / "jobs"
PAGE = (JOBS / "README.md").read_text(encoding="utf-8")
SKIPPED = 77


def transcript(job):
    """(options, lines) that the section of a job shows below its first command."""
    block = re.search(rf"^## {job}\n\n((?:    .*\n)+)", PAGE, re.M).group(1)
    command, *lines = textwrap.dedent(block).splitlines()
    options = re.fullmatch(rf"\$ jobs/run {job}(.*)", command).group(1)
    return re.sub(r"--output \S+", "", options).split(), lines


class JobsReadme(unittest.TestCase):
    def test_what_jobs_print(self):
        for job in ("flights", "pi", "sweep", "train"):
            options, lines = transcript(job)
            with self.subTest(job), finished(job, 6, *options) as (printed, _):
                said = printed.splitlines()
                shown = [line for line in lines if line != "[...]" and not line.startswith("$")]
                self.assertGreater(len(shown), 2)
                self.assertEqual([line for line in said if line in shown], shown)
                if "[...]" not in lines:
                    self.assertEqual(said[:-1], shown)  # the last one names the run file

    def test_the_python(self):
        (code,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.M | re.S)
        with finished("train", 3, "--rounds", "5") as (_, file):
            code = code.replace("train.h5", file.filename)
            code = f"import xarray\nlines = ({code})\nprint(lines[0].get_ydata().round(4).tolist())"
            done = subprocess.run([sys.executable, "-c", code], env={"MPLBACKEND": "agg"}, capture_output=True,
                                  text=True, timeout=60)
        self.assertEqual(done.stdout, "[0.6931, 0.6519, 0.6408, 0.6327, 0.6261]\n", done.stderr)


if __name__ == "__main__":
    try:
        import matplotlib  # noqa: F401
        import xarray  # noqa: F401
    except ImportError as error:
        print(f"skipped: {error} ({sys.executable}); Debian: python3-matplotlib python3-xarray python3-h5netcdf")
        sys.exit(SKIPPED)
    unittest.main()
