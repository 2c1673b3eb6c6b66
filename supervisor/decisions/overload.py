"""Decides whether an instance that does not answer its clients hangs, or is full of them.

What hangs is healed; what is full stays as it is, for the next instance would be full at once as well. The evidence is
a way in of the supervisor's own (`Admission` of a manifest), and the connections that the daemon has taken in.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from supervisor.values.manifest import Admission
from supervisor.values.state import AddressFrontend, ProbeResult, ResolvedFrontend, ResolvedProbe
from supervisor.values.traffic import Crowd

CALM_SECONDS = 10.0  # so long clients are answered before it is no longer said: a flood lets some through
AGAIN_SECONDS = 1.0  # between two looks at what is full


NOBODY = Crowd()


@dataclass(frozen=True, slots=True)
class Overload:
    """The findings about one instance so far. Times are monotonic seconds; `Overload()` is one that was never full."""

    since: float | None = None  # when it was found full; None: it is not
    answered: float | None = None  # since when it has answered its clients again; None: it does not
    crowd: Crowd = NOBODY
    moved: float = 0.0  # when it was last seen to have taken a connection in
    is_doubted: bool = False  # its own way in did not hold at the last look
    message: str = ""  # what was seen last

    @property
    def is_full(self) -> bool:
        """True while it is to be said: until its clients have been answered for `CALM_SECONDS`."""
        return self.since is not None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was seen of an instance that failed where its clients ask."""

    failure: ProbeResult  # of the probes there
    own: ProbeResult | None  # of those at the way in of the supervisor's own; None: they said nothing
    crowd: Crowd | None  # None: it could not be counted


def after(overload: Overload, admission: Admission, evidence: Evidence, now: float) -> Overload:
    """Return the findings after one more failure where clients ask: full, or as if it had never been (it hangs then).

    An answer that is wrong is no overload, and neither is a port that nobody listens on. A crowd that cannot be counted
    decides nothing. What was found full is doubted first: the machine has much to do, and clients that it had enough of
    all come back at once.
    """
    own, seen = evidence.own, evidence.crowd
    if not evidence.failure.is_silent:
        return Overload()
    is_there, is_crowded = own is not None and own.is_good, seen is None or seen.size >= admission.connections
    if not is_there or not is_crowded:
        return replace(overload, is_doubted=True) if overload.is_full and not overload.is_doubted else Overload()
    crowd = overload.crowd if seen is None else seen
    has_moved = not overload.is_full or seen is None or bool(crowd.taken - overload.crowd.taken)
    moved = now if has_moved else overload.moved
    if admission.patience is not None and now - moved >= admission.patience:
        return Overload()
    since = now if overload.since is None else overload.since
    said = "connections that cannot be counted" if seen is None else f"{crowd.size} open connections"
    return Overload(since, None, crowd, moved, message=f"its clients fill it, with {said}: {evidence.failure.message}")


def answered(overload: Overload, now: float) -> Overload:
    """Return the findings after an answer where clients ask."""
    if overload.since is None:
        return overload
    if overload.answered is None:
        return replace(overload, answered=now)
    return Overload() if now - overload.answered >= CALM_SECONDS else overload


def reachable(probes: Iterable[ResolvedProbe], frontends: Iterable[ResolvedFrontend]) -> str:
    """Return the port of a way in that clients reach too, for a frontend of the same instance leads there; or nothing.

    Only an address of the instance's own is looked at: in the router's namespace a port is another one on each address.
    """
    inside = {str(frontend.inside_port) for frontend in frontends if isinstance(frontend, AddressFrontend)}
    ports = (probe.argument("port") for probe in probes)
    return next((port for port in ports if port is not None and port in inside), "")
