"""Watches the process of an active instance: a pidfd shows its end within milliseconds, the engine if that fails.

An engine that has just lost a process may not know of it yet, or be away; `decisions/process_state.py` says what is
made of that. A process that runs is measured when it is looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, suppress

from supervisor.decisions.process_state import Event, Process, advance, seen
from supervisor.loop.engine_outage import EngineOutage
from supervisor.ports.engine import Engine
from supervisor.ports.system import Clock, ExitWatch
from supervisor.values.errors import EngineError, NoSuchContainerError
from supervisor.values.state import Usage


class ProcessWatch:
    """Watches the process of one active instance.

    Lives on the worker's thread; only `notice` is called from another one, that of the exit watch.
    """

    def __init__(
        self,
        container: str,
        engine: Engine,
        exits: ExitWatch,
        outage: EngineOutage,
        clock: Clock,
        notice: Callable[[], None],
    ) -> None:
        self.process = Process()
        self.since = clock.now()  # its start, in seconds since the epoch; before it was seen, when it came into care
        self.usage: Usage | None = None  # when its container was looked at last; None while it is down
        self._container, self._engine, self._exits = container, engine, exits
        self._outage, self._clock, self._notice = outage, clock, notice
        self._pid: int | None = None  # of the process that is watched
        self._watched = ExitStack()

    def due_in(self) -> float:
        """Return the seconds until `turn` asks the engine."""
        return max(0.0, self.process.due - self._clock.monotonic())

    def turn(self) -> str:
        """Ask the engine if that is due; return why the process is down, or nothing while it runs.

        Raises EngineError: when the engine cannot be asked; it is asked again soon.
        Raises NetworkError: when the process cannot be watched.
        """
        now = self._clock.monotonic()
        if now < self.process.due:
            return ""
        try:
            with self._outage.noticed(self._clock.monotonic):
                container = self._engine.inspect(self._container)
        except NoSuchContainerError:
            self._went(Event.SEEN_MISSING)
            return "its container is gone"
        except EngineError:
            self.process = advance(self.process, Event.ENGINE_FAILED, now)
            raise
        match event := seen(container, self._pid):
            case Event.SEEN_ENDED:
                self._went(event)
                return f"it ended with exit code {container.exit_code}"
            case Event.SEEN_NEW if container.pid:
                self.process = advance(self.process, event, now)
                self.since = container.started or self.since
                self._watch(container.pid)
                self._measure()
            case _:
                if event is Event.SEEN_AGAIN and not self.process.looks:
                    self._measure()
                self.process = advance(self.process, event, now)
        return ""

    def exited(self) -> None:
        """Take note that the process has ended, or may have: the engine is asked at once, and often for a while."""
        self._take(Event.EXIT_NOTICED)

    def kill(self) -> None:
        """Kill the process. Raises EngineError: when the engine did not do it."""
        with self._outage.noticed(self._clock.monotonic):
            self._engine.kill(self._container, "SIGKILL")
        self._went(Event.KILLED)

    def started(self) -> None:
        """Record that the process was started again."""
        self._take(Event.STARTED)
        self.since = self._clock.now()

    def not_started(self, *, is_missing: bool) -> None:
        """Record that a start failed; `is_missing`: there is no such container."""
        self._take(Event.SEEN_MISSING if is_missing else Event.NOT_STARTED)

    def release(self) -> None:
        """End the watch; the process is left alone. May be repeated."""
        self._watched.close()
        self._pid = None

    def _watch(self, pid: int) -> None:
        self.release()
        self._watched.enter_context(self._exits.watch(pid, self._notice))
        self._pid = pid

    def _went(self, event: Event) -> None:
        self.release()
        self._take(event)
        self.usage = None

    def _take(self, event: Event) -> None:
        self.process = advance(self.process, event, self._clock.monotonic())

    def _measure(self) -> None:
        with suppress(EngineError):  # it may be ending, which is noticed anyway
            self.usage = self._engine.usage(self._container)
