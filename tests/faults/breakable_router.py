"""A router whose machine can be made to fail: it has a small disk of its own, and an `nft` that can refuse."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab import network, session
from lab.backends import python_path
from lab.processes import started_at
from lab.router import PROGRAM, ROOT
from lab.tools import run
from lab.topology import Lab
from tests.faults.router_under_test import InstrumentedRouter, RouterUnderTest

PREFIX = "vrd"
DISK_BYTES = 1 << 30  # sparse: what five services of two releases need, their state, and the engine's reserve
REFUSAL = "netlink: Error: cache initialization failed: Operation not permitted"
NFT = """\
#!/bin/sh
if [ -e {mark} ]; then
    echo '{refusal}' >&2
    exit 1
fi
exec {nft} "$@"
"""


@dataclass(frozen=True, slots=True)
class BreakableRouter(InstrumentedRouter):
    """The lab's router with a file system of its own for the state, and a wrapper around `nft`."""

    @property
    def disk(self) -> Path:
        """The image of the file system that holds the state folder."""
        return self.state.with_name(f"{self.lab.prefix}.img")

    @property
    def tools(self) -> Path:
        """The folder of programs that are found before the machine's own."""
        return network.folder(self.lab) / "tools"

    @property
    def refusing(self) -> Path:
        """The file whose presence makes `nft` refuse every request of the supervisor."""
        return self.tools / "nft.refuses"

    def start(self, **overrides: object) -> None:
        self._write_settings(overrides)
        argv = [sys.executable, "-m", "tests.faults.daemon", str(self.settings)]
        path = {"PATH": f"{self.tools}:{os.environ['PATH']}"}
        self.processes.start(PROGRAM, argv, namespace=self.lab.router, env={**python_path(), **path})

    def build(self) -> None:
        """Make and mount the disk, and write the wrapper."""
        self.state.mkdir(parents=True)
        with self.disk.open("wb") as image:
            image.truncate(DISK_BYTES)
        run(["mkfs.ext4", "-q", "-m", "0", str(self.disk)])
        run(["mount", "-o", "loop", str(self.disk), str(self.state)])
        self.tools.mkdir(parents=True)
        wrapper = self.tools / "nft"
        wrapper.write_text(NFT.format(mark=self.refusing, refusal=REFUSAL, nft=shutil.which("nft")), encoding="utf-8")
        wrapper.chmod(0o755)

    def demolish(self) -> None:
        """Unmount and remove the disk; may be repeated."""
        if os.path.ismount(self.state):
            run(["umount", "--lazy", str(self.state)])
        with contextlib.suppress(FileNotFoundError):
            self.state.rmdir()
        self.disk.unlink(missing_ok=True)


@contextlib.contextmanager
def breakable_router(**overrides: object) -> Iterator[RouterUnderTest]:
    """Bring a lab with such a router up; remove every trace of it whatever happens."""
    for left in _left_behind():
        BreakableRouter(Lab(left)).demolish()
    router = BreakableRouter(Lab(f"{PREFIX}-{os.getpid()}"))
    try:
        router.build()
        session.bring_up(router, "cloudstack", say=lambda _: None, **overrides)
        yield RouterUnderTest(router)
    finally:
        try:
            router.stop()
        finally:
            network.down(router.lab)
            router.demolish()


def _left_behind() -> tuple[str, ...]:
    """Return the labs of test runs that were killed: their disks are still there."""
    disks = (re.fullmatch(rf"({PREFIX}-(\d+))\.img", path.name) for path in (ROOT / "build" / "lab").glob("*.img"))
    return tuple(disk[1] for disk in disks if disk and started_at(int(disk[2])) is None)
