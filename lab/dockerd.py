"""A Docker daemon of the lab's own, where no init system runs one: private folders, socket and control group.

It keeps out of the network (no bridge, no rules) and runs in the router's namespace, as the daemon of a real router
does: containers of router-mode services join the namespace of their daemon. containerd is a process beside it, as the
Debian packages have it, so that the death of the one is not the death of the other.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.processes import Processes, Record, end, started_at
from lab.tools import LabError

PROGRAM, CONTAINERD = "dockerd", "containerd"
READY_SECONDS = 30.0
CGROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Dockerd:
    """A Docker daemon: `data` is on a disk; `run` is below /run and short: socket paths end at 107 bytes."""

    data: Path
    run: Path
    namespace: str | None = None
    live_restore: bool = False

    @property
    def socket(self) -> Path:
        return self.run / "docker.sock"

    @property
    def containerd_socket(self) -> Path:
        return self.run / "exec" / "containerd.sock"

    @property
    def processes(self) -> Processes:
        return Processes(self.run / "processes")

    @property
    def cgroup(self) -> str:
        return self.run.name

    def exists(self) -> bool:
        """True if it was ever started, and not stopped since."""
        return self.run.is_dir()

    def start(self) -> Record:
        """Start the daemon unless it runs; return when it answers."""
        (self.run / "exec").mkdir(mode=0o700, parents=True, exist_ok=True)
        self.data.mkdir(mode=0o710, parents=True, exist_ok=True)
        settings = self.run / "daemon.json"  # in place of the machine's own
        settings.write_text("{}\n")
        record = self.processes.find(PROGRAM)
        self._start_containerd()
        if record is None or not record.is_alive:
            (self.run / "pid").unlink(missing_ok=True)
            record = self.processes.start(PROGRAM, self._command(settings), namespace=self.namespace)
        self._await_answer(record)
        return record

    def _start_containerd(self) -> None:
        settings = self.run / "containerd.toml"
        settings.write_text(
            "version = 2\n"
            f'root = "{self.data / "containerd"}"\n'
            f'state = "{self.run / "exec" / "containerd"}"\n'
            'disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]\n'
            f'[grpc]\naddress = "{self.containerd_socket}"\n'
        )
        record = self.processes.find(CONTAINERD)
        if record is None or not record.is_alive:
            self.containerd_socket.unlink(missing_ok=True)
            record = self.processes.start(CONTAINERD, [CONTAINERD, f"--config={settings}"], namespace=self.namespace)
        limit = time.monotonic() + READY_SECONDS
        while not self.containerd_socket.exists() and record.is_alive and time.monotonic() < limit:
            time.sleep(0.02)
        if not self.containerd_socket.exists():
            raise LabError(f"cannot start {CONTAINERD}: see {self.processes.log(CONTAINERD)}")

    def kill(self) -> None:
        """Kill the daemon, as a crash would: containers are not told to end."""
        record = self.processes.find(PROGRAM)
        if record is not None:
            _kill(record)

    def stop(self) -> None:
        """End the daemon and everything below it, and remove its folders."""
        if not self.exists() and not self.data.exists():
            return
        for shim in self._shims():
            for child in _children(shim.pid):  # first: the daemon gives each container ten seconds
                _kill(child)
        self.processes.stop(PROGRAM, patience=15.0)
        self.processes.stop(CONTAINERD, patience=5.0)
        for left in (*self._shims(), *self._processes_naming(self.run / "exec")):
            for child in _children(left.pid):
                _kill(child)
            _kill(left)
        self._unmount()
        self._remove_cgroups()
        shutil.rmtree(self.data, ignore_errors=True)
        shutil.rmtree(self.run, ignore_errors=True)

    # ------------------------------------------------------------ inside

    def _command(self, settings: Path) -> list[str]:
        return [
            PROGRAM,
            f"--config-file={settings}",
            f"--host=unix://{self.socket}",
            f"--data-root={self.data}",
            f"--exec-root={self.run / 'exec'}",
            f"--containerd={self.containerd_socket}",
            f"--pidfile={self.run / 'pid'}",
            f"--cgroup-parent=/{self.cgroup}",
            "--exec-opt=native.cgroupdriver=cgroupfs",
            "--bridge=none",
            "--iptables=false",
            "--ip6tables=false",
            "--ip-masq=false",
            "--ip-forward=false",
            "--userland-proxy=false",
            f"--live-restore={'true' if self.live_restore else 'false'}",
        ]

    def _await_answer(self, record: Record) -> None:
        limit = time.monotonic() + READY_SECONDS
        while time.monotonic() < limit:
            if _answers(self.socket):
                return
            if not record.is_alive:
                break
            time.sleep(0.05)
        log = self.processes.log(PROGRAM)
        words = log.read_text(errors="replace").strip().splitlines()[-3:] if log.exists() else []
        raise LabError(
            f"cannot start {PROGRAM}: no answer on {self.socket}: {' / '.join(words) or 'it printed nothing'}"
        )

    def _shims(self) -> list[Record]:
        """Return the monitors of its containers, which outlive the daemon."""
        return [record for record in self._processes_naming(self.run / "exec") if record.name == "containerd-shim"]

    def _processes_naming(self, path: Path) -> list[Record]:
        """Return every process started with a path below `path` on its command line."""
        records = []
        for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
            with contextlib.suppress(OSError):
                words = Path(f"/proc/{pid}/cmdline").read_bytes()
                started = started_at(pid)
                if os.fsencode(f"{path}/") in words and started is not None and pid != os.getpid():
                    program = Path(os.fsdecode(words.split(b"\0")[0])).name
                    name = "containerd-shim" if program.startswith("containerd-shim") else program
                    records.append(Record(name, pid, started))
        return records

    def _unmount(self) -> None:
        mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        ours = [
            mount for mount in mounts if mount.startswith((f"{self.data}/", f"{self.run}/")) or mount == str(self.data)
        ]
        for mount in sorted(ours, reverse=True):
            subprocess.run(["umount", mount], capture_output=True, check=False, timeout=10)

    def _remove_cgroups(self) -> None:
        for tree in {*CGROUPS.glob(f"*/{self.cgroup}"), *CGROUPS.glob(self.cgroup)}:
            for folder, _, _ in os.walk(tree, topdown=False):
                _remove_cgroup(Path(folder))


def _remove_cgroup(folder: Path) -> None:
    """Remove the control group, which the kernel takes a moment to empty."""
    for _ in range(50):
        try:
            folder.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.02)
        else:
            return


def _children(pid: int) -> Iterator[Record]:
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            for child in map(int, Path(f"/proc/{pid}/task/{thread}/children").read_text().split()):
                if (started := started_at(child)) is not None:
                    yield Record("container", child, started)


def _kill(record: Record) -> None:
    with contextlib.suppress(ProcessLookupError):
        handle = os.pidfd_open(record.pid)
        try:
            if record.is_alive:
                signal.pidfd_send_signal(handle, signal.SIGKILL)
        finally:
            os.close(handle)
    end(record, 0.0)


def _answers(path: Path) -> bool:
    class Connection(http.client.HTTPConnection):
        def connect(self) -> None:
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(3.0)
            self.sock.connect(str(path))

    connection = Connection("docker")
    try:
        connection.request("GET", "/_ping")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
