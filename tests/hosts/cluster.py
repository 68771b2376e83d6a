"""Several hosts on one machine: network and UTS namespaces on a bridge, which Open MPI reaches through an rsh agent that
enters them. Needs root, iproute2, util-linux and Open MPI. Messages between the hosts really cross the links."""

import os
import pathlib
import shutil
import subprocess
import tempfile

from launch import MPIEXEC, Job

AGENT = """#!/bin/bash
host=$1; shift
exec nsenter --uts={folder}/uts.$host ip netns exec {tag}$host /bin/sh -c "$*"
"""
# So that mpirun itself sees that a host is gone.
KEEPALIVE = ["--mca", "oob_tcp_keepalive_time", "3", "--mca", "oob_tcp_keepalive_intvl", "1", "--mca",
             "oob_tcp_keepalive_probes", "3"]


def why_not():
    """Why this machine cannot have such hosts; None where it can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if missing := [tool for tool in ("ip", "nsenter", "unshare", "mount") if not shutil.which(tool)]:
        return f"not installed: {', '.join(missing)} (iproute2, util-linux)"
    version = subprocess.run([MPIEXEC, "--version"], capture_output=True, text=True).stdout
    if "(Open" not in version or " 4." not in version:
        return "needs the mpirun of Open MPI 4"
    tried = subprocess.run(["ip", "link", "add", "crema-try", "type", "bridge"], capture_output=True, text=True)
    subprocess.run(["ip", "link", "del", "crema-try"], capture_output=True)
    return f"bridges are not allowed here: {tried.stderr.strip()}" if tried.returncode else None


def call(*command):
    subprocess.run(command, check=True, capture_output=True, text=True)


class Cluster:
    """node1 to nodeN, gone after close. Only what this object has made is ever removed: all names carry its own tag."""

    def __init__(self, hosts=3):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="crema-hosts-"))
        self.tag = f"cr{os.getpid() % 100000}"  # at most 15 letters with what is added
        self.subnet = f"10.{os.getpid() // 250 % 200 + 20}.{os.getpid() % 250}"
        self.names = [f"node{number}" for number in range(1, hosts + 1)]
        try:
            self.make()
        except BaseException:
            self.close()
            raise

    def make(self):
        bridge = f"{self.tag}br"
        call("ip", "link", "add", bridge, "type", "bridge")
        call("ip", "link", "set", bridge, "up")
        table = "127.0.0.1 localhost\n" + "".join(
            f"{self.subnet}.{number} {name}\n" for number, name in enumerate(self.names, 1))
        for number, name in enumerate(self.names, 1):
            space = self.tag + name
            call("ip", "netns", "add", space)
            call("ip", "link", "add", f"{self.tag}v{number}", "type", "veth", "peer", "name", "eth0", "netns", space)
            call("ip", "link", "set", f"{self.tag}v{number}", "master", bridge, "up")
            call("ip", "-n", space, "link", "set", "lo", "up")
            call("ip", "-n", space, "addr", "add", f"{self.subnet}.{number}/24", "dev", "eth0")
            call("ip", "-n", space, "link", "set", "eth0", "up")
            uts = self.folder / f"uts.{name}"
            uts.touch()
            call("unshare", f"--uts={uts}", "hostname", name)
            # `ip netns exec` mounts what lies here over /etc.
            hosts = pathlib.Path("/etc/netns") / space
            hosts.mkdir(parents=True)
            (hosts / "hosts").write_text(table)
        (self.folder / "hostfile").write_text("".join(f"{name} slots=4\n" for name in self.names))
        agent = self.folder / "agent"
        agent.write_text(AGENT.format(folder=self.folder, tag=self.tag))
        agent.chmod(0o755)

    def start(self, ranks, program, *arguments, recovery=False):
        """A job with this many ranks, spread over the hosts; mpirun runs on node1."""
        enter = ["nsenter", f"--uts={self.folder}/uts.node1", "ip", "netns", "exec", f"{self.tag}node1"]
        launcher = [
            MPIEXEC, "--allow-run-as-root", "--bind-to", "none", "--map-by", "node", "-n", str(ranks), "-x",
            "CREMA_EXIT_FILE", "-x", "CREMA_TEST_START", "--mca", "plm", "rsh", "--mca", "plm_rsh_agent",
            str(self.folder / "agent"), "--hostfile", str(self.folder / "hostfile"), "--mca", "oob_tcp_if_include", "eth0",
            "--mca", "btl", "self,vader,tcp", "--mca", "btl_tcp_if_include", "eth0", "--mca",
            "orte_abort_on_non_zero_status", "0", *KEEPALIVE]
        if recovery:
            launcher.append("--enable-recovery")
        return Job([(1, program, arguments)], prefix=[*enter, *launcher])

    def link(self, number):
        return f"{self.tag}v{number}"

    def cut(self, number):
        """Nothing reaches or leaves this host any more."""
        call("ip", "link", "set", self.link(number), "down")

    def bytes_crossed(self, number):
        """What has passed the link of a host, both ways."""
        folder = pathlib.Path("/sys/class/net") / self.link(number) / "statistics"
        return sum(int((folder / name).read_text()) for name in ("rx_bytes", "tx_bytes"))

    def close(self):
        for number, name in enumerate(self.names, 1):
            space = self.tag + name
            running = subprocess.run(["ip", "netns", "pids", space], capture_output=True, text=True).stdout.split()
            for pid in running:  # of this cluster alone
                subprocess.run(["kill", "-KILL", pid], capture_output=True)
            subprocess.run(["umount", str(self.folder / f"uts.{name}")], capture_output=True)
            subprocess.run(["ip", "netns", "del", space], capture_output=True)
            subprocess.run(["ip", "link", "del", self.link(number)], capture_output=True)
            shutil.rmtree(pathlib.Path("/etc/netns") / space, ignore_errors=True)
        subprocess.run(["ip", "link", "del", f"{self.tag}br"], capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)
