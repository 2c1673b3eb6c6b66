"""Records every change of where the kernel sends new work, as nft's own monitor prints it: not the supervisor."""

from __future__ import annotations

import re
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from lab.tools import inside, run_inside
from lab.topology import Lab

# The maps that lead clients to an instance; what lets answers out, or is the router's own, is not among them.
FORWARD = ("front", "udp_in", "tcp_in")
_EVENT = re.compile(rf"(add|delete) element inet vr_supervisor ({'|'.join(FORWARD)}) \{{ (.+) : (.+) \}}")


_ECHO = """
add table inet vrfb_echo
add set inet vrfb_echo echo { type inet_service; }
add element inet vrfb_echo echo { 1 }
"""


@dataclass(frozen=True, slots=True)
class Change:
    """One element that was added to or deleted from a map of traffic."""

    time: float  # since the epoch
    what: str
    map: str
    key: str
    leads_to: str


@dataclass
class TrafficMonitor:
    """The changes so far, oldest first."""

    changes: list[Change] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)

    @property
    def cut(self) -> float | None:
        """The time when traffic was moved first, since the epoch; None if it was not."""
        return next((change.time for change in self.changes if change.what == "add"), None)

    @property
    def last(self) -> float | None:
        return self.changes[-1].time if self.changes else None

    @property
    def is_as_before(self) -> bool:
        """True if everything that was moved leads again to where it led first."""
        first: dict[tuple[str, str], str] = {}
        now: dict[tuple[str, str], str | None] = {}
        for change in self.changes:
            if change.what == "delete":
                first.setdefault((change.map, change.key), change.leads_to)
            now[change.map, change.key] = change.leads_to if change.what == "add" else None
        return now == first

    def record(self, line: str) -> None:
        event = _EVENT.search(line)
        if event:
            self.changes.append(Change(time.time(), event[1], event[2], event[3], event[4]))


@contextmanager
def monitored(lab: Lab) -> Iterator[TrafficMonitor]:
    """Monitor the router's traffic maps: every change between the start and the end of the context is recorded."""
    watch = TrafficMonitor()
    argv = inside(lab.router, ["stdbuf", "-oL", "nft", "monitor", "elements"])
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as monitor:
        assert monitor.stdout
        reader = threading.Thread(target=_read, args=(monitor, watch), daemon=True)
        reader.start()
        try:
            _await_echo(lab, watch)
            yield watch
            _await_echo(lab, watch)
        finally:
            monitor.terminate()
            reader.join(5.0)


def _read(monitor: subprocess.Popen[str], watch: TrafficMonitor) -> None:
    assert monitor.stdout
    for line in monitor.stdout:
        if "vrfb_echo" in line:
            watch._ended.set()
        watch.record(line)


def _await_echo(lab: Lab, watch: TrafficMonitor) -> None:
    """Make a change of our own and wait until the monitor prints it: it prints all changes in order."""
    watch._ended.clear()
    deadline = time.monotonic() + 5.0
    while not watch._ended.wait(0.1):
        assert time.monotonic() < deadline, "nft monitor prints nothing"
        run_inside(lab.router, ["nft", "-f", "-"], stdin=_ECHO)
        run_inside(lab.router, ["nft", "delete", "table", "inet", "vrfb_echo"])
