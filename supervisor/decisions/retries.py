"""Retries of calls that may succeed a moment later: one table of policies, and `tenacity` that carries them out.

A policy says how long to wait between two attempts, and when to end. Whoever retries brings what it sleeps by: an
Event's `wait` ends the retrying at once when the supervisor ends, a process's `wait` when that process has ended. Each
attempt that is followed by another one is logged at DEBUG with the policy's name.

Three things look like retries and are decisions of the product, made where nobody may sleep, and are not in this table:
the back-off between starts of a daemon that fails (`backoff`), the retry policy of versions and configurations that
were refused (`loop/service/retry_policy`), and steps of a hand-over, which its journal repeats. Nor are rounds that
look again and again whether or not they succeed: copies of the store, surveys, the guard over nftables.
"""

from __future__ import annotations

import itertools
import logging
import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from tenacity import Future, RetryCallState, Retrying

log = logging.getLogger(__name__)

_CHANCE = random.Random()  # of its own: other decisions draw from a sequence that tests repeat  # noqa: S311

T = TypeVar("T")
Sleep = Callable[[float], bool | None]
"""Waits so many seconds at most; True ends the retrying, as `threading.Event.wait` does for one that is set."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A rule for one kind of call. Without `attempts` and `seconds` it never ends by itself."""

    name: str  # in the log
    pause: float  # seconds between two attempts
    jitter: float = 0.0  # the share of `pause` that is added or taken away by chance, where several may retry at once
    attempts: int | None = None  # at most, the first one included
    seconds: float | None = None  # no further attempt so long after the first one began

    @property
    def longest(self) -> float:
        """Seconds between the first attempt and the last one, if attempts take no time; infinite if it never ends."""
        by_count = math.inf if self.attempts is None else (self.attempts - 1) * self.pause
        return min(by_count, math.inf if self.seconds is None else self.seconds)


# ------------------------------------------------------------ in the background, until the supervisor ends

STARTUP_TASK = Policy("startup-task", pause=1.0, jitter=0.1)
"""A task of the start that failed: rules, addresses, the configuration. For ever, once a second."""
ENGINE_START = Policy("engine-start", pause=1.0, jitter=0.1)
"""An engine that comes after the supervisor. For ever, once a second."""

# ------------------------------------------------------------ a move to another engine

MIGRATION_BUSY = Policy("migration-busy", pause=0.25, jitter=0.1, seconds=240.0)
"""A service that has a hand-over under way, its soak and its drain, is asked for one more. Four minutes."""
MIGRATION_SILENCE = Policy("migration-silence", pause=0.25, jitter=0.1, seconds=60.0)
"""The engine that is being left does not answer, and is started again between two attempts. A minute."""

# ------------------------------------------------------------ calls to an engine

ENGINE_ANSWER = Policy("engine-answer", pause=0.02, attempts=1001)
"""A daemon of ours that was just started, until it answers. 20 s, or until it ends."""
ENGINE_CLEAN_UP = Policy("engine-clean-up", pause=0.05, seconds=5.0)
"""Monitors of ended containers, and the commands they leave behind, until they have ended. 5 s."""
MONITOR_REPORT = Policy("monitor-report", pause=0.02, attempts=51)
"""A container whose process is gone, until its monitor has reported that to the engine. 1 s."""
NAMESPACE_ENTRY = Policy("namespace-entry", pause=0.002, attempts=2501)
"""The holder of a namespace, until it has entered that. 5 s, or until it ends."""
DAMAGE_CONFIRMATION = Policy("damage-confirmation", pause=1.0, attempts=2)
"""Damage to an engine's storage: what is being made or removed at this moment looks damaged too. Two looks."""

# ------------------------------------------------------------ the kernel and files

UNMOUNT = Policy("unmount", pause=0.1, seconds=5.0)
"""A file system that is busy: a command that cleans up after a container may still be in there. 5 s."""
VANISHED_FLOW = Policy("vanished-flow", pause=0.0, attempts=20)
"""A tracked connection that ended between being listed and being deleted ends the tool early. 20 times, no pause."""
SETTLED_FILE = Policy("settled-file", pause=0.003, attempts=51)
"""A file that its daemon may be rewriting in place, until two reads agree. 50 more reads; the pause only after a write
of the last 20 ms."""


class _Ended(Exception):  # noqa: N818  (no error: the sleep ended the retrying)
    pass


def retry(
    policy: Policy,
    act: Callable[[], T],
    *,
    on: type[Exception] | tuple[type[Exception], ...] = (),
    until: Callable[[T], bool] = lambda _: True,
    sleep: Sleep | None = None,
    now: Callable[[], float] = time.monotonic,
) -> T:
    """Call `act` until it returns something that satisfies `until`, and return that.

    An error of the types `on` is an attempt that failed; others are raised at once. When the policy or `sleep` ends
    the retrying, the outcome of the last attempt counts: its result is returned, or its error raised. `sleep` is left
    out only for a policy without a pause; `now` is the clock that `policy.seconds` is measured by.
    """
    began, last = now(), list[Future]()

    def is_over(state: RetryCallState) -> bool:
        is_spent = policy.attempts is not None and state.attempt_number >= policy.attempts
        return is_spent or (policy.seconds is not None and now() - began >= policy.seconds)

    def is_open(state: RetryCallState) -> bool:
        error = _outcome(state).exception()
        return isinstance(error, on) if error else not until(_outcome(state).result())

    def note(state: RetryCallState) -> None:
        last[:] = [_outcome(state)]
        facts = {"what": policy.name, "attempt": state.attempt_number, "reason": str(last[0].exception() or "not yet")}
        log.debug("tried again", extra=facts)

    def pause(seconds: float) -> None:
        if sleep and sleep(seconds):
            raise _Ended

    assert sleep or not policy.pause
    try:
        return Retrying(
            retry=is_open,
            stop=is_over,
            wait=lambda _: policy.pause * (1 + policy.jitter * _CHANCE.uniform(-1, 1)),
            sleep=pause,
            before_sleep=note,
            retry_error_callback=lambda state: _outcome(state).result(),
        )(act)
    except _Ended:
        pass
    result: T = last[0].result()
    return result


def poll(
    policy: Policy,
    is_done: Callable[[], bool],
    *,
    sleep: Sleep,
    waits_first: bool = False,
    now: Callable[[], float] = time.monotonic,
) -> bool:
    """Ask `is_done` until it says so; False if the policy or `sleep` ended that before.

    With `waits_first` the caller has made the first attempt: there is a pause before anything is asked.
    """
    made = itertools.count(0 if waits_first else 1)
    return retry(policy, lambda: next(made) > 0 and is_done(), until=bool, sleep=sleep, now=now)


def _outcome(state: RetryCallState) -> Future:
    assert state.outcome, "an attempt has ended before anybody asks for its outcome"
    return state.outcome
