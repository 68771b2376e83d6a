#!/usr/bin/env python3
"""Starts a job the way a user does and looks at it from outside: exit codes, output, processes.

As a program: launch.py RANKS PROGRAM [arguments] runs a test program under the launcher.
"""

import functools
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import uuid

MPIEXEC = os.environ.get("CREMA_MPIEXEC", "mpirun")
PROGRAMS = pathlib.Path(os.environ.get("CREMA_MPI_PROGRAMS", "."))
# What a launcher or batch system around the test told it: a job that believed it would take itself for one of theirs.
HANGS = 240  # seconds, also where other work fills the machine
FOREIGN = ("OMPI_", "PMIX_", "PMI_", "ORTE_", "SLURM_", "CREMA_EXIT_FILE")
TAG = "CREMA_TEST_START"


def slots():
    """Physical cores this process may use: what Open MPI counts as slots."""
    lines = subprocess.run(["lscpu", "-p=SOCKET,CORE"], capture_output=True, text=True, check=True).stdout.splitlines()
    return min(len({line for line in lines if not line.startswith("#")}), len(os.sched_getaffinity(0)))


@functools.cache
def open_mpi():
    """The first number of its version."""
    version = subprocess.run([MPIEXEC, "--version"], capture_output=True, text=True, check=True).stdout.split("\n")[0]
    found = re.search(r"\(Open.* (\d+)\.", version)
    if not found:
        raise RuntimeError(f"{MPIEXEC} is not that of Open MPI: {version}")
    return int(found[1])


def launcher(ranks, recovery=False):
    """The launcher's words before -n, with the flags that jobs/run chooses."""
    words = [MPIEXEC, "--bind-to", "none"]
    if os.geteuid() == 0:
        words.append("--allow-run-as-root")
    old = open_mpi() <= 4
    if ranks > slots():
        words += ["--oversubscribe"] if old else ["--map-by", ":OVERSUBSCRIBE"]
    if recovery and not old:
        ompi_info = [pathlib.Path(MPIEXEC).with_name("ompi_info"), "--parsable"]
        info = subprocess.run(ompi_info, capture_output=True, text=True, check=True).stdout
        if "options:ft_mpi_support:yes" in info:
            return words + ["--with-ft", "ulfm"]
    return words + ["--enable-recovery"] if recovery else words


def leave_out_if(holds, why):
    """A test, or a class of them, that says nothing about so many ranks is not there at all. One is skipped only where
    something is missing: on CI that is a failure."""
    return lambda test: None if holds else test


def without_override():
    """Words before a command that make file permissions count for it, root or not."""
    if os.geteuid() != 0:
        return []
    drop = "-dac_override,-dac_read_search"
    return ["setpriv", f"--bounding-set={drop}", f"--inh-caps={drop}"]


def by_rank(commands):
    """What becomes one of several programs, in shell. The mpirun of Open MPI 5.0.7 crashes when it is given them."""
    words, first = ["rank=${OMPI_COMM_WORLD_RANK-$PMI_RANK}"], 0
    for count, command in commands:
        first += count
        words.append(f'[ "$rank" -ge {first} ] || exec {shlex.join(command)}')
    return "; ".join(words)


class Job:
    """One start. `programs`: (ranks, name, arguments) each; one rank in all means no launcher. `folder`: one that is
    there already, and stays."""

    def __init__(self, programs, *, recovery=False, prefix=(), folder=None, **environment):
        self.stays = folder is not None
        self.folder = folder or pathlib.Path(tempfile.mkdtemp(prefix="crema-mpi-"))
        (self.folder / "exit").unlink(missing_ok=True)
        self.tag = str(uuid.uuid4())
        ranks = sum(count for count, _, _ in programs)
        command = [*prefix]
        if ranks > 1:
            command += launcher(ranks, recovery)
        command += ["-n", str(ranks)] if ranks > 1 else []
        commands = [(count, [str(PROGRAMS / name), *map(str, arguments)]) for count, name, arguments in programs]
        command += commands[0][1] if len(commands) == 1 else ["/bin/sh", "-c", by_rank(commands)]
        self.environment = {name: text for name, text in os.environ.items() if not name.startswith(FOREIGN)}
        self.environment |= {"CREMA_EXIT_FILE": str(self.folder / "exit"), TAG: self.tag, **environment}
        self.output = [open(self.folder / name, "w+") for name in ("stdout", "stderr")]
        self.process = subprocess.Popen(command, env=self.environment, cwd=self.folder, stdin=subprocess.DEVNULL,
                                        stdout=self.output[0], stderr=self.output[1], start_new_session=True)

    def processes(self):
        """{pid: rank} of what this start left running; rank None is the launcher."""
        found = {}
        # Not of what is below these folders: glob fails where one goes while it looks.
        for path in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                words = (path / "environ").read_bytes().decode(errors="replace").split("\0")
                state = (path / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if f"{TAG}={self.tag}" in words and state != "Z":
                told = dict(word.split("=", 1) for word in words if "=" in word)
                rank = told.get("OMPI_COMM_WORLD_RANK", told.get("PMI_RANK"))
                found[int(path.name)] = None if rank is None else int(rank)
        return found

    def parents(self):
        """{pid: pid of its parent} of what this start left running."""
        found = {}
        for pid in self.processes():
            try:
                found[pid] = int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
        return found

    def pid_of(self, rank):
        """The rank itself; its zygote and lanes, which come of it, look the same from outside."""
        of_rank = {pid for pid, of in self.processes().items() if of == rank}
        return next(pid for pid, parent in self.parents().items() if pid in of_rank and parent not in of_rank)

    def wait_for_file(self, name, seconds=HANGS):
        """Waits until the job has made a file in its folder."""
        self.wait_until(lambda: (self.folder / name).exists(), f"{name} is made", seconds)

    def wait_until(self, condition, what, seconds=HANGS):
        """Waits until the condition holds, while the job runs."""
        deadline = time.monotonic() + seconds
        while not condition():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"not so: {what}; the job said:\n{self.text('stderr')}")
            time.sleep(0.02)

    def text(self, name):
        return (self.folder / name).read_text()

    def wait(self, seconds=HANGS):
        """Waits for the end of the launcher and of every process. What is left then is killed, and in `left`."""
        try:
            self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            pass
        # Without a launcher Open MPI starts a daemon of its own, which ends when it sees that the job has.
        daemons_end = time.monotonic() + 5
        while (left := self.processes()) and time.monotonic() < daemons_end:
            time.sleep(0.02)
        self.ended = time.time()
        self.left = left
        for pid in self.left:
            try:
                os.kill(pid, 9)
            except ProcessLookupError:
                pass
        self.process.wait()
        self.code = self.process.returncode
        self.stdout, self.stderr = self.text("stdout"), self.text("stderr")
        exit_file = self.folder / "exit"
        told = exit_file.read_text() if exit_file.exists() else ""  # empty: the disk was full
        self.exit_file = int(told) if told else None
        return self

    def made(self, name):
        """When the job made a file in its folder; seconds as `ended` has them."""
        return (self.folder / name).stat().st_mtime

    def close(self):
        for file in self.output:
            file.close()
        if not self.stays:
            shutil.rmtree(self.folder, ignore_errors=True)


def main():
    ranks = int(sys.argv[1])
    command = [*launcher(ranks), "-n", str(ranks)] if ranks > 1 else []
    environment = {name: text for name, text in os.environ.items() if not name.startswith(FOREIGN)}
    return subprocess.run([*command, *sys.argv[2:]], env=environment, stdin=subprocess.DEVNULL).returncode


if __name__ == "__main__":
    sys.exit(main())
