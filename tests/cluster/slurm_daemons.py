"""A whole Slurm on this machine: controller, node daemon, munge, on loopback; its GPUs are copies of /dev/null.

It needs root and Debian's slurm-wlm and munge. The node claims more cores and memory than the machine may have, so
that jobs run beside each other. There is no accounting database, as on many small clusters.
"""

import contextlib
import fcntl
import os
import shutil
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import patience

# srun finds it nowhere else: the executor strips SLURM_CONF from the environment of a job.
CONFIG = Path("/etc/slurm")
MARK = "# A test cluster of advtransfer, removed when its tests end: "
LOCK = Path(tempfile.gettempdir()) / "advtransfer-test-slurm.lock"
PROGRAMS = ("munged", "munge", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "setpriv")
GPUS = 2
PREFIX = "advtransfer-slurm-"

SLURM_CONF = """{mark}{folder}
ClusterName=test
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={controller_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
MpiDefault=none
MailProg=/bin/true
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
ReturnToService=2
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmdSpoolDir={folder}/spool
StateSaveLocation={folder}/state
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=0
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
KillWait=2
MinJobAge=3600
GresTypes=gpu
SlurmdParameters=config_overrides
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
NodeName=node NodeHostname={host} NodeAddr=127.0.0.1 Port={node_port} CPUs=8 Boards=1 SocketsPerBoard=1 \
CoresPerSocket=8 ThreadsPerCore=1 RealMemory=16000 Gres=gpu:a100:{gpus} State=UNKNOWN
PartitionName=cpu Nodes=node Default=YES MaxTime=UNLIMITED State=UP
PartitionName=gpu Nodes=node MaxTime=UNLIMITED State=UP
"""
CGROUP_CONF = "CgroupPlugin={plugin}\nConstrainCores=no\nConstrainRAMSpace=no\nConstrainDevices=no\n"


class CannotStart(Exception):
    """The daemons are installed and do not run on this machine; the message has their words."""


def why_not() -> str:
    """Why no cluster can be started here, in one line; empty if it can."""
    if os.getuid() != 0:
        return "a Slurm of its own needs root"
    if missing := [name for name in PROGRAMS if shutil.which(name, path=_path()) is None]:
        return f"not installed: {', '.join(missing)} (Debian: apt-get install slurm-wlm munge)"
    config = CONFIG / "slurm.conf"
    if config.exists() and not config.read_text().startswith(MARK):
        return f"{config} belongs to another cluster"
    return ""


@contextlib.contextmanager
def cluster() -> Iterator["Slurm | None"]:
    """A running cluster, of which nothing is left at the end; None if another test run keeps its own for long."""
    with contextlib.ExitStack() as stack:
        lock = stack.enter_context(LOCK.open("w"))
        if not _locked(lock):
            yield None
            return
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=PREFIX, dir="/tmp")))
        slurm = Slurm(folder)
        stack.callback(slurm.stop)
        slurm.start()
        yield slurm


def _locked(lock: IO[str]) -> bool:
    """Whether this process has the lock, after a wait for whoever had it first."""
    end = time.monotonic() + patience.limit(360)  # all that the other run's tests take
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() > end:
                return False
            time.sleep(1)


@dataclass
class Slurm:
    """The daemons, and what the tests ask of them."""

    folder: Path
    _daemons: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self) -> None:
        """Configure, start, and wait until the node takes jobs."""
        for name in ("spool", "state"):
            (self.folder / name).mkdir()
        self._configure()
        munge = self.folder / "munge"
        self._daemon(
            "munged", "--foreground", "--force", f"--socket={self.folder}/munge.socket",
            f"--key-file={munge}.key", f"--pid-file={munge}.pid", f"--log-file={munge}.log",
            f"--seed-file={munge}.seed",
        )  # fmt: skip
        self._wait("munged", "munge", f"--socket={self.folder}/munge.socket", "--no-input")
        self._daemon("slurmctld", "-D")
        self._daemon("slurmd", "-D", "-N", "node")
        self._wait("the node", "sh", "-c", "sinfo --noheader --states=idle | grep -q node")

    def stop(self) -> None:
        """End the jobs, then the daemons; remove the configuration."""
        self._end_jobs()
        for daemon in reversed(self._daemons):
            daemon.terminate()
            try:
                daemon.wait(timeout=patience.limit(1))
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        for name in ("slurm.conf", "gres.conf", "cgroup.conf"):
            (CONFIG / name).unlink(missing_ok=True)

    def jobs(self) -> dict[str, dict[str, str]]:
        """Job id -> what `scontrol show job` tells of each job that ever ran here."""
        said = self.call("scontrol", "--details", "--oneliner", "show", "job")
        jobs = (
            dict(word.split("=", 1) for word in line.split() if "=" in word)
            for line in said.splitlines()
            if line.startswith("JobId=")
        )
        return {job["JobId"]: job for job in jobs}

    def call(self, *command: str) -> str:
        """What a command of Slurm prints; it must succeed."""
        done = subprocess.run(
            command,
            env=_environment(),
            capture_output=True,
            text=True,
            timeout=patience.limit(1),
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def _configure(self) -> None:
        """The files of /etc/slurm and munge's key, and the nodes that stand for GPUs."""
        ports = _free_ports(2)
        CONFIG.mkdir(exist_ok=True)
        _remove_leftover()
        gpus = [self.folder / f"gpu{number}" for number in range(GPUS)]
        for gpu in gpus:
            os.mknod(gpu, stat.S_IFCHR | 0o666, os.makedev(1, 3))
        config = SLURM_CONF.format(
            mark=MARK, folder=self.folder, host=socket.gethostname().split(".")[0], gpus=GPUS,
            controller_port=ports[0], node_port=ports[1],
        )  # fmt: skip
        (CONFIG / "slurm.conf").write_text(config)
        (CONFIG / "gres.conf").write_text(
            "".join(f"NodeName=node Name=gpu Type=a100 File={gpu}\n" for gpu in gpus)
        )
        # Without a plugin slurmd refuses to start in a container; Slurm learnt to do without one in 23.11.
        old = int(self.call("slurmctld", "-V").split()[1].split(".")[0]) < 23
        plugin = "cgroup/v1\nCgroupAutomount=no" if old else "disabled"
        (CONFIG / "cgroup.conf").write_text(CGROUP_CONF.format(plugin=plugin))
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)

    def _daemon(self, *command: str) -> None:
        """Start a daemon that ends with this process, however that ends."""
        with (self.folder / f"{command[0]}.out").open("wb") as log:
            self._daemons.append(
                subprocess.Popen(
                    ["setpriv", "--pdeathsig", "KILL", *command],
                    env=_environment(),
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    cwd=self.folder,
                )
            )

    def _wait(self, what: str, *command: str) -> None:
        end = time.monotonic() + patience.limit(10)
        while subprocess.run(command, env=_environment(), capture_output=True, check=False).returncode:
            if time.monotonic() > end or any(daemon.poll() is not None for daemon in self._daemons):
                logs = "\n".join(path.read_text()[-2000:] for path in sorted(self.folder.glob("*.out")))
                raise CannotStart(f"{what} did not start:\n{logs}")
            time.sleep(0.1)

    def _end_jobs(self) -> None:
        """Killed daemons would leave the jobs at work."""
        if len(self._daemons) < 3:
            return
        with contextlib.suppress(AssertionError, subprocess.TimeoutExpired):
            self.call("scancel", "--user", "root")
            end = time.monotonic() + patience.limit(2)
            while self.call("squeue", "--noheader") and time.monotonic() < end:
                time.sleep(0.2)


def _remove_leftover() -> None:
    """The folder of a cluster whose tests were killed; its daemons ended with them."""
    config = CONFIG / "slurm.conf"
    if config.exists():
        folder = Path(config.read_text().splitlines()[0].removeprefix(MARK))
        if folder.name.startswith(PREFIX):
            shutil.rmtree(folder, ignore_errors=True)


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM", "SBATCH"))}
    return kept | {"PATH": _path()}


def _path() -> str:
    """Debian keeps daemons in sbin, which not every shell of root knows."""
    return f"{os.environ['PATH']}:/usr/sbin:/sbin"


def _free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on now; held open together, so that they differ."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
