"""What the tests share that start trouble.cpp: one sentence, one exit code, nobody left, and a run file or none."""

import sys
import unittest

import h5py

from launch import Job

RANKS = int(sys.argv.pop(1))


class Trouble(unittest.TestCase):
    def start(self, *arguments, programs=None, **options):
        job = Job(programs or [(RANKS, "trouble", arguments)], **options)
        self.addCleanup(job.close)
        return job

    def run_case(self, case, *arguments, output="run.h5", **options):
        return self.start("--case", case, "--output", output, "--markers", ".", *arguments, **options).wait()

    def expect(self, job, code, *sentences):
        """The code in both places, each sentence once and not once a rank, nobody left."""
        self.assertEqual((job.code, job.exit_file, job.left), (code, code, {}), job.stderr)
        for sentence in sentences:
            self.assertEqual(job.stderr.count(sentence), 1, f"{sentence}\nis to be once in\n{job.stderr}")
        # Whatever the launcher adds, what the job says comes from rank 0 alone.
        said = [line for line in job.stderr.splitlines() if line.startswith("trouble: ")]
        self.assertEqual(len(said), 1 if sentences else 0, job.stderr)

    def expect_refused(self, job, *sentences):
        """Before any work: no run file, whole or begun."""
        self.expect(job, 2, *sentences)
        self.assertEqual({path.name for path in job.folder.iterdir()} - {"stdout", "stderr", "exit"}, set())

    def run_file(self, job):
        self.assertEqual(list(job.folder.glob(".*.partial")), [])
        file = h5py.File(job.folder / "run.h5")
        self.addCleanup(file.close)
        return file

    def expect_failed_run(self, job, code, sentence, *, results=()):
        self.expect(job, code, sentence)
        file = self.run_file(job)
        self.assertEqual((file.attrs["status"], file.attrs["exit_code"]), ("failed", code))
        self.assertIn(sentence, "\n".join(text.decode() for text in file["errors"]["message"]))
        self.assertEqual(list(file["results"]), list(results))
        return file
