#!/usr/bin/env python3
"""failures_test.py RANKS: a task or a driver that throws ends the job soon, and what was finished is in the run file."""

import unittest

from trouble import Trouble

END_WITHIN = 20  # seconds, from the failure to the end of the last process; other tasks sleep for 60


class Failures(Trouble):
    def failed(self, case, sentence, *, code=1, results=(), marked=True):
        job = self.run_case(case)
        file = self.expect_failed_run(job, code, sentence, results=results)
        if marked:
            self.assertLess(job.ended - job.made("now"), END_WITHIN)
        return job, file

    def test_task_whose_failure_the_driver_gets(self):
        job, file = self.failed("task_throws", "failed with std::out_of_range: the milk is sour")
        self.assertIn("the driver failed with crema::TaskError", job.stderr)
        self.assertEqual(list(file["tasks"]["state"]), [2])

    def test_task_whose_failure_the_driver_handles(self):
        job = self.run_case("task_throws_caught")
        self.expect(job, 0)
        file = self.run_file(job)
        self.assertEqual((file.attrs["status"], file["results/failure"][()]), ("complete", b"the milk is sour"))

    def test_task_whose_failure_nobody_asks_for(self):
        job, file = self.failed("task_throws_unheard", "tasks failed whose results nobody asked for")
        self.assertEqual(job.stderr.count("the milk is sour"), 1)
        self.assertIn(b"the milk is sour", list(file["errors"]["message"]))

    def test_driver_that_throws(self):
        _, file = self.failed("driver_throws", "the driver failed with std::length_error: the queue is too long",
                              results=["drinks"])
        self.assertEqual(file["results/drinks"][()], b"latte")
        self.assertEqual([text.decode() for text in file["errors"]["type"]], ["std::length_error"])

    def test_driver_that_throws_does_not_wait_for_a_task_that_sleeps(self):
        self.failed("driver_throws_while_others_sleep", "the queue is too long")

    def test_actor_names(self):
        for case, sentence in (("actor_twice", "till"), ("actor_unknown", "till"), ("actor_of_another_class", "Oven")):
            with self.subTest(case):
                job = self.run_case(case)
                self.expect_failed_run(job, 2, sentence)


if __name__ == "__main__":
    unittest.main()
