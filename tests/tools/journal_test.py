#!/usr/bin/env python3
"""journal_test.py CREMA UNFINISHED: what `crema journal FOLDER` says of a journal, whole and damaged. UNFINISHED is a job
that leaves one."""

import ctypes
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

CREMA, UNFINISHED = sys.argv.pop(1), sys.argv.pop(1)
FACTS = 56  # where a segment's facts begin; src/journal/README.md has the layout
RECORD_HEADER = 16


def xxh3(data):
    library = ctypes.CDLL("libxxhash.so.0")
    library.XXH3_64bits.restype = ctypes.c_uint64
    library.XXH3_64bits.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
    return library.XXH3_64bits(bytes(data), len(data))


class Journal(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.made = tempfile.TemporaryDirectory(prefix="crema-tools-")
        cls.addClassCleanup(cls.made.cleanup)
        cls.start("--output", "run.h5", code=1)
        cls.whole = (pathlib.Path(cls.made.name) / "run.h5.journal" / "segment-000001.journal").read_bytes()

    @classmethod
    def start(cls, *options, code):
        done = subprocess.run([UNFINISHED, *options], cwd=cls.made.name, capture_output=True, text=True)
        assert done.returncode == code, done

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="crema-tools-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name) / "run.h5.journal"
        self.folder.mkdir()
        self.segment = self.folder / "segment-000001.journal"
        shutil.copytree(pathlib.Path(self.made.name) / "run.h5.journal" / "blobs", self.folder / "blobs")

    def records(self):
        """Where the records of the whole journal begin."""
        place = FACTS + struct.unpack_from("<Q", self.whole, 40)[0]
        while place < len(self.whole):
            yield place
            place += RECORD_HEADER + struct.unpack_from("<I", self.whole, place)[0]

    def look(self, *options, folder=None):
        """Exit code, output, errors. Looking changes nothing."""
        folder = folder or self.folder
        before = {path: path.read_bytes() for path in folder.glob("*") if path.is_file()}
        done = subprocess.run([CREMA, "journal", *options, str(folder)], capture_output=True, text=True)
        self.assertEqual({path: path.read_bytes() for path in folder.glob("*") if path.is_file()}, before)
        return done.returncode, done.stdout, done.stderr

    def test_good(self):
        self.segment.write_bytes(self.whole)
        count = len(list(self.records()))
        code, out, err = self.look()
        self.assertEqual((code, err), (0, ""))
        lines = out.splitlines()
        self.assertRegex(lines[0], r"^segment-000001.journal: started \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC on 1 rank: \S*unfinished --output run.h5$")
        self.assertEqual(lines[1], f"  {count} records, {len(self.whole)} of {len(self.whole)} bytes count")
        counted = dict(re.findall(r"^([a-z ]+): (\d+) records?, \d+ bytes$", out, re.MULTILINE))
        # The tasks and the calls that ended; each call has its place before.
        self.assertEqual((counted["task"], counted["call"], counted["actor"], counted["run ended"]), ("41", "20", "1", "1"))
        self.assertEqual(sum(map(int, counted.values())), count)
        self.assertEqual(lines[-3:], ["values in files of their own: 1 file, 160008 bytes",
                                      f"A resume would go on behind byte {len(self.whole)} of segment 1.", "The journal is whole."])

    def test_a_value_in_a_file_of_its_own(self):
        (file,) = (self.folder / "blobs").iterdir()
        whole = file.read_bytes()
        for damaged, why in ((whole[:-1], "has 160007 bytes and not the 160008 that were written"),
                             (bytes([whole[0] ^ 1]) + whole[1:], "is damaged: its checksum differs"),
                             (None, "cannot be read: No such file or directory")):
            with self.subTest(why):
                self.segment.write_bytes(self.whole)
                file.unlink() if damaged is None else file.write_bytes(damaged)
                code, out, err = self.look()
                self.assertEqual((code, err), (1, ""))
                told = re.search(rf"^The history is cut: the value in blobs/{file.name} {why}, which the record at byte (\d+) of "
                                 r"segment-000001.journal names$", out, re.MULTILINE)
                self.assertIn(int(told[1]), list(self.records()))
                self.assertIn(f"A resume would go on behind byte {told[1]} of segment 1.\nThe journal is damaged.\n", out)

    def test_each_record(self):
        self.segment.write_bytes(self.whole)
        code, out, _ = self.look("--records")
        self.assertEqual(code, 0)
        self.assertEqual([int(place) for place in re.findall(r"^  byte (\d+): [a-z ]+, \d+ bytes$", out, re.MULTILINE)], list(self.records()))

    def test_torn(self):
        *_, last = self.records()
        for cut, what in ((len(self.whole) - 1, "half a record"), (last + 5, "half a record")):
            self.segment.write_bytes(self.whole[:cut])
            code, out, err = self.look()
            self.assertEqual((code, err), (1, ""))
            self.assertIn(f"The history is cut: {what} at byte {last} of segment-000001.journal\n", out)
            self.assertIn(f"{last} of {cut} bytes count", out)
            self.assertTrue(out.endswith(f"A resume would go on behind byte {last} of segment 1.\nThe journal is damaged.\n"), out)

    def test_cut_between_records_is_whole(self):
        for place in self.records():
            self.segment.write_bytes(self.whole[:place])
            code, out, _ = self.look()
            self.assertEqual((code, out.splitlines()[-1]), (0, "The journal is whole."))
            self.assertIn(f"go on behind byte {place} of segment 1", out)

    def test_damaged_in_the_middle(self):
        places = list(self.records())
        place = places[len(places) // 2]
        for offset in (place, place + 5, place + 8, place + RECORD_HEADER):  # size, type, checksum, payload
            damaged = bytearray(self.whole)
            damaged[offset] ^= 4
            self.segment.write_bytes(damaged)
            code, out, err = self.look()
            self.assertEqual((code, err), (1, ""))
            self.assertRegex(out, rf"The history is cut: (half a|a damaged) record at byte {place} of segment-000001.journal\n")
            self.assertIn(f"{len(places) // 2} records, {place} of {len(self.whole)} bytes count", out)

    def test_a_damaged_header(self):
        damaged = bytearray(self.whole)
        damaged[20] ^= 1
        self.segment.write_bytes(damaged)
        code, out, _ = self.look()
        self.assertEqual(code, 1)
        self.assertIn("segment-000001.journal: its header is damaged or not all there, so a resume passes it by\n", out)
        self.assertTrue(out.endswith("A resume would begin anew.\nThe journal is damaged.\n"), out)

    def test_other_version(self):
        other = bytearray(self.whole)
        facts = struct.unpack_from("<Q", other, 40)[0]
        struct.pack_into("<I", other, 8, 99)
        struct.pack_into("<Q", other, 48, xxh3(other[:48] + other[FACTS:FACTS + facts]))
        self.segment.write_bytes(other)
        code, out, err = self.look()
        self.assertEqual((code, out), (2, ""))
        self.assertIn("crema: reading the journal: it has format version 99, and this build of crema reads version", err)

    def test_what_is_no_journal(self):
        file = self.folder.parent / "run.h5"
        file.write_text("no journal")
        (self.folder / "notes.txt").write_text("nor this")
        for folder in (self.folder, file, self.folder.parent / "nowhere"):
            code, out, err = self.look(folder=folder)
            self.assertEqual((code, out), (2, ""), folder)
            self.assertIn(f"crema: reading the journal \"{folder}\": ", err)

    def test_empty_folder(self):
        code, out, err = self.look()
        self.assertEqual((code, out), (2, ""))
        self.assertIn("it holds no segment; give the folder beside a run file, as in coffee_shop.h5.journal", err)

    def test_the_starts_of_a_run(self):
        self.start("--output", "run.h5", "--resume", code=1)
        folder = pathlib.Path(self.made.name) / "run.h5.journal"
        code, out, _ = self.look(folder=folder)
        second = folder / "segment-000002.journal"
        self.assertEqual(code, 0)
        self.assertIn("segment-000002.journal: started ", out)
        self.assertIn(f"  continues segment 1 behind its byte {len(self.whole)}\n", out)
        self.assertIn(f"go on behind byte {second.stat().st_size} of segment 2.\n", out)
        # What the first start lost cuts off the second, too.
        first = folder / "segment-000001.journal"
        first.write_bytes(self.whole[:-1])
        code, out, _ = self.look(folder=folder)
        first.write_bytes(self.whole)
        self.assertEqual(code, 1)
        self.assertIn(f"  {second.stat().st_size} bytes that do not count: the history is cut in an older segment\n", out)
        self.assertIn("the 1 later segments do not count", out)

    def test_usage(self):
        for arguments, code, said in (([], 2, "subcommand"), (["journal"], 2, "FOLDER"), (["--help"], 0, "journal"),
                                      (["journal", "--help"], 0, "--records"), (["--version"], 0, "crema "),
                                      (["journal", "--nonsense", "x"], 2, "nonsense")):
            done = subprocess.run([CREMA, *arguments], capture_output=True, text=True)
            self.assertEqual(done.returncode, code, arguments)
            self.assertIn(said, done.stderr if code else done.stdout)


if __name__ == "__main__":
    unittest.main()
