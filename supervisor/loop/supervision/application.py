"""One call that feeds files to the router's configuration, watched until they serve or are refused.

Whether a service serves a configuration its worker says (`configured`). What a service refuses counts for this call
only if the call changes what that service is given: files of earlier calls may have been refused before.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from supervisor.decisions.attribution import fates
from supervisor.loop.generations.allocation import with_frontends
from supervisor.loop.generations.definitions import Definitions
from supervisor.loop.service.worker import Worker
from supervisor.loop.supervision.startup import AWAITS_CONFIGURATION
from supervisor.loop.world import World
from supervisor.ports.intake import Intake
from supervisor.values.errors import Fault, StateError, SupervisorError
from supervisor.values.intake import Fate, PartFate, TakenFile
from supervisor.values.names import ServiceName
from supervisor.values.router import RouterConfig
from supervisor.values.state import Instance
from supervisor.values.status import EventRecord, Progress

log = logging.getLogger(__name__)

POLL_SECONDS = 0.02
UNCONCERNED_SECONDS = 1.0  # after that it is asked whether the call has to wait for a service at all
NOBODY_YET = "no release is imported yet: it serves when there is one"
MOST_EVENTS = 100  # of one call: a folder may hold thousands of files

Files = Sequence[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Application:
    """The changes that a call has made: everything that its outcome depends on, at the moment it was taken in."""

    number: int  # of the configuration
    files: tuple[TakenFile, ...]
    contents: tuple[tuple[str, bytes], ...]
    bags: str | None  # before
    before: RouterConfig
    after: RouterConfig
    faults_before: tuple[Fault, ...]
    faults_after: tuple[Fault, ...]


class ApplicationWatch:
    """Follows one application. Lives on a thread of its own, and ends with the call's time."""

    def __init__(
        self,
        world: World,
        intake: Intake,
        workers: Callable[[], Mapping[ServiceName, Worker]],
        application: Application,
    ) -> None:
        self._world, self._intake, self._workers, self._asked = world, intake, workers, application
        self._began = world.clock.monotonic()
        self._steps: dict[ServiceName, str] = {}
        self._is_concerned: dict[ServiceName, bool] = {}  # as far as anybody has looked: to render takes time

    # ------------------------------------------------------------ what is said

    def follow(self, seconds: float, is_closing: Callable[[], bool]) -> Iterator[Progress]:
        """Stream steps of services, then what became of each file, then a last word."""
        while ((waiting := self._waiting()) or not self._workers()) and self._elapsed < seconds:
            if is_closing():
                text = "the supervisor ends; what was taken in serves when it is back"
                yield self._progress("interrupted", text, is_final=True, error=text)
                return
            yield from self._news(waiting)
            self._world.clock.sleep(POLL_SECONDS)
        refused = {worker.name: worker.configured.reason for worker in self._refusing()}
        yield from (self._progress("refused", reason, service=name) for name, reason in refused.items())
        yield from self._outcome(refused, [worker for worker in waiting if self._concerns(worker)])

    def accepted(self) -> Iterator[Progress]:
        """Yield the fates that are decided at once, for a caller who does not wait."""
        found = fates(self._asked.files, self._asked.faults_before, self._asked.faults_after, {})
        told = [one for one in found if one.fate is not Fate.LIVE]
        self._record(told)
        yield from (self._of_part(one) for one in told)
        count = len(self._asked.files)
        yield self._last("accepted", f"{count} files taken in", _error([one for one in told if _is_refused(one)]))

    def _outcome(self, refused: Mapping[ServiceName, str], late: Sequence[Worker]) -> Iterator[Progress]:
        asked = self._asked
        found = fates(asked.files, asked.faults_before, asked.faults_after, self._to_blame(refused))
        is_awaited = self._world.store.awaits_configuration  # this is not all of it: see `coming_back`
        is_early = not self._workers()
        if late or is_awaited or is_early:
            found = tuple(replace(one, fate=Fate.PENDING) if one.fate is Fate.LIVE else one for one in found)
        self._record(found)
        yield from (self._of_part(one) for one in found)
        if error := _error([one for one in found if _is_refused(one)]):
            yield self._last("refused", "a part is refused; the rest is taken in", error)
        elif refused:  # by a service, and no file of the call can be singled out
            text = "; ".join(f"{name}: {reason}" for name, reason in refused.items())
            yield self._last("refused", "a part is refused; the rest is taken in", text)
        elif is_early:
            yield self._last("not-live", NOBODY_YET, NOBODY_YET)
        elif is_awaited:
            yield self._last("not-live", AWAITS_CONFIGURATION, AWAITS_CONFIGURATION)
        elif late:
            text = "; ".join(f"{worker.name}: {_why(worker)}" for worker in late)
            text = f"not live after {self._elapsed:.0f} s, and goes on: {text}"
            yield self._last("not-live", text, text)
        else:
            count = sum(one.fate is Fate.LIVE for one in found)
            yield self._last("live", f"{count} of {len(asked.files)} files serve", None)

    def _news(self, waiting: Sequence[Worker]) -> Iterator[Progress]:
        for worker in waiting:
            run = worker.foreground
            step = str(run.step or "") if run else ""
            if step and self._steps.get(worker.name) != step:
                self._steps[worker.name] = step
                yield self._progress(step, "", service=worker.name)

    # ------------------------------------------------------------ what is so

    @property
    def _elapsed(self) -> float:
        return self._world.clock.monotonic() - self._began

    def _waiting(self) -> list[Worker]:
        """Workers that have not recorded an outcome yet, and are concerned as far as anybody has looked."""
        number = self._asked.number
        left = [
            worker
            for _, worker in sorted(self._workers().items())
            if self._is_concerned.get(worker.name, True)
            and not worker.configured.serves(number)
            and not worker.configured.refuses(number)
        ]
        if self._elapsed > UNCONCERNED_SECONDS:
            left = [worker for worker in left if self._concerns(worker)]
        return left

    def _refusing(self) -> list[Worker]:
        number = self._asked.number
        return [
            worker
            for _, worker in sorted(self._workers().items())
            if worker.configured.refuses(number) and self._concerns(worker)
        ]

    def _concerns(self, worker: Worker) -> bool:
        if worker.name not in self._is_concerned:
            self._is_concerned[worker.name] = self._differs(worker, self._asked.after)
        return self._is_concerned[worker.name]

    def _differs(self, worker: Worker, after: RouterConfig) -> bool:
        """True if a service is given something else than before; what cannot be rendered differs."""
        instance = self._instance(worker)
        if instance is None:
            return True
        try:
            definition = Definitions(self._world.store, self._world.read_definition, worker.name)(instance.definition)
            rendered = []
            for router in (self._asked.before, after):
                known = with_frontends(self._world.renderer, definition, router, instance)
                rendered.append((known.frontends, self._world.renderer.files(definition, router, known)))
        except SupervisorError:
            return True
        return rendered[0] != rendered[1]

    def _instance(self, worker: Worker) -> Instance | None:
        keeper = worker.keeper
        known = [instance for instance, _ in self._world.store.instances(worker.name)]
        return keeper.instance if keeper else known[-1] if known else None

    def _to_blame(self, refused: Mapping[ServiceName, str]) -> dict[str, str]:
        """Name the files that changed what a refusing service is given: kind by kind of command, there are few."""
        kinds: dict[str, list[str]] = {}
        for file in self._asked.files:
            if file.parts:
                kinds.setdefault(file.parts[0].partition(".")[0], []).append(file.name)
        found: dict[str, str] = {}
        for service, reason in refused.items():
            for names in kinds.values():
                if len(kinds) == 1 or self._differs(self._workers()[service], self._with(names)):
                    found |= dict.fromkeys(names, f"{service}: {reason}")
        return found

    def _with(self, names: Sequence[str]) -> RouterConfig:
        files = [one for one in self._asked.contents if one[0] in names]
        return self._intake.interpret(self._intake.take(self._asked.bags, files).kept)[0]

    # ------------------------------------------------------------ words

    def _record(self, found: Sequence[PartFate]) -> None:
        """The audit log has each part that does not serve, and what serves as one."""
        told = [one for one in found if one.fate is not Fate.LIVE]
        for one in told[:MOST_EVENTS]:
            self._event(f"configuration {str(one.fate).replace('-', ' ')}", f"{one.name}: {one.reason}".rstrip(": "))
        live = [one.name for one in found if one.fate is Fate.LIVE]
        if live:
            named = ", ".join(live[:5]) + (f" and {len(live) - 5} more" if len(live) > 5 else "")
            self._event("configuration live", f"{named} after {self._elapsed:.2f} s")

    def _event(self, name: str, message: str) -> None:
        try:
            self._world.store.log_event(EventRecord(self._world.clock.now(), "", name, message))
        except StateError as error:
            log.error("event not recorded", extra={"event": name, "reason": str(error)})

    def _of_part(self, one: PartFate) -> Progress:
        return self._progress(str(one.fate), one.reason, part=one.name)

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


def _is_refused(one: PartFate) -> bool:
    return one.fate is Fate.REFUSED


def _error(refused: Sequence[PartFate]) -> str | None:
    if not refused:
        return None
    named = "; ".join(f"{one.name}: {one.reason}" for one in refused[:5])
    return f"cannot apply {named}" + (f" (and {len(refused) - 5} more)" if len(refused) > 5 else "")


def _why(worker: Worker) -> str:
    keeper = worker.keeper
    said = worker.retry_policy.message or (keeper.message or keeper.blind or keeper.readiness.message if keeper else "")
    return said or ("it is not ready" if keeper else "nothing of it runs")
