"""A router whose machine can be made to fail: a disk of its own, small and breakable, and an `nft` that can refuse."""

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
from tests.faults.subject import FaultyRouter, Subject

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
class FrailRouter(FaultyRouter):
    @property
    def disk(self) -> Path:
        """The image of the file system that holds the state folder."""
        return self.state.with_name(f"{self.lab.prefix}.img")

    @property
    def tools(self) -> Path:
        """Found before the machine's own programs."""
        return network.folder(self.lab) / "tools"

    @property
    def refusing(self) -> Path:
        """While this file is there, `nft` refuses whatever the supervisor asks."""
        return self.tools / "nft.refuses"

    def start(self, **overrides: object) -> None:
        self._write_settings(overrides)
        argv = [sys.executable, "-m", "tests.faults.daemon", str(self.settings)]
        path = {"PATH": f"{self.tools}:{os.environ['PATH']}"}
        self.processes.start(PROGRAM, argv, namespace=self.lab.router, env={**python_path(), **path})

    def build(self) -> None:
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
        if os.path.ismount(self.state):
            run(["umount", "--lazy", str(self.state)])
        with contextlib.suppress(FileNotFoundError):
            self.state.rmdir()
        self.disk.unlink(missing_ok=True)


@contextlib.contextmanager
def frail(**overrides: object) -> Iterator[Subject]:
    """Bring such a lab up; remove every trace of it whatever happens."""
    for left in _left_behind():
        FrailRouter(Lab(left)).demolish()
    router = FrailRouter(Lab(f"{PREFIX}-{os.getpid()}"))
    try:
        router.build()
        session.bring_up(router, "cloudstack", say=lambda _: None, **overrides)
        yield Subject(router)
    finally:
        try:
            router.stop()
        finally:
            network.down(router.lab)
            router.demolish()


def _left_behind() -> tuple[str, ...]:
    """Disks of test runs that were killed."""
    found = (re.fullmatch(rf"({PREFIX}-(\d+))\.img", path.name) for path in (ROOT / "build" / "lab").glob("*.img"))
    return tuple(one[1] for one in found if one and started_at(int(one[2])) is None)
