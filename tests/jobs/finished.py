"""Runs a job to its end: what it said and stored, or how it refused."""

import contextlib
import re

import h5py

from launch import Job


@contextlib.contextmanager
def finished(job, ranks, *options):
    """(what the job printed, its open run file)"""
    run = Job([(ranks, job, ["--output", "run.h5", "--progress", "off", *options])]).wait()
    try:
        if (run.code, run.exit_file, run.left, run.stderr) != (0, 0, {}, ""):
            raise AssertionError(f"on {ranks} ranks: exit code {run.code}\n{run.stderr}")
        with h5py.File(run.folder / "run.h5") as file:
            yield run.stdout, file
    finally:
        run.close()


def results(file):
    """Every dataset of /results by its path."""
    found = {}
    file["results"].visititems(
        lambda path, item: found.update({path: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return found


def expect_refused(test, job, sentence, *options, ranks=1):
    """Exit code 2 and this sentence, or one of this pattern, once, on one line of its own."""
    run = Job([(ranks, job, ["--output", "run.h5", *options])]).wait()
    try:
        test.assertEqual((run.code, run.exit_file, run.left), (2, 2, {}), run.stderr)
        said = [line for line in run.stderr.splitlines() if line.startswith(f"{job}: ")]
        test.assertEqual(len(said), 1, run.stderr)
        test.assertRegex(said[0], sentence if isinstance(sentence, re.Pattern) else re.escape(sentence))
        test.assertEqual(run.stdout.replace("Results and timings: run.h5\n", ""), "")
    finally:
        run.close()
