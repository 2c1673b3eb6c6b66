"""The retry policy of a service: which version or configuration failed, why, and when it is tried again."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, replace

from supervisor.decisions.handover import is_interrupted, verdict
from supervisor.loop.damage import DamageReports
from supervisor.loop.generations.instances import version_of
from supervisor.loop.handover.run import HandoverRun
from supervisor.ports.store import DesiredVersions
from supervisor.ports.system import Clock
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
    """A desired state that failed: it is not tried again before `until`, unless it changes or something is mended."""

    version: Version
    router: RouterConfig
    until: float
    mended: int  # how often damage had been mended when it failed


@dataclass(frozen=True, slots=True)
class HeldBack:
    """A desired version that failed: another version serves in its place until it is tried again."""

    version: Version
    until: float
    message: str
    is_over: bool = False  # its time has come


class RetryPolicy:
    """Decides when a version or configuration of one service that failed is tried again.

    Lives on the worker's thread.
    """

    def __init__(
        self, service: ServiceName, store: DesiredVersions, clock: Clock, damage_reports: DamageReports
    ) -> None:
        self._service, self._store, self._clock, self._damage_reports = service, store, clock, damage_reports
        self._refusal: Refusal | None = None
        self._held_back: HeldBack | None = None
        self._message = ""
        self._is_refused = False

    # ------------------------------------------------------------ queries

    @property
    def message(self) -> str:
        """The reason why the service is not as desired; empty: it is."""
        held_back = self._held_back
        return self._message or (held_back.message if held_back else "")

    @property
    def is_degraded(self) -> bool:
        """True if something serves that is not what is desired."""
        return self._is_refused or self._held_back is not None

    @property
    def retry_at(self) -> float:
        """The time when a refused or held-back state may be tried, in monotonic seconds; infinity: there is none."""
        held_back = self._held_back
        until = held_back.until if held_back and not held_back.is_over else math.inf
        return min(self._refused_until, until)

    @property
    def _refused_until(self) -> float:
        """The time when the refused desired state is tried again; at once if something was mended since."""
        if self._refusal is None:
            return math.inf
        return self._refusal.until if self._refusal.mended == self._damage_reports.mended else -math.inf

    def holds_back(self, desired: Version) -> bool:
        """True if what serves stays for the time being, and the desired version is not brought."""
        held_back = self._held_back
        if held_back is None or held_back.version != desired:
            return False
        return not held_back.is_over or self._store.pinned(self._service)

    def is_refused(self, wanted: Version, router: RouterConfig) -> bool:
        """True if this version with this configuration was refused, and it is too early to try it again."""
        refusal = self._refusal
        if refusal is None or refusal.version != wanted or refusal.router != router:
            return False
        return self._clock.monotonic() < self._refused_until

    def refusal_of(self, router: RouterConfig) -> str:
        """Return why this configuration is not tried again for a while; empty: it may be."""
        return self._message if self._refusal is not None and self._refusal.router == router else ""

    def stay(self, wanted: Version) -> str:
        """Make the version that runs the desired one; return what that changes, for a message."""
        store = self._store
        desired = store.desired(self._service)
        if desired != wanted:  # perhaps the same from another release
            store.set_desired(self._service, wanted)
        if desired is not None and desired.is_same_as(wanted):
            return ""
        self.decided()  # it fell back to it, and is to stay there
        return ", and stays there"

    # ------------------------------------------------------------ events

    def degrade(self, message: str) -> None:
        """Record that the service is not as desired, and why."""
        if message != self._message:
            log.warning("service degraded", extra={"service": self._service, "reason": message})
        self._message, self._is_refused = message, True

    def renew(self) -> bool:
        """Return True if what was refused or held back may be tried again from now on; a pinned service stays."""
        now = self._clock.monotonic()
        if now < self.retry_at:
            return False
        if now >= self._refused_until:
            self._refusal = None
        held_back = self._held_back
        if held_back and now >= held_back.until:
            is_pinned = self._store.pinned(self._service)
            self._held_back = replace(held_back, until=self._now(RETRY_SECONDS), is_over=not is_pinned)
        return True

    def forgive(self) -> None:
        """Let a configuration or a start that was refused be tried again at once; what is held back stays so.

        A version that somebody asked for in vain is not tried again by itself: the message about it stays its time.
        """
        if self._is_refused:
            self._refusal = None

    def clear(self) -> None:
        """Record that what serves is as desired, unless something is still refused."""
        if self._refusal is None:
            self._message, self._is_refused = "", False

    def adopted(self, active: Instance, desired: Version | None) -> None:
        """Record what serves at the start. If that is not the desired version, it was fallen back to some time."""
        if desired is not None and not version_of(active).is_same_as(desired):
            self._hold_back(desired, f"{active.version} serves in place of {desired.version}")

    def decided(self) -> None:
        """Record that somebody chose what serves to be the desired version."""
        self._held_back = self._refusal = None
        self.clear()

    def succeeded(self, run: HandoverRun) -> None:
        """Record that a hand-over to a desired state has succeeded."""
        kind = run.handover.kind
        if kind.is_asked_for or kind is Kind.RETRY:
            self._held_back = None
        refusal = self._refusal
        if refusal is None or refusal.router == run.router or refusal.version != version_of(run.candidate):
            self._refusal = None  # else a configuration was refused while this one soaked, and still is
        self.clear()
        if kind is Kind.START and self._held_back is None:
            self.adopted(run.candidate, self._store.desired(self._service))

    def fell_back(self, run: HandoverRun) -> None:
        """Record that a hand-over to another version than the desired one has succeeded: that is tried now and then."""
        self._refusal = None
        self.clear()
        desired = self._store.desired(self._service)
        if desired is not None and not desired.is_same_as(version_of(run.candidate)):
            failed = run.former.version if run.former else desired.version
            self._hold_back(desired, f"{failed} failed again and again: fell back to {run.candidate.version}")

    def undone(self, run: HandoverRun, *, serves: bool) -> None:
        """Record that a hand-over failed or was reverted. `serves`: the service is up all the same."""
        self._refusal = None
        handover = run.handover
        message = f"{handover.kind} to {run.candidate.version} {verdict(handover)}: {handover.reason}"
        if handover.kind is Kind.RETRY:
            self._hold_back(version_of(run.candidate), message)
            return
        if self._held_back and self._held_back.version != self._store.desired(self._service):
            self._held_back = None  # what was asked for had traffic: what it went back to is what is desired now
        if is_interrupted(handover):
            return
        if handover.kind is Kind.START:  # nothing of it runs: perhaps nothing can
            self._damage_reports.note(handover.reason)
        self._message = message
        self._is_refused = handover.kind in (Kind.CONFIGURE, Kind.START)  # others leave what is desired as it was
        if handover.kind in (Kind.RESTART, Kind.HEAL, Kind.MIGRATE):  # nothing was wanted but the version that runs
            return
        seconds = RETRY_SECONDS if serves else NOTHING_SERVES_RETRY_SECONDS
        if run.wants_space:
            seconds = NO_SPACE_RETRY_SECONDS
        mended = self._damage_reports.mended
        self._refusal = Refusal(version_of(run.candidate), run.router, self._now(seconds), mended)

    def _hold_back(self, desired: Version, message: str) -> None:
        self._held_back = HeldBack(desired, self._now(RETRY_SECONDS), message)

    def _now(self, seconds: float) -> float:
        return self._clock.monotonic() + seconds
