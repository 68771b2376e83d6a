#!/usr/bin/env python3
"""bad_input_test.py RANKS: input that cannot be read and wrong usage end the job with one sentence and exit code 2."""

import os
import pathlib
import re
import tempfile
import unittest

from launch import PROGRAMS, leave_out_if, without_override
from trouble import RANKS, Trouble

HEADER = "name,count,price\n"


class Input(Trouble):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.file = self.folder / "items.csv"

    def refused(self, sentence, text=None, **options):
        if text is not None:
            self.file.write_bytes(text.encode())
        self.expect_failed_run(self.run_case("read", "--input", self.file, **options), 2, f"{self.file}{sentence}")

    def test_good_rows_are_read(self):
        self.file.write_text(HEADER + "tea,1,2.5\n" + 'coffee,-2147483648,"1e3"\n')
        job = self.run_case("read", "--input", self.file)
        self.expect(job, 0)
        self.assertEqual(self.run_file(job)["results/rows"][()], 2)

    def test_missing(self):
        self.refused(": expected a file, found none of that name")

    def test_pattern_without_files(self):
        self.file = self.folder / "no*.csv"
        self.refused(": expected a file that this pattern matches, found none")

    def test_unreadable(self):
        self.file.write_text(HEADER)
        self.file.chmod(0)
        self.refused(": expected a file that can be read, found Permission denied", prefix=without_override())

    def test_folder(self):
        self.file.mkdir()
        self.refused(": expected a file, found a folder (for the files in it name a pattern, as in folder/*)")

    def test_empty(self):
        self.refused(": expected a header line with the names of the columns, found an empty file", "")

    def test_missing_column(self):
        self.refused(':1: column "price": expected this column in the header, found the columns "name", "count"',
                     "name,count\ntea,1\n")

    def test_no_number(self):
        self.refused(':3: column "price": expected a number (at most 1.79769e+308), found "cheap"',
                     HEADER + "tea,1,2.5\ncoffee,2,cheap\n")

    def test_integer_overflow(self):
        self.refused(':2: column "count": expected an integer from -2147483648 to 2147483647, found "2147483648"',
                     HEADER + "tea,2147483648,2.5\n")

    def test_float_overflow(self):
        self.refused(':2: column "price": expected a number (at most 1.79769e+308), found "1e400"',
                     HEADER + "tea,1,1e400\n")

    def test_quote_never_closed(self):
        self.refused(":3: expected a closing quote for the one that opens here, found the end of the file",
                     HEADER + 'tea,1,2.5\n"coffee,2,3\n')

    def test_too_few_cells(self):
        self.refused(":3: expected 3 cells, as the header has, found 2", HEADER + "tea,1,2.5\ncoffee,2\n")


class Usage(Trouble):
    def refused(self, sentence, *arguments, case="none", **options):
        self.expect_refused(self.run_case(case, *arguments, **options), sentence)

    def test_unknown_option(self):
        self.refused("--sugar", "--sugar", "2")

    def test_unknown_case(self):
        self.refused("--case: spill not in {", case="spill")

    @leave_out_if(RANKS == 1, "no other rank to end first")
    def test_wrong_usage_is_told_although_rank_0_comes_last(self):
        with tempfile.TemporaryDirectory() as folder:
            late = pathlib.Path(folder) / "trouble"
            late.write_text(f'#!/bin/sh\nsleep 1\nexec "{PROGRAMS}/trouble" "$@"\n')
            late.chmod(0o755)
            job = self.start(programs=[(1, late, ["--sugar"]), (RANKS - 1, "trouble", ["--sugar"])]).wait()
        self.expect_refused(job, "--case is required")

    @leave_out_if(RANKS == 1, "one rank has one command line")
    def test_wrong_usage_on_some_ranks(self):
        job = self.start(programs=[(RANKS - 1, "trouble", ["--case", "none"]), (1, "trouble", ["--sugar"])]).wait()
        self.expect_refused(job, "--case is required")

    def test_journal_and_resume(self):
        self.refused("--journal: maybe not in {", "--journal", "maybe")
        self.refused('--resume: "perhaps" is no way to resume; the only one is force', "--resume=perhaps")
        self.refused("--resume excludes --restart", "--restart", "--resume")

    def test_time_limit(self):
        for limit in ("soon", "0", "1:2:3:4", "-5"):
            self.refused(f'--time-limit: "{limit}" is no time limit', f"--time-limit={limit}")

    def test_lanes_and_resources(self):
        for lanes in ("0", "-1", "many", "4.5", "5000"):
            self.refused(f'--lanes: "{lanes}" is neither a number from 1 to 4096 nor auto', f"--lanes={lanes}")
        self.refused('--resources gpus: "gpus" is not NAME=AMOUNT', "--resources", "gpus")
        self.refused('--resources a=1,b=-1: "b=-1" is not NAME=AMOUNT', "--resources", "a=1,b=-1")

    def test_memory_and_spill_folder(self):
        self.refused("--memory-budget", "--memory-budget", "much")
        self.refused("--memory-budget", "--memory-budget", "0")
        self.refused("Directory does not exist: /no/such", "--spill-dir", "/no/such")

    def test_more_actor_ranks_than_there_can_be(self):
        most = max(1, RANKS - 2)
        self.refused(f"--actor-ranks {most + 1}: with {RANKS} rank", "--actor-ranks", str(most + 1))
        self.refused("--actor-ranks 0: with", "--actor-ranks", "0")

    def test_an_option_of_the_job_with_the_name_of_one_of_cremas(self):
        for option in ("--output", "--help", "-h", "--seed", "--version"):
            with self.subTest(option):
                self.refused("an option of this job has the name of one of crema's own", TROUBLE_OPTION=option)

    def test_output_in_no_folder(self):
        self.expect_refused(self.run_case("none", output="no/such/run.h5"), 'the folder "no/such" does not exist')

    def test_output_that_is_a_folder(self):
        for folder in (tempfile.gettempdir(), tempfile.gettempdir() + "/"):
            self.expect_refused(self.run_case("none", output=folder), "that names a folder")

    def test_output_where_nothing_can_be_written(self):
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o555)
            job = self.run_case("none", output=f"{folder}/run.h5", prefix=without_override())
            self.expect_refused(job, f'the folder "{folder}" cannot be written: Permission denied')
            self.assertEqual(os.listdir(folder), [])
        self.expect_refused(self.run_case("none", output="/proc/run.h5"), 'the folder "/proc" cannot be written')

    def test_output_that_exists(self):
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"last year's results")
            file.flush()
            self.refused(f'"{file.name}": it exists already and is never overwritten', output=file.name)
            file.seek(0)
            self.assertEqual(file.read(), b"last year's results")

    def test_help_and_version_are_told_once(self):
        for option, line in (("--help", "A job that goes wrong"), ("--version", "crema 0.")):
            job = self.start(option).wait()
            self.expect(job, 0)
            self.assertEqual((job.stdout.count(line), job.stderr), (1, ""))
            self.assertEqual(list(job.folder.glob("*.h5")), [])
        self.assertEqual(len(job.stdout.splitlines()), 1)

    @leave_out_if(RANKS == 1, "one rank is one build")
    def test_ranks_of_different_builds(self):
        job = self.start(programs=[(1, "trouble", ["--case", "none"]), (RANKS - 1, "same_results",
                                   ["--weather", "none", "--airports", "none"])]).wait()
        self.expect_refused(job, "the ranks run different builds")
        digests = re.findall(r"rank (\d+) on \S+: crema \S+, functions ([0-9a-f]{32})", job.stderr)
        self.assertEqual([rank for rank, _ in digests], ["0", "1"])
        self.assertNotEqual(digests[0][1], digests[1][1])

    @leave_out_if(RANKS > 1, "srun without MPI starts processes of one rank")
    def test_srun_whose_tasks_do_not_find_each_other(self):
        sentence = "srun started 4 tasks but MPI sees one"
        self.refused(sentence, SLURM_STEP_NUM_TASKS="4", SLURM_PROCID="0")
        second = self.run_case("none", SLURM_STEP_NUM_TASKS="4", SLURM_PROCID="1")
        self.assertEqual((second.code, second.exit_file, second.stderr), (2, None, ""))


if __name__ == "__main__":
    unittest.main()
