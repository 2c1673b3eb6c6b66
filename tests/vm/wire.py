"""Listens on the public wire, outside both gateways: what passes between them is what an eavesdropper would see."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.tools import LabError, inside, run
from lab.topology import GUEST_NETWORK, PEER_NETWORK, Lab

PLUG = "router-eth2"
CLEAR = f"net {PEER_NETWORK} or net {GUEST_NETWORK}"
# On the port of NAT traversal the first four bytes say which it is: zeros for key exchange, else ESP.
ENCRYPTED = "esp or (udp port 4500 and udp[8:4] != 0)"
KEY_EXCHANGE = "udp port 500 or (udp port 4500 and udp[8:4] = 0)"


@dataclass(frozen=True, slots=True)
class Wire:
    """Packets on the wire by kind."""

    clear: int
    encrypted: int
    in_udp: int
    key_exchange: int


@contextlib.contextmanager
def watched(lab: Lab) -> Iterator[Callable[[], Wire]]:
    """Record the wire until the end of the block; the function gives the counts then."""
    with tempfile.TemporaryDirectory() as name:
        record, said = Path(name) / "wire", Path(name) / "said"
        command = ["tcpdump", "-i", PLUG, "-n", "-U", "-s", "128", "-B", "16384", "-Z", "root", "-w", str(record)]
        words = inside(lab.wire, [*command, f"({CLEAR}) or esp or udp port 4500 or udp port 500"])
        with said.open("w") as heard:
            watcher = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=heard)
        counted: list[Wire] = []
        try:
            _await(lambda: "listening on" in said.read_text(), f"cannot watch {PLUG}")
            yield lambda: counted[0]
            watcher.send_signal(signal.SIGINT)
            watcher.wait(10)
            if "\n0 packets dropped by kernel" not in (told := said.read_text()):
                raise LabError(f"cannot watch {PLUG}: some packets went by unseen: {told}")
            filters = (CLEAR, ENCRYPTED, "udp port 4500 and udp[8:4] != 0", KEY_EXCHANGE)
            counted.append(Wire(*(_count(record, one) for one in filters)))
        finally:
            if watcher.poll() is None:
                watcher.kill()
                watcher.wait()


def _count(record: Path, only: str) -> int:
    return len(run(["tcpdump", "-n", "-t", "-q", "-r", str(record), only]).splitlines())


def _await(holds: Callable[[], bool], error: str, seconds: float = 10.0) -> None:
    limit = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > limit:
            raise LabError(f"{error} after {seconds:g} s")
        time.sleep(0.02)
