"""Waits for the engine when a supervisor starts: after a boot the engine's daemon may come later than the supervisor.

Often it must: it waits for the network to be online, which is so once the supervisor is up. So the supervisor begins
without it, with its rules, its configuration and its interfaces, and goes on with the rest once the engine answers.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from supervisor.decisions.retries import ENGINE_START, Policy, poll
from supervisor.ports.engine import Engine
from supervisor.values.errors import EngineDownError, EngineError

log = logging.getLogger(__name__)


class EngineWait:
    """The wait for the engine; `message` is why it does not answer, and empty once it does."""

    def __init__(self, engine: Engine, closing: threading.Event, retries: Policy = ENGINE_START) -> None:
        self._engine, self._closing, self._retries = engine, closing, retries
        self.version = self.message = ""

    def begin(self) -> None:
        """Start the engine, or begin to wait for one that comes by itself.

        Raises EngineUnavailableError: it never comes by itself, or it is ours to start and does not.
        """
        try:
            self._start()
        except EngineDownError as error:
            self._wait_for(error)

    def then(self, act: Callable[[], None]) -> None:
        """Call `act` now if the engine answers, else from another thread once it does, unless the supervisor ends."""
        if self.message:
            threading.Thread(target=self._await, args=(act,), name="engine-arrival", daemon=True).start()
        else:
            act()

    def _await(self, act: Callable[[], None]) -> None:
        if poll(self._retries, self._is_here, sleep=self._closing.wait, waits_first=True):
            self.message = ""
            log.info("engine here", extra={"engine": self._engine.name, "version": self.version})
            act()

    def _is_here(self) -> bool:
        try:
            self._start()
        except EngineError as error:  # also an engine that came and cannot be used: somebody may put that right
            self._wait_for(error)
            return False
        return True

    def _start(self) -> None:
        self._engine.start_service()
        self.version = self._engine.ping()

    def _wait_for(self, error: EngineError) -> None:
        if str(error) != self.message:
            log.error("engine not here", extra={"engine": self._engine.name, "reason": str(error)})
        self.message = str(error)
