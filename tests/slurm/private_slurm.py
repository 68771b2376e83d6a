"""A private Slurm as children of this process. Needs root, slurmctld, slurmd and munged. Everything lives in one temporary
folder and on ports nobody else uses, and is gone afterwards."""

import os
import shutil
import signal
import socket
import subprocess
import time

DEADLINE = 120  # seconds for anything waited for

CONFIGURATION = """ClusterName=crema
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
AuthInfo=socket={folder}/munge.socket,cred_expire=10
CredType=cred/munge
MpiDefault=pmix
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
ReturnToService=2
SlurmUser=root
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
NodeName={host} CPUs=8 Boards=1 SocketsPerBoard=1 CoresPerSocket=8 ThreadsPerCore=1 NodeAddr=127.0.0.1 State=UNKNOWN
PartitionName=debug Nodes=ALL Default=YES MaxTime=INFINITE State=UP OverSubscribe=YES
"""


def why_not():
    """Why this machine cannot run the test; None where it can."""
    if os.geteuid() != 0:
        return "starting a private Slurm needs root"
    missing = [tool for tool in ("slurmctld", "slurmd", "sbatch", "srun", "munged") if not shutil.which(tool)]
    return f"not installed: {', '.join(missing)} (slurm-wlm, slurm-wlm-basic-plugins, munge)" if missing else None


def wait_until(condition, what, seconds=DEADLINE):
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds} s")
        time.sleep(0.2)
    return result


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Slurm:
    """munged, slurmctld and slurmd as children of this process."""

    def __init__(self, folder):
        self.folder = folder
        self.daemons = []
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("SLURM_")}
        self.environment["SLURM_CONF"] = str(folder / "slurm.conf")

    def start(self):
        for name in ("state", "spool"):
            (self.folder / name).mkdir()
        host = socket.gethostname().split(".")[0]
        controller_port, node_port = free_ports(2)
        (self.folder / "slurm.conf").write_text(CONFIGURATION.format(
            host=host, folder=self.folder, controller_port=controller_port, node_port=node_port))
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        own = [f"--{option}={self.folder}/munge.{name}" for option, name in (
            ("socket", "socket"), ("key-file", "key"), ("pid-file", "pid"), ("log-file", "log"), ("seed-file", "seed"))]
        self.launch("munged", "--foreground", "--force", *own)
        wait_until((self.folder / "munge.socket").exists, "the socket of munged")
        self.launch("slurmctld", "-D")
        self.launch("slurmd", "-D", "-N", host)
        wait_until(lambda: "idle" in self.call("sinfo", "--noheader", "--format=%T", check=False), "an idle node")

    def launch(self, *command):
        with open(self.folder / f"{command[0]}.output", "wb") as output:
            self.daemons.append(subprocess.Popen(command, env=self.environment, stdout=output, stderr=output))

    def call(self, *command, check=True, **options):
        environment = self.environment | options.pop("environment", {})
        return subprocess.run(command, env=environment, check=check, capture_output=True, text=True, timeout=DEADLINE,
                              **options).stdout

    def job(self, job_id):
        """The fields of `scontrol show job`."""
        words = self.call("scontrol", "show", "job", "--oneliner", job_id).split()
        return dict(word.split("=", 1) for word in words if "=" in word)

    def stop(self):
        self.call("scancel", "--user=root", check=False)
        for daemon in reversed(self.daemons):
            daemon.send_signal(signal.SIGTERM)
            try:
                daemon.wait(timeout=20)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
