"""Protocols for what the loop needs of daemons: probes, counters, sessions, calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from supervisor.values.manifest import ErrorCounter
from supervisor.values.state import (
    ProbeResult,
    ProbeTarget,
    Reading,
    ResolvedProbe,
)
from supervisor.values.undertaking import Sighting


@runtime_checkable
class Session(Protocol):
    """A connection to a daemon that it answers although it takes no new one."""

    def read(self) -> str:
        """Return the answer to the question that it was opened for. ProbeError."""

    def close(self) -> None:
        """May be repeated."""


class Prober(Protocol):
    def ask(self, probe: ResolvedProbe, target: ProbeTarget) -> ProbeResult:
        """Carry out one probe; a probe that fails is a result, not an error. ProbeError when it cannot be asked."""

    def look(self, probe: ResolvedProbe, target: ProbeTarget) -> Sighting:
        """Look whether an undertaking is up. ProbeError when the daemon could not be asked: nothing was learnt."""

    def call(self, call: ResolvedProbe, target: ProbeTarget, missing: Sequence[str], ended: Sequence[str]) -> None:
        """Make the daemon bring `missing` about, and give up the attempts `ended` first; it is not waited for.

        To call for what is up already would double it. ProbeError when the daemon refused or could not be asked.
        """

    def tally(self, source: ResolvedProbe, counter: ErrorCounter, target: ProbeTarget) -> Reading:
        """Read what a daemon, or the kernel of it, has counted so far. ProbeError, NetworkError: unreadable."""

    def read(self, source: ResolvedProbe, target: ProbeTarget) -> str:
        """Return the whole answer of a daemon. ProbeError."""

    def session(self, source: ResolvedProbe, opening: Sequence[str], prompt: str, target: ProbeTarget) -> Session:
        """Open a session with the lines of `opening`; each answer ends with `prompt`. ProbeError."""

    def tell(self, source: ResolvedProbe, lines: Sequence[str], target: ProbeTarget) -> tuple[str, ...]:
        """Send lines to the socket of `source`, one after the other; return answers that are not empty. ProbeError.

        Equal lines may be sent again.
        """

    def replay(self, source: ResolvedProbe, granted: bytes, known: bytes, target: ProbeTarget) -> int:
        """Ask a daemon for what another has granted and it does not know; return how much. ProbeError: what is left."""
