#!/usr/bin/env python3
"""failed_rank_test.py RANKS: the MPI transport when the last rank is killed. Where MPI tells of failed processes (Open
MPI 5 with ULFM) it says which one, once; with and without it, what is sent there is no error and the others go on."""

import sys
import time
import unittest

from launch import HANGS, Job, launcher

RANKS = int(sys.argv.pop(1))


class FailedRank(unittest.TestCase):
    def test_the_others_go_on(self):
        ulfm = "--with-ft" in launcher(RANKS, recovery=True)
        job = Job([(RANKS, "failed_rank", ["ulfm" if ulfm else "silent"])], recovery=True)
        self.addCleanup(job.close)
        deadline = time.monotonic() + HANGS
        while job.text("stdout").count("\n") < RANKS - 1 and job.process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        # mpirun may linger behind ranks that leave without MPI_Finalize, which would wait for the one that is lost.
        job.process.terminate()
        job.wait()
        self.assertEqual(job.left, {}, job.stderr)
        told = 1 if ulfm else 0
        self.assertEqual(sorted(job.stdout.splitlines()),
                         [f"rank {rank} was told of {told} and 0, as it is, and heard of {RANKS - 2} others"
                          for rank in range(RANKS - 1)], job.stderr)


if __name__ == "__main__":
    unittest.main()
