"""A private Slurm as children of this process: on this host, or on those of a Cluster (tests/hosts), which can be lost as
several slurmd on one host cannot. Needs root, slurmctld, slurmd and munged. Everything lives in one temporary folder and
on ports nobody else uses, and is gone afterwards."""

import os
import re
import shutil
import signal
import socket
import subprocess
import time

DEADLINE = 120  # seconds for anything waited for
# States of jobs that have ended. What goes on has many more, as SIGNALING for a moment.
ENDS = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY")

CONFIGURATION = """ClusterName=crema
SlurmctldHost={controller}
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
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
SlurmdTimeout={node_timeout}
NodeName=DEFAULT CPUs=8 Boards=1 SocketsPerBoard=1 CoresPerSocket=8 ThreadsPerCore=1 State=UNKNOWN
{nodes}
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


def tasks_done(output):
    """By the last line of progress that a job has printed: one every ten seconds, so not every number is seen."""
    lines = re.findall(r"(\d+)/\d+ tasks", output)
    return int(lines[-1]) if lines else 0


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Slurm:
    """munged, slurmctld and slurmd as children of this process. With a cluster its first host has the controller and
    gives the commands, and the others are nodes, which count as down when they have been silent for ten seconds."""

    def __init__(self, folder, cluster=None):
        self.folder = folder
        self.cluster = cluster
        self.daemons = []
        self.environment = {name: text for name, text in os.environ.items() if not name.startswith("SLURM_")}
        self.environment["SLURM_CONF"] = str(folder / "slurm.conf")

    def start(self):
        (self.folder / "state").mkdir()
        if self.cluster:
            addresses = {name: f"{self.cluster.subnet}.{number}" for number, name in enumerate(self.cluster.names, 1)}
            controller, *nodes = self.cluster.names
        else:
            controller = socket.gethostname().split(".")[0]
            nodes = [controller]
            addresses = {controller: "127.0.0.1"}
        controller_port, node_port = free_ports(2)
        (self.folder / "slurm.conf").write_text(CONFIGURATION.format(
            controller=f"{controller}({addresses[controller]})", folder=self.folder, controller_port=controller_port,
            node_port=node_port, node_timeout=10 if self.cluster else 300,
            nodes="\n".join(f"NodeName={name} NodeAddr={addresses[name]}" for name in nodes)))
        version = self.call("slurmd", "-V").split()[1]
        if int(version.split(".")[0]) >= 23:  # without it these want the cgroups of a systemd; earlier ones do not know it
            (self.folder / "cgroup.conf").write_text("CgroupPlugin=disabled\n")
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        own = [f"--{option}={self.folder}/munge.{name}" for option, name in (
            ("socket", "socket"), ("key-file", "key"), ("pid-file", "pid"), ("log-file", "log"), ("seed-file", "seed"))]
        self.launch("munged", "--foreground", "--force", *own)
        wait_until((self.folder / "munge.socket").exists, "the socket of munged")
        self.launch("slurmctld", "-D", host=controller)
        for name in nodes:
            (self.folder / f"spool.{name}").mkdir()
            self.launch("slurmd", "-D", "-N", name, host=name)
        wait_until(lambda: self.idle() == len(nodes), "idle nodes")

    def idle(self):
        return self.call("sinfo", "--noheader", "--Node", "--format=%T", check=False).split().count("idle")

    def on(self, host):
        """Words before a command that is to run there."""
        if not self.cluster or host is None:
            return []
        space = self.cluster.tag + host
        # Not with `ip netns exec`, whose /sys lacks what slurmd looks for.
        return ["nsenter", f"--uts={self.cluster.folder}/uts.{host}", f"--net=/run/netns/{space}", "unshare", "--mount",
                "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', f"/etc/netns/{space}/hosts"]

    def launch(self, *command, host=None):
        with open(self.folder / f"{command[0]}.{host}.output", "wb") as output:
            self.daemons.append(subprocess.Popen([*self.on(host), *command], env=self.environment, stdout=output,
                                                 stderr=output))

    def call(self, *command, check=True, **options):
        environment = self.environment | options.pop("environment", {})
        there = self.on(self.cluster.names[0]) if self.cluster else []
        return subprocess.run([*there, *command], env=environment, check=check, capture_output=True, text=True,
                              timeout=DEADLINE, **options).stdout

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
