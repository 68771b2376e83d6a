#!/usr/bin/env python3
"""Tests jobs/run on a copy of it, with stand-ins for cmake, ninja, apt-get, mpirun and the job: what it builds, which
flags it chooses, what it makes of exit codes and signals."""

import os
import pathlib
import pty
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
ROOT = os.geteuid() == 0
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]

TOOLS = {
    "cmake": """echo "cmake $*" >>"$STAND_IN/log"
if [[ -e $STAND_IN/library_missing ]]; then echo "CMake Error: could not find xxhash"; exit 1; fi
mkdir -p build/release && touch build/release/build.ninja
echo "MPIEXEC_EXECUTABLE:FILEPATH=$STAND_IN/bin/mpiexec" >build/release/CMakeCache.txt""",
    "ninja": """if [[ $* == *" -n "* ]]; then [[ -e $STAND_IN/stale ]] || echo "ninja: no work to do."; exit; fi
echo "ninja $*" >>"$STAND_IN/log"
if [[ -e $STAND_IN/broken ]]; then echo "[1/2] Building"; echo "error: expected ;"; exit 1; fi
rm "$STAND_IN/stale"; mkdir -p "$2/jobs"; cp "$STAND_IN/bin/cmake" "$2/jobs/coffee_shop" """,
    "dpkg-query": """[[ ${!#} == libxxhash-dev && -e $STAND_IN/library_missing ]] ||
[[ ${!#} == libopenimageio-dev && -e $STAND_IN/images_missing ]] || echo installed""",
    "apt-get": """echo "apt-get $*" >>"$STAND_IN/log"; [[ $* != *install* ]] || rm "$STAND_IN"/*_missing""",
    "sudo": """echo "sudo" >>"$STAND_IN/log"; "$@" """,
    "nproc": """cat "$STAND_IN/cores" """,
    "lscpu": """for ((core = 0; core < $(cat "$STAND_IN/cores"); ++core)); do echo "0,$core"; done""",
    "ompi_info": """cat "$STAND_IN/ompi_info" """,
    "mpiexec": """if [[ $1 == --version ]]; then cat "$STAND_IN/version"; exit; fi
echo "mpiexec $*" >>"$STAND_IN/log"; source "$STAND_IN/job" """,
    "scontrol": """echo "TaskPlugin = $(cat "$STAND_IN/task_plugin")" """,
    "srun": """echo "srun $*" >>"$STAND_IN/log"; source "$STAND_IN/job" """,
}


class JobsRun(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.checkout = self.folder / "check out"
        (self.checkout / "jobs").mkdir(parents=True)
        for name in ("run", "setup.sh", "sessions.sh"):
            shutil.copy(REPOSITORY / "jobs" / name, self.checkout / "jobs")
        for name in ("jobs/coffee_shop.cpp", "jobs/weather.cpp", "CMakeLists.txt", "CMakePresets.json"):
            (self.checkout / name).touch()
        (self.folder / "bin").mkdir()
        for name, text in TOOLS.items():
            (self.folder / "bin" / name).write_text(f"#!/bin/bash\n{text}\n")
            (self.folder / "bin" / name).chmod(0o755)
        self.put("cores", "8")
        self.put("version", "mpiexec (OpenRTE) 4.1.4")
        self.put("ompi_info", "")
        self.put("job", 'echo 0 >"$CREMA_EXIT_FILE"')
        self.put("stale", "")
        self.put("log", "")
        self.environment = {
            "PATH": f"{self.folder}/bin:{os.environ['PATH']}", "STAND_IN": str(self.folder), "TMPDIR": str(self.folder)}

    def put(self, name, text):
        (self.folder / name).write_text(text)

    def log(self):
        return (self.folder / "log").read_text()

    def command(self, *arguments):
        return [str(self.checkout / "jobs" / "run"), *arguments]

    def run_job(self, *arguments, prefix=()):
        return subprocess.run([*prefix, *self.command(*arguments)], env=self.environment, capture_output=True,
                              text=True, timeout=30, stdin=subprocess.DEVNULL, cwd="/")

    def launch_line(self, *arguments, **options):
        """The words mpirun was called with."""
        result = self.run_job(*arguments, **options)
        self.assertEqual(result.returncode, 0, result.stderr)
        return self.log().splitlines()[-1].split()

    def ranks(self, *arguments):
        words = self.launch_line(*arguments)
        return int(words[words.index("-n") + 1])

    # What it builds

    def test_configures_and_builds_once(self):
        first = self.run_job("coffee_shop")
        self.assertEqual((first.returncode, first.stdout), (0, ""))
        self.assertRegex(first.stderr, r"^Building coffee_shop .*\n$")
        self.assertIn("cmake --preset release", self.log())
        self.put("log", "")
        second = self.run_job("coffee_shop")
        self.assertEqual((second.returncode, second.stderr), (0, ""))
        self.assertEqual([line.split()[0] for line in self.log().splitlines()], ["mpiexec"])

    def test_configures_again_when_the_requirements_change(self):
        self.run_job("coffee_shop")
        (self.checkout / "CMakeLists.txt").write_text("find_package(more)")
        self.put("log", "")
        self.run_job("coffee_shop")
        self.assertIn("cmake", self.log())

    def test_finds_everything_anew_in_another_environment(self):
        self.run_job("coffee_shop")
        (self.checkout / "build/release/CMakeFiles").mkdir()
        self.environment["CMAKE_PREFIX_PATH"] = "/opt/spack"
        self.run_job("coffee_shop")
        self.assertFalse((self.checkout / "build/release/CMakeFiles").exists())

    def test_a_failed_build_shows_the_error_alone(self):
        self.put("broken", "")
        result = self.run_job("coffee_shop")
        self.assertEqual(result.returncode, 1)
        self.assertIn("error: expected ;", result.stderr)
        self.assertNotIn("[1/2]", result.stderr)

    def test_no_build_starts_what_is_there_and_nothing_else(self):
        result = self.run_job("coffee_shop", "--no-build")
        self.assertEqual(result.returncode, 2)
        self.assertIn("not built yet", result.stderr)
        self.run_job("coffee_shop")
        self.put("stale", "")
        self.put("log", "")
        self.assertEqual(self.run_job("coffee_shop", "--no-build").returncode, 0)
        self.assertNotIn("ninja", self.log())

    # What is missing

    @unittest.skipUnless(ROOT, "needs root")
    def test_root_installs_what_is_missing(self):
        self.put("library_missing", "")
        result = self.run_job("coffee_shop")
        self.assertEqual(result.returncode, 0)
        self.assertIn("Installing the packages libxxhash-dev\n", result.stderr)
        self.assertRegex(self.log(), "apt-get .*install.* libxxhash-dev\n")

    @unittest.skipUnless(ROOT, "needs root")
    def test_a_job_of_images_gets_their_library_and_others_do_not(self):
        self.put("images_missing", "")
        self.run_job("coffee_shop")
        self.assertNotIn("apt-get", self.log())
        (self.checkout / "jobs/thumbnails.cpp").touch()
        (self.checkout / "build/release/jobs/thumbnails").symlink_to("coffee_shop")
        self.put("log", "")
        result = self.run_job("thumbnails")
        self.assertEqual((result.returncode, result.stderr), (0, "Installing the packages libopenimageio-dev\n"))
        self.assertIn("cmake --preset release", self.log())
        # It is not found all the same, and not looked for each time.
        self.put("log", "")
        self.assertEqual(self.run_job("thumbnails").returncode, 0)
        self.assertNotIn("cmake", self.log())
        with open(self.checkout / "build/release/CMakeCache.txt", "a", encoding="utf-8") as cache:
            cache.write("OpenImageIO_DIR:PATH=/usr/lib/cmake/OpenImageIO\n")
        self.put("log", "")
        self.assertEqual(self.run_job("thumbnails").returncode, 0)
        self.assertNotIn("cmake", self.log())

    @unittest.skipUnless(ROOT, "needs root")
    def test_parquet_files_among_the_arguments_fetch_arrow_once(self):
        folder = self.checkout / "build/pyarrow-25.0.1/pyarrow"
        folder.mkdir(parents=True)
        self.run_job("coffee_shop")
        self.assertNotIn("ARROW", self.log())
        self.put("log", "")
        self.assertEqual(self.run_job("coffee_shop", "--orders", "orders/*.parquet").returncode, 0)
        self.assertIn(f"-DCREMA_ARROW_ROOT={folder}", self.log())
        with open(self.checkout / "build/release/CMakeCache.txt", "a", encoding="utf-8") as cache:
            cache.write(f"CREMA_ARROW_ROOT:PATH={folder}\n")
        self.put("log", "")
        self.assertEqual(self.run_job("coffee_shop", "--orders=orders/a.parquet").returncode, 0)
        self.assertNotIn("cmake", self.log())

    def test_others_get_the_list_or_sudo(self):
        prefix = NOBODY if ROOT else []
        subprocess.run(["chmod", "-R", "a+rwX", self.folder], check=True)
        self.put("library_missing", "")
        (self.folder / "library_missing").chmod(0o666)
        result = self.run_job("coffee_shop", prefix=prefix)
        self.assertEqual(result.returncode, 2)
        for text in ("apt-get install g++", "spack install", "conda install", "could not find xxhash"):
            self.assertIn(text, result.stderr)
        self.assertNotIn("apt-get", self.log())
        self.assertEqual(self.run_job("coffee_shop", "--install", prefix=prefix).returncode, 0)
        self.assertIn("sudo", self.log())
        self.assertNotIn("--allow-run-as-root", self.log())

    def test_a_configuration_that_fails_with_everything_installed_shows_why(self):
        self.put("library_missing", "")
        (self.folder / "bin/dpkg-query").write_text("#!/bin/bash\necho installed\n")
        result = self.run_job("coffee_shop")
        self.assertEqual(result.returncode, 2)
        self.assertIn("could not find xxhash", result.stderr)
        self.assertNotIn("spack", result.stderr)

    # How it starts

    def test_number_of_ranks(self):
        self.assertEqual(self.ranks("coffee_shop"), 6)
        self.assertEqual(self.ranks("coffee_shop", "--workers", "7"), 9)
        self.assertEqual(self.ranks("--workers=1", "coffee_shop"), 3)
        (self.checkout / "build/release/jobs/weather").symlink_to("coffee_shop")
        for cores, ranks in ((8, 6), (2, 4), (1, 3)):
            self.put("cores", str(cores))
            self.assertEqual(self.ranks("weather"), ranks)
        self.put("cores", "1")
        self.assertEqual(self.ranks("coffee_shop"), 6)
        for tasks, ranks in ((16, 16), (2, 3)):
            self.environment["SLURM_NTASKS"] = str(tasks)
            self.assertEqual(self.ranks("weather"), ranks)

    def test_flags_of_open_mpi_4(self):
        words = self.launch_line("coffee_shop", "--prep-seconds", "0.5", "--title", "two words")
        self.assertIn("--bind-to none", " ".join(words))
        self.assertIn("--enable-recovery", words)
        self.assertIn("--mca oob_tcp_keepalive_time 10", " ".join(words))
        self.assertNotIn("--oversubscribe", words)
        self.assertEqual("--allow-run-as-root" in words, ROOT)
        self.assertTrue(" ".join(words).endswith("jobs/coffee_shop --prep-seconds 0.5 --title two words"))
        self.put("cores", "5")
        self.assertIn("--oversubscribe", self.launch_line("coffee_shop"))

    def test_flags_of_open_mpi_5(self):
        self.put("version", "mpiexec (Open MPI) 5.0.7")
        self.put("cores", "2")
        words = self.launch_line("coffee_shop")
        self.assertIn("--map-by :OVERSUBSCRIBE", " ".join(words))
        self.assertIn("--enable-recovery", words)
        self.put("ompi_info", "option:x:no\noptions:ft_mpi_support:yes\n")
        words = self.launch_line("coffee_shop")
        self.assertIn("--with-ft ulfm", " ".join(words))
        self.assertNotIn("--enable-recovery", words)

    def test_srun_in_an_allocation(self):
        self.environment |= {"SLURM_NTASKS": "6", "CREMA_LAUNCHER": "srun"}
        self.put("task_plugin", "task/none")
        words = self.launch_line("coffee_shop")
        self.assertEqual(words[:3], ["srun", "--mpi=pmix", "--ntasks=6"])
        self.assertTrue(words[3].startswith("/"), words)
        self.put("task_plugin", "task/affinity,task/cgroup")
        self.assertIn("--cpu-bind=none", self.launch_line("coffee_shop"))
        self.assertIn("--overcommit", self.launch_line("coffee_shop", "--workers", "8"))

    def test_wrong_use(self):
        for arguments, text in (((), "usage: jobs/run NAME"), (("espresso",), "  coffee_shop\n  weather"),
                                (("../jobs/coffee_shop",), "There is no job"),
                                (("coffee_shop", "--workers", "0"), "(found: 0)"),
                                (("coffee_shop", "--workers"), "(found: nothing)"),
                                (("coffee_shop", "--workers=many"), "(found: many)")):
            result = self.run_job(*arguments)
            self.assertEqual((result.returncode, result.stdout), (2, ""), arguments)
            self.assertIn(text, result.stderr)
        self.assertEqual(self.log(), "")

    def test_help(self):
        result = self.run_job("--help")
        self.assertEqual(result.returncode, 0)
        self.assertIn("coffee_shop", result.stdout)
        self.assertEqual(self.launch_line("coffee_shop", "--help")[-1], "--help")

    # How it ends

    def exit_code(self, job):
        self.put("job", job)
        result = self.run_job("coffee_shop")
        self.assertEqual(list(self.folder.glob("crema-exit*")), [])
        return result.returncode, result.stderr

    def test_exit_code(self):
        self.run_job("coffee_shop")
        self.assertEqual(self.exit_code('echo 75 >"$CREMA_EXIT_FILE"; exit 0'), (75, ""))
        self.assertEqual(self.exit_code('echo 0 >"$CREMA_EXIT_FILE"; exit 9'), (0, ""))
        self.assertEqual(self.exit_code("exit 9"), (9, ""))
        code, text = self.exit_code("exit 0")
        self.assertEqual(code, 1)
        self.assertIn("without an exit code of its own", text)

    def test_stderr_on_a_terminal_is_told(self):
        self.run_job("coffee_shop")
        self.put("job", 'echo "terminal=${CREMA_STDERR_IS_TERMINAL-}" >>"$STAND_IN/log"; echo 0 >"$CREMA_EXIT_FILE"')
        self.environment["CREMA_STDERR_IS_TERMINAL"] = "1"
        self.run_job("coffee_shop")
        self.assertIn("terminal=\n", self.log())
        leader, follower = pty.openpty()
        subprocess.run(self.command("coffee_shop"), env=self.environment, stderr=follower, check=True, timeout=30)
        os.close(leader)
        os.close(follower)
        self.assertIn("terminal=1\n", self.log())

    WAITING_JOB = """for name in INT TERM USR1; do trap "echo $name >>\\"\\$STAND_IN/log\\"; got=$name" $name; done
sleep 60 & echo waiting >>"$STAND_IN/log"
until [[ ${got-} ]]; do sleep 0.02; done
sleep 0.2; kill %1; %s"""

    def waiting_job(self, end):
        if "ninja" not in self.log():
            self.run_job("coffee_shop")
        self.put("job", self.WAITING_JOB.replace("%s", end))

    def wait_for(self, text):
        deadline = time.monotonic() + 20
        while text not in self.log():
            self.assertLess(time.monotonic(), deadline, self.log())
            time.sleep(0.02)

    def test_signals_are_passed_on(self):
        for number, end, code in ((signal.SIGINT, 'echo 75 >"$CREMA_EXIT_FILE"', 75),
                                  (signal.SIGTERM, "exit 0", 143), (signal.SIGHUP, "exit 0", 129),
                                  (signal.SIGUSR1, 'echo 75 >"$CREMA_EXIT_FILE"', 75)):
            with self.subTest(signal=number.name):
                self.waiting_job(end)
                self.put("log", "ninja ran before\n")
                process = subprocess.Popen(self.command("coffee_shop"), env=self.environment, stderr=subprocess.PIPE)
                self.wait_for("waiting")
                process.send_signal(number)
                self.assertEqual((process.communicate(timeout=20)[1], process.returncode), (b"", code))
                # The one that Open MPI passes on without an end of its own.
                self.assertEqual(self.log().splitlines()[-1], "USR1")

    PATIENT_JOB = """for name in INT TERM USR1; do trap "echo $name >>\\"\\$STAND_IN/log\\"" $name; done
sleep 60 & echo waiting >>"$STAND_IN/log"
until grep -q TERM "$STAND_IN/log"; do sleep 0.02; done
kill %1"""

    def test_a_second_signal_waits_no_more(self):
        self.run_job("coffee_shop")
        self.put("job", self.PATIENT_JOB)
        for second in (signal.SIGINT, signal.SIGTERM):
            self.put("log", "")
            process = subprocess.Popen(self.command("coffee_shop"), env=self.environment, stderr=subprocess.PIPE)
            self.wait_for("waiting")
            process.send_signal(signal.SIGINT)
            self.wait_for("USR1")
            process.send_signal(signal.SIGUSR1)  # it has been asked to stop
            process.send_signal(second)
            try:
                process.communicate(timeout=20)
            finally:
                process.kill()
            self.assertEqual(process.returncode, 128 + second)
            words = self.log().splitlines()
            self.assertEqual((words[-1], set(words[2:-1])), ("TERM", {"USR1"}))

    def test_control_c_reaches_the_launcher_once(self):
        self.waiting_job('echo 75 >"$CREMA_EXIT_FILE"')
        child, terminal = pty.fork()
        if child == 0:
            os.execve(self.command()[0], self.command("coffee_shop"), self.environment)
        self.addCleanup(os.close, terminal)
        self.wait_for("waiting")
        os.write(terminal, b"\x03")
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        self.assertEqual((code, self.log().count("USR1\n")), (75, 1))

    def test_a_journal_without_an_exit_code_can_be_resumed(self):
        self.run_job("coffee_shop")
        self.put("job", "exit 0")
        output = self.folder / "day.h5"
        self.assertEqual(self.run_job("coffee_shop", "--output", str(output)).returncode, 1)
        (self.folder / "day.h5.journal").mkdir()
        for words in (("--output", str(output)), (f"--output={output}",)):
            result = self.run_job("coffee_shop", *words)
            self.assertEqual(result.returncode, 75)
            self.assertIn("--resume", result.stderr)
        self.put("job", 'echo 0 >"$CREMA_EXIT_FILE"')
        self.assertEqual(self.run_job("coffee_shop", "--output", str(output)).returncode, 0)

    def test_a_journal_of_this_start_alone_without_output(self):
        self.run_job("coffee_shop")
        folder = self.folder / "here"
        (folder / "coffee_shop-1.h5.journal").mkdir(parents=True)
        (folder / "weather-2.h5.journal").mkdir()
        run = lambda: subprocess.run(self.command("coffee_shop"), env=self.environment, capture_output=True, cwd=folder,
                                     timeout=30).returncode
        self.put("job", f"exit 9; mkdir '{folder}/weather-3.h5.journal'")
        os.utime(folder / "coffee_shop-1.h5.journal", (1, 1))
        self.assertEqual(run(), 9)
        self.put("job", f"mkdir '{folder}/coffee_shop-2.h5.journal'; exit 9")
        self.assertEqual(run(), 75)

    def test_a_launcher_that_lingers_is_ended(self):
        self.run_job("coffee_shop")
        self.environment["CREMA_LINGER_SECONDS"] = "1"
        # Deaf to SIGTERM in the second round.
        for trap in ("", "trap '' TERM; "):
            self.put("job", trap + 'echo 75 >"$CREMA_EXIT_FILE"; sleep 60 & while :; do wait; done')
            began = time.monotonic()
            self.assertEqual(self.run_job("coffee_shop").returncode, 75)
            self.assertLess(time.monotonic() - began, 20)

    def test_dead_sessions_are_removed(self):
        self.run_job("coffee_shop")
        host, user = socket.gethostname(), os.geteuid()
        memory = self.folder / "shm"
        memory.mkdir()
        self.environment["CREMA_SHARED_MEMORY"] = str(memory)
        sessions = self.folder / f"ompi.{host}.{user}"
        with subprocess.Popen(["true"]) as ended:
            pass
        holder = subprocess.Popen(["sleep", "60"])
        self.addCleanup(holder.wait)
        self.addCleanup(holder.kill)
        places = {
            "dead": sessions / f"pid.{ended.pid}", "alive": sessions / f"pid.{holder.pid}",
            "open": sessions / "pid.999999999", "new": sessions / "pid.999999998",
            "dead segment": memory / f"vader_segment.{host}.{user}.1.0",
            "open segment": memory / f"vader_segment.{host}.{user}.2.0",
            "new segment": memory / f"vader_segment.{host}.{user}.3.0",
            "of another host": memory / f"vader_segment.elsewhere.{user}.1.0",
            "dead 5": self.folder / f"prterun.{host}.{ended.pid}.{user}",
            "alive 5": self.folder / f"prterun.{host}.{holder.pid}.{user}",
            "dead segment 5": memory / f"sm_segment.{host}.{user}.1.0",
            "dead exit file": self.folder / f"crema-exit.{host}.{ended.pid}.a1B2c3",
            "alive exit file": self.folder / f"crema-exit.{host}.{holder.pid}.a1B2c3",
            "new exit file": self.folder / f"crema-exit.{host}.{ended.pid}.d4E5f6",
            "exit file of another host": self.folder / f"crema-exit.elsewhere.{ended.pid}.a1B2c3",
        }
        for name, path in places.items():
            if "segment" in name or "host" in name or "exit file" in name:
                path.touch()
            else:
                path.mkdir(parents=True)
                (path / "file").touch()
            if "new" not in name:
                os.utime(path, (1, 1))
        with open(places["open"] / "file", "rb"), open(places["open segment"], "rb"):
            self.assertEqual(self.run_job("coffee_shop").returncode, 0)
        self.assertEqual({name for name, path in places.items() if not path.exists()},
                         {"dead", "dead segment", "dead 5", "dead segment 5", "dead exit file"})

    def test_an_exit_file_tells_whose_it_is(self):
        self.run_job("coffee_shop")
        self.put("job", 'echo "$CREMA_EXIT_FILE" >>"$STAND_IN/log"; echo 0 >"$CREMA_EXIT_FILE"')
        process = subprocess.Popen(self.command("coffee_shop"), env=self.environment)
        self.assertEqual(process.wait(timeout=20), 0)
        self.assertIn(f"crema-exit.{socket.gethostname()}.{process.pid}.", self.log())

    def test_nothing_is_left_behind(self):
        self.waiting_job("exec sleep 61 & exit 0")
        process = subprocess.Popen(self.command("coffee_shop"), env=self.environment, stderr=subprocess.DEVNULL)
        self.wait_for("waiting")
        process.terminate()
        process.wait(timeout=20)
        deadline = time.monotonic() + 5
        while left := [path for path in pathlib.Path("/proc").glob("[0-9]*") if self.is_ours(path)]:
            self.assertLess(time.monotonic(), deadline, left)
            time.sleep(0.05)

    def is_ours(self, path):
        try:
            return f"STAND_IN={self.folder}".encode() in path.joinpath("environ").read_bytes()
        except OSError:
            return False


if __name__ == "__main__":
    unittest.main(verbosity=2)
