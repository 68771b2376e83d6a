#!/usr/bin/env python3
"""Tests that check_readme.py finds what it is there to find: in this repository's page, changed in one place."""

import pathlib
import tempfile
import unittest

import check_readme

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


class CheckReadme(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.repository = pathlib.Path(folder.name)
        for name in ("include", "jobs"):
            (self.repository / name).symlink_to(REPOSITORY / name)
        (self.repository / "src").mkdir()
        for entry in (REPOSITORY / "src").iterdir():
            (self.repository / "src" / entry.name).symlink_to(entry)
        self.page = (REPOSITORY / "src/README.md").read_text(encoding="utf-8")

    def findings_after(self, old, new):
        self.assertIn(old, self.page)
        readme = self.repository / "src/README.md"
        readme.unlink()
        readme.write_text(self.page.replace(old, new, 1), encoding="utf-8")
        return list(check_readme.findings(self.repository))

    def test_a_function_that_is_not_there(self):
        self.assertEqual(self.findings_after("Head::on_submit", "Head::on_commit"),
                         ["src/README.md: src/head/head.cpp has no Head::on_commit"])

    def test_a_function_of_another_class(self):
        self.assertEqual(self.findings_after("Head::on_submit", "Dispatcher::on_submit"),
                         ["src/README.md: src/head/head.cpp has no Dispatcher::on_submit"])

    def test_a_file_that_is_not_there(self):
        self.assertEqual(self.findings_after("src/head/head.cpp: Head::on_submit", "src/head/tail.cpp: Head::on_submit"),
                         ["src/README.md: there is no file src/head/tail.cpp"])

    def test_an_arrow_that_is_not_there(self):
        self.assertEqual(len(self.findings_after("| `transport` | common |", "| `transport` | common, wire |")), 1)

    def test_a_layer_that_is_left_out(self):
        self.assertEqual(len(self.findings_after("| `worker` |", "| worker |")), 1)

    def test_a_layer_that_the_walk_leaves_out(self):
        self.assertEqual(self.findings_after("*wire*", ""),
                         ["src/README.md: the walk crosses the layer wire 0 times, not once"])


if __name__ == "__main__":
    unittest.main()
