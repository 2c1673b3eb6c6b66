"""How a service stands after what was tried last: what is said of it, and what is not tried again for a while."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, replace

from supervisor.decisions.handover import is_interrupted, verdict
from supervisor.loop.generations.instances import version_of
from supervisor.loop.handover.run import HandoverRun
from supervisor.loop.world import World
from supervisor.values.handover import Kind
from supervisor.values.names import ServiceName
from supervisor.values.release import Version
from supervisor.values.router import RouterConfig
from supervisor.values.state import Instance

log = logging.getLogger(__name__)

RETRY_SECONDS = 300.0
NOTHING_SERVES_RETRY_SECONDS = 5.0
NO_SPACE_RETRY_SECONDS = 5.0  # there may be some at any time, and then it is applied


@dataclass(frozen=True, slots=True)
class Refusal:
    """A desired state that failed; it is not tried again until it changes or some time has passed."""

    version: Version
    router: RouterConfig
    until: float
    mended: int  # as often as something had been by then


@dataclass(frozen=True, slots=True)
class HeldBack:
    """The desired version failed, and another one serves in its place until it is tried again."""

    version: Version
    until: float
    message: str
    is_over: bool = False  # its time has come


class RetryPolicy:
    """Written on the worker's thread; `message` and `is_degraded` are read by others."""

    def __init__(self, world: World, service: ServiceName) -> None:
        self._world, self._service = world, service
        self._refusal: Refusal | None = None
        self._held_back: HeldBack | None = None
        self._said = ""
        self._is_unwell = False

    # ------------------------------------------------------------ asked

    @property
    def message(self) -> str:
        held_back = self._held_back
        return self._said or (held_back.message if held_back else "")

    @property
    def is_degraded(self) -> bool:
        """Does something serve that is not what is desired?"""
        return self._is_unwell or self._held_back is not None

    @property
    def retry_at(self) -> float:
        """When what was refused or held back may be tried again (monotonic); infinity when nothing was."""
        held_back = self._held_back
        until = held_back.until if held_back and not held_back.is_over else math.inf
        return min(self._refused_until, until)

    @property
    def _refused_until(self) -> float:
        """When the desired version is tried again after it was refused; at once if something was mended since."""
        if self._refusal is None:
            return math.inf
        return self._refusal.until if self._refusal.mended == self._world.shared.damage_reports.mended else -math.inf

    def holds_back(self, desired: Version) -> bool:
        """Is what serves to be looked after for the time being, instead of the desired version?"""
        held_back = self._held_back
        if held_back is None or held_back.version != desired:
            return False
        return not held_back.is_over or self._world.store.pinned(self._service)

    def is_refused(self, wanted: Version, router: RouterConfig) -> bool:
        refusal = self._refusal
        if refusal is None or refusal.version != wanted or refusal.router != router:
            return False
        return self._world.clock.monotonic() < self._refused_until

    def refusal_of(self, router: RouterConfig) -> str:
        """Why this configuration is not tried again for a while; nothing if it may be."""
        return self._said if self._refusal is not None and self._refusal.router == router else ""

    def stay(self, wanted: Version) -> str:
        """Make the version that runs the desired one; return what that changes, for a message."""
        store = self._world.store
        desired = store.desired(self._service)
        if desired != wanted:  # perhaps the same from another release
            store.set_desired(self._service, wanted)
        if desired is not None and desired.is_same_as(wanted):
            return ""
        self.decided()  # it fell back to it, and is to stay there
        return ", and stays there"

    # ------------------------------------------------------------ told

    def degrade(self, message: str) -> None:
        """Record that the service is not as desired, and why."""
        if message != self._said:
            log.warning("service degraded", extra={"service": self._service, "reason": message})
        self._said, self._is_unwell = message, True

    def renew(self) -> bool:
        """May what was refused or held back be tried again from now on? What is pinned stays as it is."""
        now = self._world.clock.monotonic()
        if now < self.retry_at:
            return False
        if now >= self._refused_until:
            self._refusal = None
        held_back = self._held_back
        if held_back and now >= held_back.until:
            is_pinned = self._world.store.pinned(self._service)
            self._held_back = replace(held_back, until=self._now(RETRY_SECONDS), is_over=not is_pinned)
        return True

    def forgive(self) -> None:
        """Whatever was refused may be tried again; what is held back stays so."""
        self._refusal = None

    def clear(self) -> None:
        """What serves is as it shall be, unless something is still refused."""
        if self._refusal is None:
            self._said, self._is_unwell = "", False

    def found(self, active: Instance, desired: Version | None) -> None:
        """At the start: what serves may not be what is desired; then it was fallen back to, now or long ago."""
        if desired is not None and not version_of(active).is_same_as(desired):
            self._hold_back(desired, f"{active.version} serves in place of {desired.version}")

    def decided(self) -> None:
        """Somebody chose what shall serve."""
        self._held_back = self._refusal = None
        self.clear()

    def succeeded(self, run: HandoverRun) -> None:
        kind = run.handover.kind
        if kind.is_wish or kind is Kind.RETRY:
            self._held_back = None
        refusal = self._refusal
        if refusal is None or refusal.router == run.router or refusal.version != version_of(run.candidate):
            self._refusal = None  # else a configuration was refused while this one soaked, and still is
        self.clear()
        if kind is Kind.START and self._held_back is None:
            self.found(run.candidate, self._world.store.desired(self._service))

    def fell_back(self, run: HandoverRun) -> None:
        """Another version serves than the desired one, which is tried again now and then."""
        self._refusal = None
        self.clear()
        desired = self._world.store.desired(self._service)
        if desired is not None and not desired.is_same_as(version_of(run.candidate)):
            failed = run.former.version if run.former else desired.version
            self._hold_back(desired, f"{failed} failed again and again: fell back to {run.candidate.version}")

    def undone(self, run: HandoverRun, *, serves: bool) -> None:
        """A hand-over failed or was reverted; `serves`: somebody does all the same."""
        self._refusal = None
        handover = run.handover
        message = f"{handover.kind} to {run.candidate.version} {verdict(handover)}: {handover.reason}"
        if handover.kind is Kind.RETRY:
            self._hold_back(version_of(run.candidate), message)
            return
        if self._held_back and self._held_back.version != self._world.store.desired(self._service):
            self._held_back = None  # a wish had traffic: what it went back to is what is desired now
        if is_interrupted(handover):
            return
        if handover.kind is Kind.START:  # nothing of it runs: perhaps nothing can
            self._world.shared.damage_reports.note(handover.reason)
        self._said = message
        self._is_unwell = handover.kind in (Kind.CONFIGURE, Kind.START)  # others leave what is desired as it was
        if handover.kind in (Kind.RESTART, Kind.HEAL, Kind.MIGRATE):  # nothing was wanted but the version that runs
            return
        seconds = RETRY_SECONDS if serves else NOTHING_SERVES_RETRY_SECONDS
        if run.wants_space:
            seconds = NO_SPACE_RETRY_SECONDS
        mended = self._world.shared.damage_reports.mended
        self._refusal = Refusal(version_of(run.candidate), run.router, self._now(seconds), mended)

    def _hold_back(self, desired: Version, message: str) -> None:
        self._held_back = HeldBack(desired, self._now(RETRY_SECONDS), message)

    def _now(self, seconds: float) -> float:
        return self._world.clock.monotonic() + seconds
