"""The daemons as the loop uses them: probes, undertakings, counters, sessions and lines.

A `source`, `probe` or `call` names a daemon's interface and the arguments for it; its `timeout` (seconds) bounds the
call. Only what the arguments name is sent. Every method may be called from any thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from supervisor.values.manifest import ErrorCounter
from supervisor.values.state import ProbeResult, ProbeTarget, ResolvedProbe
from supervisor.values.tally import Reading
from supervisor.values.undertaking import Sighting


@runtime_checkable
class Session(Protocol):
    """An open connection to a daemon's control socket, which is answered even when new ones are refused."""

    def read(self) -> str:
        """Send the session's question and return the answer without its prompt; may be repeated until `close`.

        Raises ProbeError: when no whole answer came in time.
        """

    def close(self) -> None:
        """Close the connection; may be repeated."""


class Prober(Protocol):
    """Asks daemons, and changes what they were asked to change.

    Raises ProbeError: when the daemon could not be asked or its answer cannot be used; nothing was learnt then.
    """

    def ask(self, probe: ResolvedProbe, target: ProbeTarget) -> ProbeResult:
        """Carry out one probe; may be repeated. A probe that fails is a result, not an error.

        Raises ProbeError: when the probe is of an unknown kind or its arguments are wrong.
        """

    def look(self, probe: ResolvedProbe, target: ProbeTarget) -> Sighting:
        """Return whether an undertaking is up, and which parts are missing; may be repeated."""

    def call(self, call: ResolvedProbe, target: ProbeTarget, missing: Sequence[str], ended: Sequence[str]) -> None:
        """Make the daemon end the attempts `ended` and begin `missing`; returns before they are up.

        Name only parts that are not up: to call for one that is would double it.
        Raises ProbeError: when the daemon refused, too.
        """

    def tally(self, source: ResolvedProbe, counter: ErrorCounter, target: ProbeTarget) -> Reading:
        """Return what the daemon, or the kernel for it, has counted since it started; may be repeated.

        Raises NetworkError: when the kernel's counters cannot be read.
        """

    def read(self, source: ResolvedProbe, target: ProbeTarget) -> str:
        """Return the daemon's whole answer to `source`; may be repeated."""

    def session(self, source: ResolvedProbe, opening: Sequence[str], prompt: str, target: ProbeTarget) -> Session:
        """Open a session, send the lines of `opening` and wait for `prompt` after each; the caller closes it."""

    def send(self, source: ResolvedProbe, lines: Sequence[str], target: ProbeTarget) -> tuple[str, ...]:
        """Send lines to the socket of `source`, one after the other; return the answers that are not empty.

        Equal lines may be sent again, also those that were accepted before an error.
        """

    def replay(self, source: ResolvedProbe, granted: bytes, known: bytes, target: ProbeTarget) -> int:
        """Request from a daemon the leases in `granted` that are not in `known`; return how many it granted.

        May be repeated: a daemon grants a lease that it has granted already.
        Raises ProbeError: when some were not granted, with their number.
        """
