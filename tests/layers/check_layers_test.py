#!/usr/bin/env python3
"""Tests that check_layers.py finds what it is there to find."""

import pathlib
import tempfile
import unittest

import check_layers


class CheckLayers(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.repository = pathlib.Path(folder.name)
        self.write("include/crema/errors.hpp", "#pragma once\n")
        self.write("src/head/scheduler.hpp", '#include "crema/errors.hpp"\n#include <vector>\n')
        self.write("src/runtime/loop.cpp", '#include "head/scheduler.hpp"\n#include <boost/mpi/environment.hpp>\n')

    def write(self, name, text):
        path = self.repository / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def findings(self):
        return list(check_layers.findings(self.repository))

    def test_arrows_in_order_are_fine(self):
        self.assertEqual(self.findings(), [])

    def test_a_wrong_arrow_between_folders(self):
        self.write("src/head/scheduler.cpp", '  #  include "runtime/loop.hpp"\n')
        self.write("src/runtime/loop.hpp", "")
        self.assertEqual(
            self.findings(), ["src/head/scheduler.cpp: head may not include runtime (runtime/loop.hpp)"])

    def test_a_wrong_arrow_out_of_a_public_header(self):
        self.write("include/crema/task.hpp", "#include <crema/errors.hpp>\n")
        self.write("include/crema/errors.hpp", "#include <crema/task.hpp>\n")
        self.assertEqual(
            self.findings(), ["include/crema/errors.hpp: common may not include api (crema/task.hpp)"])

    def test_an_include_relative_to_its_folder(self):
        self.write("src/common/clock.cpp", '#include "../head/scheduler.hpp"\n')
        self.assertEqual(len(self.findings()), 1)

    def test_files_without_a_layer(self):
        self.write("src/misc/helpers.hpp", "")
        self.write("include/crema/helpers.hpp", "")
        self.assertEqual(len(self.findings()), 2)

    def test_mpi_in_the_scheduler(self):
        self.write("src/head/scheduler.cpp", "#include <mpi.h>\n")
        self.assertEqual(
            self.findings(), ["src/head/scheduler.cpp: includes mpi.h, which only transport, runtime may"])

    def test_an_empty_tree_is_not_fine(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(len(list(check_layers.findings(pathlib.Path(folder)))), 1)

    def test_the_table_has_no_cycle(self):
        done = set()

        def visit(layer, path):
            self.assertNotIn(layer, path)
            if layer not in done:
                for other in check_layers.MAY_INCLUDE[layer]:
                    visit(other, [*path, layer])
                done.add(layer)

        for layer in check_layers.MAY_INCLUDE:
            visit(layer, [])


if __name__ == "__main__":
    unittest.main()
