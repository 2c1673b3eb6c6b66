"""Watches a call that feeds files to the router's configuration, until they serve or are refused.

A worker's snapshot says whether its service serves the configuration (`configured`). A refusal of a service counts for
this call only if the call changes what that service is given: files of earlier calls may have been refused before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from supervisor.decisions.attribution import fates
from supervisor.decisions.status import ServiceSnapshot
from supervisor.loop.generations.allocation import with_frontends
from supervisor.loop.generations.definitions import Definitions
from supervisor.loop.supervision.audit_log import AuditLog
from supervisor.loop.supervision.lost_configuration import AWAITS_CONFIGURATION
from supervisor.loop.world import World
from supervisor.ports.intake import Intake
from supervisor.values.errors import Fault, SupervisorError
from supervisor.values.intake import Fate, PartFate, TakenFile
from supervisor.values.listing import listed
from supervisor.values.names import ServiceName
from supervisor.values.router import RouterConfig
from supervisor.values.state import Instance
from supervisor.values.status import Progress

POLL_SECONDS = 0.02
UNCONCERNED_SECONDS = 1.0  # until then every service is waited for: to find out whether the call concerns it takes time
NOBODY_YET = "no release is imported yet: it serves when there is one"
MOST_EVENTS = 100  # of one call: a folder may hold thousands of files

Files = Sequence[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Application:
    """The changes that a call has made to the configuration: everything that its outcome depends on."""

    number: int  # of the configuration
    files: tuple[TakenFile, ...]
    contents: tuple[tuple[str, bytes], ...]
    bags: str | None  # before
    before: RouterConfig
    after: RouterConfig
    faults_before: tuple[Fault, ...]
    faults_after: tuple[Fault, ...]


class ApplicationWatch:
    """Follows one application, on a thread of its own, for as long as the call wants to wait."""

    def __init__(
        self,
        world: World,
        intake: Intake,
        audit_log: AuditLog,
        snapshots: Callable[[], Mapping[ServiceName, ServiceSnapshot]],
        application: Application,
    ) -> None:
        self._world, self._intake, self._audit_log = world, intake, audit_log
        self._snapshots, self._asked = snapshots, application
        self._began = world.clock.monotonic()
        self._steps: dict[ServiceName, str] = {}
        self._is_concerned: dict[ServiceName, bool] = {}  # as far as that was looked into

    # ------------------------------------------------------------ progress

    def follow(self, seconds: float, is_closing: Callable[[], bool]) -> Iterator[Progress]:
        """Yield the steps of services, then what became of each file, and a last Progress with the outcome."""
        while ((waiting := self._waiting()) or not self._snapshots()) and self._elapsed < seconds:
            if is_closing():
                text = "the supervisor ends; what was taken in serves when it is back"
                yield self._progress("interrupted", text, is_final=True, error=text)
                return
            yield from self._news(waiting)
            self._world.clock.sleep(POLL_SECONDS)
        refused = {snapshot.service: snapshot.configured.reason for snapshot in self._refusing()}
        yield from (self._progress("refused", reason, service=name) for name, reason in refused.items())
        yield from self._outcome(refused, [snapshot for snapshot in waiting if self._concerns(snapshot)])

    def accepted(self) -> Iterator[Progress]:
        """Yield the fates that are decided at once, for a caller who does not wait."""
        parts = fates(self._asked.files, self._asked.faults_before, self._asked.faults_after, {})
        decided = [part for part in parts if part.fate is not Fate.LIVE]
        self._record(decided)
        yield from map(self._of_part, decided)
        yield self._last("accepted", f"{len(self._asked.files)} files taken in", _error(decided))

    def _outcome(self, refused: Mapping[ServiceName, str], late: Sequence[ServiceSnapshot]) -> Iterator[Progress]:
        asked = self._asked
        parts = fates(asked.files, asked.faults_before, asked.faults_after, self._to_blame(refused))
        is_awaited = self._world.store.awaits_configuration  # this is not all of it: see `lost_configuration`
        is_early = not self._snapshots()
        if late or is_awaited or is_early:
            parts = tuple(replace(part, fate=Fate.PENDING) if part.fate is Fate.LIVE else part for part in parts)
        self._record(parts)
        yield from map(self._of_part, parts)
        if error := _error(parts):
            yield self._last("refused", "a part is refused; the rest is taken in", error)
        elif refused:  # by a service, and no file of the call can be singled out
            text = listed(f"{name}: {reason}" for name, reason in refused.items())
            yield self._last("refused", "a part is refused; the rest is taken in", text)
        elif is_early:
            yield self._last("not-live", NOBODY_YET, NOBODY_YET)
        elif is_awaited:
            yield self._last("not-live", AWAITS_CONFIGURATION, AWAITS_CONFIGURATION)
        elif late:
            text = listed(f"{snapshot.service}: {_why(snapshot)}" for snapshot in late)
            text = f"not live after {self._elapsed:.0f} s, and goes on: {text}"
            yield self._last("not-live", text, text)
        else:
            count = sum(part.fate is Fate.LIVE for part in parts)
            yield self._last("live", f"{count} of {len(asked.files)} files serve", None)

    def _news(self, waiting: Sequence[ServiceSnapshot]) -> Iterator[Progress]:
        for snapshot in waiting:
            step = str(snapshot.handover.phase) if snapshot.handover else ""
            if step and self._steps.get(snapshot.service) != step:
                self._steps[snapshot.service] = step
                yield self._progress(step, "", service=snapshot.service)

    # ------------------------------------------------------------ services

    @property
    def _elapsed(self) -> float:
        return self._world.clock.monotonic() - self._began

    @property
    def _services(self) -> list[ServiceSnapshot]:
        return [snapshot for _, snapshot in sorted(self._snapshots().items())]

    def _waiting(self) -> list[ServiceSnapshot]:
        """Return services without an outcome yet that the call concerns, as far as that was looked into."""
        number = self._asked.number
        waiting = [
            snapshot
            for snapshot in self._services
            if self._is_concerned.get(snapshot.service, True)
            and not snapshot.configured.serves(number)
            and not snapshot.configured.refuses(number)
        ]
        if self._elapsed > UNCONCERNED_SECONDS:
            waiting = [snapshot for snapshot in waiting if self._concerns(snapshot)]
        return waiting

    def _refusing(self) -> list[ServiceSnapshot]:
        refusing = (snapshot for snapshot in self._services if snapshot.configured.refuses(self._asked.number))
        return [snapshot for snapshot in refusing if self._concerns(snapshot)]

    def _concerns(self, snapshot: ServiceSnapshot) -> bool:
        if snapshot.service not in self._is_concerned:
            self._is_concerned[snapshot.service] = self._differs(snapshot, self._asked.after)
        return self._is_concerned[snapshot.service]

    def _differs(self, snapshot: ServiceSnapshot, after: RouterConfig) -> bool:
        """True if a service is given something else than before; what cannot be rendered differs."""
        instance = self._instance(snapshot)
        if instance is None:
            return True
        try:
            definition = Definitions(self._world.store, self._world.origin.read_definition, snapshot.service)(
                instance.definition
            )
            rendered = []
            for router in (self._asked.before, after):
                known = with_frontends(self._world.renderer, definition, router, instance)
                rendered.append((known.frontends, self._world.renderer.files(definition, router, known)))
        except SupervisorError:
            return True
        return rendered[0] != rendered[1]

    def _instance(self, snapshot: ServiceSnapshot) -> Instance | None:
        known = [instance for instance, _ in self._world.store.instances(snapshot.service)]
        return snapshot.active.instance if snapshot.active else known[-1] if known else None

    def _to_blame(self, refused: Mapping[ServiceName, str]) -> dict[str, str]:
        """Return the reason by file, of those that changed what a refusing service is given.

        Files of one kind of command share the blame: there are few kinds, and many files.
        """
        kinds: dict[str, list[str]] = {}
        for file in self._asked.files:
            if file.parts:
                kinds.setdefault(file.parts[0].partition(".")[0], []).append(file.name)
        blamed: dict[str, str] = {}
        for service, reason in refused.items():
            for names in kinds.values():
                if len(kinds) == 1 or self._differs(self._snapshots()[service], self._with(names)):
                    blamed |= dict.fromkeys(names, f"{service}: {reason}")
        return blamed

    def _with(self, names: Sequence[str]) -> RouterConfig:
        files = [(name, content) for name, content in self._asked.contents if name in names]
        return self._intake.interpret(self._intake.take(self._asked.bags, files).stored)[0]

    # ------------------------------------------------------------ words

    def _record(self, parts: Sequence[PartFate]) -> None:
        """Write each part that does not serve into the audit log, and those that serve together."""
        for part in [part for part in parts if part.fate is not Fate.LIVE][:MOST_EVENTS]:
            name, message = f"configuration {str(part.fate).replace('-', ' ')}", f"{part.name}: {part.reason}"
            self._audit_log.record("", name, message.rstrip(": "))
        live = [part.name for part in parts if part.fate is Fate.LIVE]
        if live:
            named = ", ".join(live[:5]) + (f" and {len(live) - 5} more" if len(live) > 5 else "")
            self._audit_log.record("", "configuration live", f"{named} after {self._elapsed:.2f} s")

    def _of_part(self, part: PartFate) -> Progress:
        return self._progress(str(part.fate), part.reason, part=part.name)

    def _last(self, phase: str, message: str, error: str | None) -> Progress:
        return self._progress(phase, message, is_final=True, error=error)

    def _progress(
        self,
        phase: str,
        message: str,
        *,
        service: str = "",
        part: str = "",
        is_final: bool = False,
        error: str | None = None,
    ) -> Progress:
        fraction = 1.0 if is_final else None
        return Progress(service, phase, message, fraction, self._elapsed, is_final, error, part)


def _error(parts: Sequence[PartFate]) -> str | None:
    """Return a message about those that are refused; None: none is."""
    refused = [part for part in parts if part.fate is Fate.REFUSED]
    if not refused:
        return None
    named = "; ".join(f"{part.name}: {part.reason}" for part in refused[:5])
    return f"cannot apply {named}" + (f" (and {len(refused) - 5} more)" if len(refused) > 5 else "")


def _why(snapshot: ServiceSnapshot) -> str:
    active = snapshot.active
    if active is None:
        return snapshot.message or "nothing of it runs"
    return snapshot.message or active.message or active.blind or active.readiness.message or "it is not ready"
