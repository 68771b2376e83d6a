#!/usr/bin/env python3
"""Runs what README.md shows: its programs, its Python, its commands, and compares the output it shows with the real one.

Numbers may differ from the page's, words may not. The environment names what CMake built (see CMakeLists.txt).
"""

import ast
import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import uuid

from extract import blocks

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
PAGE = (REPOSITORY / "README.md").read_text(encoding="utf-8")
SKIPPED = 77

STOPPED = "jobs/run coffee_shop --no-baseline --prep-seconds 8"
KILLED = "jobs/run coffee_shop --workers 2 --no-baseline --prep-seconds 4 --output morning.h5"
RESUMED = "jobs/run coffee_shop --workers 4 --no-baseline --prep-seconds 4 --output morning.h5 --resume"
TAG = "CREMA_README_START"
LONG = 240  # seconds, also where other work fills the machine

# Every command the page shows, by its first words, and what of it runs here. Installing software and starting Slurm do
# not: tests/install and tests/slurm do that; what is left is that the files are there and take these options.
COMMANDS = {
    "jobs/run coffee_shop": ["jobs/run", "--help"],
    "jobs/run unlucky_shop": ["jobs/run", "--help"],
    # test_stopping_early and test_going_on run these as they are shown.
    STOPPED: None,
    KILLED: None,
    RESUMED: None,
    "crema journal morning.h5.journal": None,
    "tests/run": ["tests/run", "--help"],
    "sbatch slurm/coffee_shop.sbatch": ["bash", "-n", "slurm/coffee_shop.sbatch"],
    "CREMA_LAUNCHER=srun sbatch --ntasks=18 slurm/coffee_shop.sbatch": ["bash", "-n", "slurm/coffee_shop.sbatch"],
    "cmake --install build/release --prefix ~/crema": None,
    "cmake -S . -B build -DCMAKE_PREFIX_PATH=~/crema && cmake --build build": None,
    "mpirun -n 6 build/morning --orders orders.csv": None,
}


def mask(text):
    """The words of a text: numbers are N, blanks are one blank, lines without either are left out."""
    lines = (re.sub(r"\s+", " ", re.sub(r"\d+(\.\d+)?", "N", line)).strip() for line in text.splitlines())
    return [line for line in lines if line]


def texts(language):
    return [text for _, text in blocks(PAGE, language)]


def transcript(command):
    """What the page shows below a command."""
    for block in texts("console"):
        first, _, output = block.partition("\n")
        if first == f"$ {command}" and output:
            return output
    raise AssertionError(f"README.md shows no output of {command}")


def mpirun(ranks, program, *options, folder):
    """Exit code and output of a program on this many ranks."""
    command = [os.environ["MPIEXEC"], "-n", str(ranks), program, *options]
    environment = dict(os.environ)
    version = subprocess.run([command[0], "--version"], capture_output=True, text=True, timeout=30).stdout
    if "(Open" in version:
        command[1:1] = ["--bind-to", "none", "--oversubscribe"]
        if os.geteuid() == 0:
            environment.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    done = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=120)
    return done.returncode, done.stdout


def mask_ranks(text):
    """As mask, and who logs is masked too. What the launcher says of itself is left out: each version says it its way."""
    lines = (re.sub(r"\brank N [^ ]+ [a-z ]+ \[", "rank N HOST ROLE [", line) for line in mask(text))
    lines = (re.sub(r"\(rank N on [^)]+\)", "(rank N on HOST)", line) for line in lines)
    return [line for line in lines if not line.startswith("mpiexec: Forwarding signal")]


def processes_of_rank(tag, rank):
    """Of a start that has this tag in its environment: the rank, its zygote and its lanes."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            words = path.joinpath("environ").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if f"{TAG}={tag}" in words and (f"OMPI_COMM_WORLD_RANK={rank}" in words or f"PMI_RANK={rank}" in words):
            found.append(int(path.name))
    return found


class Started:
    """A command of the page as a user types it, but that nothing is built."""

    def __init__(self, command, folder):
        words = command.split()
        assert words[0] == "jobs/run"
        self.tag = str(uuid.uuid4())
        self.output = open(folder / "output", "w+", encoding="utf-8")
        self.process = subprocess.Popen([REPOSITORY / "jobs/run", "--no-build", *words[1:]], cwd=folder,
                                        env={**os.environ, TAG: self.tag}, stdin=subprocess.DEVNULL, stdout=self.output,
                                        stderr=subprocess.STDOUT, start_new_session=True)

    def text(self):
        return pathlib.Path(self.output.name).read_text(encoding="utf-8")

    def wait_until(self, condition, what):
        deadline = time.monotonic() + LONG
        while not condition():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"{what} did not come\n{self.text()}")
            time.sleep(0.02)

    def end(self):
        """Exit code and output, without the folder of this checkout."""
        try:
            code = self.process.wait(timeout=LONG)
        finally:
            if self.process.poll() is None:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
            self.output.close()
        return code, self.text().replace(f"{REPOSITORY}/", "")


def steps(command):
    """The block of the page that begins with this command: (command, what is shown below) of each command in it."""
    for block in texts("console"):
        if block.startswith(f"$ {command}\n"):
            parts = re.split(r"^\$ (.*)\n", block, flags=re.M)
            return list(zip(parts[1::2], parts[2::2]))
    raise AssertionError(f"README.md shows no output of {command}")


def is_shown(shown, output):
    """Whether the lines of the page are those of the output, where [...] stands for any number of lines."""
    if not shown:
        return not output
    if shown[0] == "[...]":
        return any(is_shown(shown[1:], output[skipped:]) for skipped in range(len(output) + 1))
    return bool(output) and shown[0] == output[0] and is_shown(shown[1:], output[1:])


def of_release(test):
    """jobs/run starts what is in build/release: such a test would say nothing about another build, and is not there."""
    return test if pathlib.Path(os.environ["BUILD_DIR"]) == REPOSITORY / "build/release" else None


class Readme(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        shutil.copytree(REPOSITORY / "data", cls.folder / "data")

    def test_the_program(self):
        code, output = mpirun(3, os.environ["README_PROGRAM"], "--output", "program.h5", folder=self.folder)
        self.assertEqual((code, output), (0, "6 drinks, 26.25 USD\nResults and timings: program.h5\n"))

    def test_the_fragments(self):
        code, output = mpirun(3, os.environ["README_FRAGMENTS"], "--output", "fragments.h5", folder=self.folder)
        self.assertEqual(code, 0, output)
        self.assertIn("6.47943\n", output)  # 6 and the sine
        self.assertRegex(output, r"std::out_of_range on rank 2: .+\n")

    def test_the_coffee_shop_and_python(self):
        code, output = mpirun(6, os.environ["COFFEE_SHOP"], "--output", "coffee_shop.h5", folder=self.folder)
        self.assertEqual(code, 0, output)
        shown = transcript("jobs/run coffee_shop").replace("coffee_shop-20261122-222437.h5", "coffee_shop.h5")
        self.assertEqual(mask(output), mask(shown))

        # The page's tables are those of a run without the baseline, which makes six drinks more.
        (self.folder / "coffee_shop.h5").unlink()
        code, output = mpirun(6, os.environ["COFFEE_SHOP"], "--no-baseline", "--prep-seconds", "0.1", "--output",
                              "coffee_shop.h5", folder=self.folder)
        self.assertEqual(code, 0, output)
        printed = []
        scope = {}
        before = os.getcwd()
        os.chdir(self.folder)
        try:
            for snippet in texts("python"):
                for statement in ast.parse(snippet).body:
                    if isinstance(statement, ast.Expr):
                        value = eval(compile(ast.Expression(statement.value), "README.md", "eval"), scope)
                        printed.append(mask(str(value)))
                    else:
                        exec(compile(ast.Module([statement], []), "README.md", "exec"), scope)
        finally:
            os.chdir(before)
        self.assertEqual(len(printed), 2)
        section = PAGE.partition("## The run file")[2].partition("\n## ")[0]
        shown = [mask(text) for text in re.findall(r"^```text\n(.*?)^```$", section, re.M | re.S)]
        self.assertEqual(printed, shown)

    def test_the_bad_day(self):
        code, output = mpirun(6, os.environ["UNLUCKY_SHOP"], "--output", "unlucky_shop.h5", folder=self.folder)
        self.assertEqual(code, 0, output)
        shown = transcript("jobs/run unlucky_shop").replace("unlucky_shop-20261126-033412.h5", "unlucky_shop.h5")
        host = re.compile(r"on [^ )]+\)")
        self.assertEqual(mask(host.sub("on a host)", output)), mask(host.sub("on a host)", shown)))

    @of_release
    def test_stopping_early(self):
        ((command, shown),) = steps(STOPPED)
        job = Started(command, self.folder)
        job.wait_until(lambda: "Sent 6 orders" in job.text(), "the orders")
        job.process.send_signal(signal.SIGINT)
        code, output = job.end()
        self.assertEqual(code, 75, output)
        # stdout and stderr come through the launcher apart from each other.
        self.assertEqual(sorted(mask_ranks(output)), sorted(mask_ranks(shown)))

    @of_release
    def test_going_on(self):
        crema = pathlib.Path(os.environ["CREMA"])

        def journal():
            return subprocess.run([crema, "journal", "morning.h5.journal"], cwd=self.folder, capture_output=True, text=True,
                                  timeout=LONG)

        (killed, refused, listed, resumed) = steps(KILLED)
        job = Started(killed[0], self.folder)
        job.wait_until(lambda: "task: 5 records" in journal().stdout, "the end of four drinks")
        for pid in processes_of_rank(job.tag, 0):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        ends = [(killed, 75, job.end())]
        ends.append((refused, 2, Started(refused[0], self.folder).end()))
        done = journal()
        ends.append((listed, 0, (done.returncode, done.stdout.replace(f"{REPOSITORY}/", "") + done.stderr)))
        ends.append((resumed, 0, Started(resumed[0], self.folder).end()))
        for (command, shown), expected, (code, output) in ends:
            with self.subTest(command):
                self.assertEqual(code, expected, output)
                self.assertTrue(is_shown(mask_ranks(shown), mask_ranks(output)), f"{shown}\nis shown for\n{output}")

    def test_the_commands(self):
        for block in texts("console"):
            for line in re.findall(r"^\$ (.*)$", block, re.M):
                command = re.sub(r"\s+#.*", "", line)
                self.assertIn(command, COMMANDS)
                if COMMANDS[command] is None:
                    continue
                done = subprocess.run(COMMANDS[command], cwd=REPOSITORY, capture_output=True, text=True, timeout=60)
                self.assertEqual(done.returncode, 0, done.stderr)
        for block in texts("sh"):
            subprocess.run(["bash", "-n"], input=block, text=True, check=True, timeout=60)

    def test_the_packages_are_those_of_the_set_up(self):
        setup = " ".join((REPOSITORY / "jobs/setup.sh").read_text(encoding="utf-8").replace("\\\\\n", "").split())
        for block in texts("sh"):
            for line in re.findall(r"^(?:spack|conda) install .*$", block, re.M):
                self.assertIn(line, setup)

    def test_the_cmake_project(self):
        (project,) = texts("cmake")
        folder = self.folder / "project"
        folder.mkdir()
        (folder / "CMakeLists.txt").write_text(project, encoding="utf-8")
        (folder / "morning.cpp").write_text("int main() {}\n", encoding="utf-8")
        done = subprocess.run([os.environ["CMAKE"], "-G", "Ninja", "-S", folder, "-B", folder / "build",
                               f"-Dcrema_DIR={os.environ['BUILD_DIR']}"], capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_the_options(self):
        done = subprocess.run([os.environ["COFFEE_SHOP"], "--help"], capture_output=True, text=True, timeout=60)
        section = PAGE.partition("## Options and exit codes")[2].partition("| exit code")[0]
        options = re.findall(r"--[a-z][a-z-]*", section.partition("`jobs/run NAME`")[0])
        self.assertEqual(len(options), 20)
        for option in options:
            self.assertIn(option, done.stdout)

    def test_the_links(self):
        prose = re.sub(r"^```.*?^```$", "", PAGE, flags=re.M | re.S)
        for target in re.findall(r"\]\(([^)#]+)\)", prose):
            self.assertTrue((REPOSITORY / target).exists(), target)


if __name__ == "__main__":
    try:
        import h5py  # noqa: F401
        import pandas  # noqa: F401
        import xarray  # noqa: F401
    except ImportError as error:
        print(f"skipped: {error} ({sys.executable}); Debian: python3-h5py python3-pandas python3-xarray python3-h5netcdf")
        sys.exit(SKIPPED)
    unittest.main()
