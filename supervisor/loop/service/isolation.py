"""The one place where everything is caught: one service cannot stop the rest, nor one part of its turn the others."""

from __future__ import annotations

import logging
from collections.abc import Callable

from supervisor.loop.world import World
from supervisor.values.errors import (
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
ENGINE_PAUSE_SECONDS = 0.5  # while the engine is away: what it took along shall be back soon after it


class Isolation:
    """A part of a turn that failed is not tried for a moment; `complain` hears why."""

    def __init__(self, world: World, service: ServiceName, complain: Callable[[str], None]) -> None:
        self._world, self._service, self._complain = world, service, complain
        self._until: dict[str, float] = {}
        self._faults: dict[str, SupervisorError] = {}
        self._told = self._survived = ""

    def until(self, part: str) -> float:
        """When the part may be tried again, on the monotonic clock."""
        return self._until.get(part, 0.0)

    def refusal(self, part: str) -> str:
        """Why the part failed when it was tried last, if that will not pass by itself (an engine comes back)."""
        error = self._faults.get(part)
        return str(error) if isinstance(error, StateError | RenderError | RequestError | ManifestError) else ""

    def forget(self, part: str) -> None:
        """Forget earlier failures, which had another cause: the next try is at once."""
        self._faults.pop(part, None)
        self._until.pop(part, None)

    def guard(self, part: str, work: Callable[[], None]) -> None:
        if self._world.clock.monotonic() < self.until(part):
            return
        try:
            work()
        except EngineUnavailableError as error:
            self._failed(part, str(error), ENGINE_PAUSE_SECONDS)
            self._revive_engine(str(error))
        except EngineError as error:
            self._failed(part, str(error))
            self._world.shared.damage_reports.note(str(error))
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
        """The last resort: what nobody else caught is no reason for the thread to end."""
        try:
            work()
        except Exception as error:
            if self._survived != repr(error):  # once for each reason, however often
                log.exception("unexpected failure", extra={"service": self._service, "part": "worker"})
            self._survived = repr(error)
            self._world.clock.sleep(PAUSE_SECONDS)

    def _failed(self, part: str, message: str, pause: float = PAUSE_SECONDS) -> None:
        self._until[part] = self._world.clock.monotonic() + pause
        self._complain(message)

    def _revive_engine(self, why: str) -> None:
        """The engine went away; containers run on. Start it again, or try at the next turn."""
        try:
            self._world.engine.start_service()
        except Exception as error:  # we are beside the `try` of `guard` here
            if self._told != str(error):  # once for each reason, however long it is away
                log.error("engine not back", extra={"service": self._service, "reason": str(error)})
            self._told = str(error)
        else:
            self._told = ""
            log.warning("engine back", extra={"service": self._service, "reason": why})
