"""Sees every change of where the kernel sends new work, as nft's own monitor tells it: not the supervisor."""

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
    time: float  # since the epoch
    what: str
    map: str
    key: str
    leads_to: str


@dataclass
class Watch:
    changes: list[Change] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)

    @property
    def cut(self) -> float | None:
        """When traffic was moved first."""
        return next((change.time for change in self.changes if change.what == "add"), None)

    @property
    def last(self) -> float | None:
        return self.changes[-1].time if self.changes else None

    @property
    def is_as_before(self) -> bool:
        """Does everything that was moved lead again to where it led first?"""
        first: dict[tuple[str, str], str] = {}
        now: dict[tuple[str, str], str | None] = {}
        for change in self.changes:
            if change.what == "delete":
                first.setdefault((change.map, change.key), change.leads_to)
            now[change.map, change.key] = change.leads_to if change.what == "add" else None
        return now == first

    def hear(self, line: str) -> None:
        found = _EVENT.search(line)
        if found:
            self.changes.append(Change(time.time(), *(found[number] for number in (1, 2, 3, 4))))


@contextmanager
def watching(lab: Lab) -> Iterator[Watch]:
    """From the first line on nothing is missed; at the end all that happened has been heard."""
    watch = Watch()
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


def _read(monitor: subprocess.Popen[str], watch: Watch) -> None:
    assert monitor.stdout
    for line in monitor.stdout:
        if "vrfb_echo" in line:
            watch._ended.set()
        watch.hear(line)


def _await_echo(lab: Lab, watch: Watch) -> None:
    """The monitor says in order what happens: once it says this, it has said what came before."""
    watch._ended.clear()
    deadline = time.monotonic() + 5.0
    while not watch._ended.wait(0.1):
        assert time.monotonic() < deadline, "nft monitor tells nothing"
        run_inside(lab.router, ["nft", "-f", "-"], stdin=_ECHO)
        run_inside(lab.router, ["nft", "delete", "table", "inet", "vrfb_echo"])
