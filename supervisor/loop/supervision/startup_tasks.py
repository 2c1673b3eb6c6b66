"""Start-up tasks: work of a supervisor's start which, if it cannot be done yet, is repeated beside everything else."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from supervisor.decisions.retries import STARTUP_TASK, Policy, poll
from supervisor.values.errors import SupervisorError
from supervisor.values.listing import listed

log = logging.getLogger(__name__)


class StartupTasks:
    """Repeats each task that fails until it is done or the supervisor ends. May be used from any thread."""

    def __init__(self, closing: threading.Event, retries: Policy = STARTUP_TASK) -> None:
        self._closing, self._retries = closing, retries
        self._lock = threading.Lock()
        self._failed: dict[str, str] = {}
        self._repeated: dict[str, Callable[[], None]] = {}  # by a thread for each name, until it is done

    @property
    def message(self) -> str:
        """The reasons why tasks could not be done yet; empty: all are done."""
        return listed(dict.fromkeys(self._failed.values()))

    def do(self, name: str, act: Callable[[], None]) -> None:
        """Do the task of that name now; if it fails, from another thread later. `act` may be called repeatedly.

        A task that is repeated already is replaced by this one.
        """
        if self._is_done(name, act):
            return
        with self._lock:
            is_repeated = name in self._repeated
            self._repeated[name] = act
        if not is_repeated:
            threading.Thread(target=self._repeat, args=(name,), name=f"chore-{name}", daemon=True).start()

    def _repeat(self, name: str) -> None:
        def is_done() -> bool:
            act = self._repeated[name]
            return self._is_done(name, act) and self._ends(name, act)

        if poll(self._retries, is_done, sleep=self._closing.wait, waits_first=True):
            log.info("start-up task done", extra={"what": name})

    def _ends(self, name: str, act: Callable[[], None]) -> bool:
        """Forget a task that is done. False: another one of its name has replaced it meanwhile."""
        with self._lock:
            if self._repeated[name] is not act:
                return False
            del self._repeated[name]
            return True

    def _is_done(self, name: str, act: Callable[[], None]) -> bool:
        try:
            act()
        except Exception as error:  # a task that nobody repeats any more would never be done
            reason = str(error) if isinstance(error, SupervisorError) else repr(error)
            if self._failed.get(name) != reason:
                is_foreign = not isinstance(error, SupervisorError)
                log.error("not done yet", extra={"what": name, "reason": reason}, exc_info=is_foreign)
            self._note({name: reason})
            return False
        self._note({}, without=name)
        return True

    def _note(self, failed: dict[str, str], without: str | None = None) -> None:
        with self._lock:  # replaced whole: others read it
            self._failed = {task: why for task, why in {**self._failed, **failed}.items() if task != without}
