"""The one place where everything is caught: one service cannot stop the rest, nor one part of its turn the others."""

from __future__ import annotations

import logging
from collections.abc import Callable

from supervisor.loop.world import World
from supervisor.values.errors import EngineUnavailableError, SupervisorError
from supervisor.values.names import ServiceName

log = logging.getLogger(__name__)

PAUSE_SECONDS = 1.0


class Boundary:
    """A part of a turn that failed is not tried for a moment; `complain` hears why."""

    def __init__(self, world: World, service: ServiceName, complain: Callable[[str], None]) -> None:
        self._world, self._service, self._complain = world, service, complain
        self._until: dict[str, float] = {}

    def until(self, part: str) -> float:
        """When the part may be tried again, on the monotonic clock."""
        return self._until.get(part, 0.0)

    def guard(self, part: str, work: Callable[[], None]) -> None:
        if self._world.clock.monotonic() < self.until(part):
            return
        try:
            work()
        except EngineUnavailableError as error:
            self._failed(part, str(error))
            self._revive_engine()
        except SupervisorError as error:
            self._failed(part, str(error))
        except Exception as error:
            log.exception("unexpected failure", extra={"service": self._service, "part": part})
            self._failed(part, f"cannot go on with {self._service}: {error!r}")
        else:
            self._until.pop(part, None)

    def _failed(self, part: str, message: str) -> None:
        self._until[part] = self._world.clock.monotonic() + PAUSE_SECONDS
        self._complain(message)

    def _revive_engine(self) -> None:
        """The engine went away; containers run on. Start it again, or try at the next turn."""
        try:
            self._world.engine.start_service()
        except SupervisorError as error:
            log.error("engine not back", extra={"service": self._service, "reason": str(error)})
