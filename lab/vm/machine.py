"""Boots the machine, runs one command in it, and gives its exit status back. Nothing outlives the caller.

The machine's root is this machine's own, shared read-only (virtiofs): what is installed here is installed there, and
what is written there is gone with it. Processors are emulated: no hardware support is asked for.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.router import ROOT
from lab.tools import LabError
from lab.vm import archive, kernel

SHARER = "/usr/lib/qemu/virtiofsd"
EMULATOR = "qemu-system-x86_64"
MODULES = ("virtio_pci", "virtiofs", "overlay")
SOURCES = Path(__file__).parent
START_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Machine:
    """How large the machine is and how long its command may take."""

    memory: str = "4G"  # the emulator takes what the machine touches, not all of it
    deadline: float = 2400.0

    def run(self, command: Sequence[str]) -> int:
        """Boot, run the command in the project's folder with the console on our output, switch off."""
        unpacked = kernel.ensure()
        first = kernel.FOLDER / "first.cpio.gz"
        archive.write(first, (SOURCES / "init").read_text(), unpacked.files_of(MODULES))
        with tempfile.TemporaryDirectory(prefix="lab-vm-") as name:
            folder = Path(name)
            status_file = folder / "status"
            with _shared_root(folder / "root.sock") as socket:
                options = self._options(socket, unpacked, first, status_file, command)
                _wait(_start(EMULATOR, *options), self.deadline)
            status = status_file.read_text().strip() if status_file.exists() else ""
        if not status.isdigit():
            raise LabError(f"cannot finish {' '.join(command)}: the machine ended before it did")
        return int(status)

    def _options(
        self, socket: Path, unpacked: kernel.Kernel, first: Path, status_file: Path, command: Sequence[str]
    ) -> tuple[str, ...]:
        words = (str(SOURCES / "boot"), str(ROOT), unpacked.release, *command)
        if any(set(word) & set(' "') for word in words):
            raise LabError("cannot start the machine: the kernel's command line takes no blanks or quotes in a word")
        quiet = "console=ttyS0 quiet loglevel=3 panic=-1 mitigations=off random.trust_cpu=on"
        return (
            # One nanosecond for each instruction: the machine's clock does not know how busy ours is, so deadlines hold
            # and losses are the same on every computer. While the machine idles its clock follows ours.
            *("-accel", "tcg,thread=single", "-icount", "shift=0,sleep=on", "-cpu", "Westmere", "-smp", "1"),
            *("-machine", "q35", "-m", self.memory, "-nodefaults", "-no-user-config", "-no-reboot"),
            *("-object", f"memory-backend-memfd,id=memory,size={self.memory},share=on"),
            *("-numa", "node,memdev=memory"),  # the sharer reads requests straight from the machine's memory
            *("-chardev", f"socket,id=root,path={socket}", "-device", "vhost-user-fs-pci,chardev=root,tag=root"),
            *("-display", "none", "-nic", "none", "-serial", "stdio", "-serial", f"file:{status_file}"),
            *("-kernel", str(unpacked.image), "-initrd", str(first)),
            *("-append", f"{quiet} -- {' '.join(words)}"),
        )


@contextlib.contextmanager
def _shared_root(socket: Path) -> Iterator[Path]:
    options = ("source=/", "cache=always", "sandbox=chroot", "log_level=err")
    flags = (flag for option in options for flag in ("-o", option))
    sharer = _start(SHARER, "-f", f"--socket-path={socket}", "--rlimit-nofile=0", *flags)
    try:
        limit = time.monotonic() + START_SECONDS
        while not socket.exists():
            if sharer.poll() is not None or time.monotonic() > limit:
                raise LabError(f"cannot share the root: {SHARER} does not start")
            time.sleep(0.02)
        yield socket
    finally:
        _end(sharer)


def _start(*command: str) -> subprocess.Popen[bytes]:
    """Start a process that the kernel kills with us, however we end."""
    try:
        return subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "--", *command], stdin=subprocess.DEVNULL)
    except FileNotFoundError as error:
        raise LabError("cannot start the machine: setpriv is not installed") from error


def _wait(emulator: subprocess.Popen[bytes], deadline: float) -> None:
    try:
        emulator.wait(deadline)
    except subprocess.TimeoutExpired as error:
        raise LabError(f"cannot finish in the machine: no end after {deadline:g} s") from error
    finally:
        _end(emulator)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
    process.wait()


def main(command: Sequence[str]) -> int:
    # A polite end is an exception too, so that the folder of this run goes.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if os.geteuid() != 0:
        raise LabError("cannot start the machine: it shares root's files, so this needs root")
    return Machine().run(command)
