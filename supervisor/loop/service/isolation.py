"""Catches what a service's duties raise: a service cannot stop the others, nor a duty the rest of its turn."""

from __future__ import annotations

import logging
from collections.abc import Callable

from supervisor.loop.damage import DamageReports
from supervisor.ports.engine import Engine
from supervisor.ports.system import Clock
from supervisor.values.errors import (
    DoubtedReleaseError,
    EngineError,
    EngineUnavailableError,
    ManifestError,
    RenderError,
    RequestError,
    StateError,
    SupervisorError,
)
from supervisor.values.names import ServiceName

log = logging.getLogger(__name__)

PAUSE_SECONDS = 1.0
ENGINE_PAUSE_SECONDS = 0.5  # while the engine is away: what ended with it shall be back soon after it


_LASTING = (StateError, RenderError, RequestError, ManifestError, DoubtedReleaseError)


class Isolation:
    """Catches what a duty raises: pauses that duty, starts an engine that is away, and calls `report` with the reason.

    One for each service, on its worker's thread.
    """

    def __init__(
        self,
        service: ServiceName,
        clock: Clock,
        engine: Engine,
        damage_reports: DamageReports,
        report: Callable[[str], None],
    ) -> None:
        self._service, self._clock, self._engine = service, clock, engine
        self._damage_reports, self._report = damage_reports, report
        self._until: dict[str, float] = {}
        self._faults: dict[str, SupervisorError] = {}
        self._engine_failure = self._survived = ""  # logged last

    def until(self, part: str) -> float:
        """Return when the part may be tried again, in monotonic seconds; 0: at once."""
        return self._until.get(part, 0.0)

    def refusal(self, part: str) -> str:
        """Return why the part failed when it was tried last; empty: it did not, or that will pass by itself."""
        error = self._faults.get(part)
        return str(error) if isinstance(error, _LASTING) else ""

    def forget(self, part: str) -> None:
        """Forget earlier failures, which had another cause: the next try is at once."""
        self._faults.pop(part, None)
        self._until.pop(part, None)

    def guard(self, part: str, work: Callable[[], None]) -> None:
        """Do the work unless the part failed a moment ago; report what it raises."""
        if self._clock.monotonic() < self.until(part):
            return
        try:
            work()
        except EngineUnavailableError as error:
            self._failed(part, str(error), ENGINE_PAUSE_SECONDS)
            self._revive_engine(str(error))
        except EngineError as error:
            self._failed(part, str(error))
            self._damage_reports.note(str(error))
        except SupervisorError as error:
            self._faults[part] = error
            self._failed(part, str(error))
        except Exception as error:
            log.exception("unexpected failure", extra={"service": self._service, "part": part})
            self._failed(part, f"cannot go on with {self._service}: {error!r}")
        else:
            self._until.pop(part, None)
            self._faults.pop(part, None)

    def survive(self, work: Callable[[], None]) -> None:
        """Do the work; log what nobody else caught: it is no reason for the thread to end."""
        try:
            work()
        except Exception as error:
            if self._survived != repr(error):  # once for each reason, however often
                log.exception("unexpected failure", extra={"service": self._service, "part": "worker"})
            self._survived = repr(error)
            self._clock.sleep(PAUSE_SECONDS)

    def _failed(self, part: str, message: str, pause: float = PAUSE_SECONDS) -> None:
        self._until[part] = self._clock.monotonic() + pause
        self._report(message)

    def _revive_engine(self, why: str) -> None:
        """Start an engine that went away, or try that at the next turn; containers run on meanwhile."""
        try:
            self._engine.start_service()
        except Exception as error:  # we are beside the `try` of `guard` here
            if self._engine_failure != str(error):  # once for each reason, however long it is away
                log.error("engine not back", extra={"service": self._service, "reason": str(error)})
            self._engine_failure = str(error)
        else:
            self._engine_failure = ""
            log.warning("engine back", extra={"service": self._service, "reason": why})
