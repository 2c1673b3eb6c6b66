"""Decides what the process of an active instance is taken to be doing, from what is noticed of it, and what that means.

`TABLE` says for each state and each event which state follows. When the end of a process is noticed the engine may not
know of it yet: it is asked often for a while (`looks`), and now and then otherwise, in case an end was not noticed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from supervisor.decisions.health import Health
from supervisor.values.state import Container, ContainerState

BACKSTOP_SECONDS = 10.0  # the engine is asked this often in case an end was not noticed
AGAIN_SECONDS = 2.0  # after the engine failed: the probes are asked in between, for they need no engine
LOOKS = 20  # after an end was noticed, while the engine has not heard of it yet
LOOK_SECONDS = 0.1


class State(StrEnum):
    """The state of a process."""

    RUNNING = "running"  # as far as anybody knows
    SUSPECTED = "suspected"  # its end was noticed, and the engine does not know of it yet
    MISSED = "missed"  # its end was noticed, and the engine cannot be asked
    DOWN = "down"  # it has ended, and is to be started again
    GONE = "gone"  # its container does not exist: nothing can be started again


class Event(StrEnum):
    """A fact that was noticed of a process, or a thing that was done to it."""

    EXIT_NOTICED = "exit-noticed"
    SEEN_NEW = "seen-new"  # the engine shows a process that is not watched yet
    SEEN_AGAIN = "seen-again"  # the engine shows the process that is watched
    SEEN_PAUSED = "seen-paused"
    SEEN_ENDED = "seen-ended"
    SEEN_MISSING = "seen-missing"  # the engine has no such container
    ENGINE_FAILED = "engine-failed"
    KILLED = "killed"
    STARTED = "started"
    NOT_STARTED = "not-started"


TABLE: Mapping[State, Mapping[Event, State]] = MappingProxyType(
    {
        State.RUNNING: {
            Event.EXIT_NOTICED: State.SUSPECTED,
            Event.SEEN_NEW: State.RUNNING,
            Event.SEEN_AGAIN: State.RUNNING,
            Event.SEEN_PAUSED: State.RUNNING,
            Event.SEEN_ENDED: State.DOWN,
            Event.SEEN_MISSING: State.GONE,
            Event.ENGINE_FAILED: State.RUNNING,
            Event.KILLED: State.DOWN,
        },
        State.SUSPECTED: {
            Event.EXIT_NOTICED: State.SUSPECTED,
            Event.SEEN_NEW: State.RUNNING,
            Event.SEEN_AGAIN: State.SUSPECTED,  # until no looks are left: then it runs
            Event.SEEN_PAUSED: State.SUSPECTED,
            Event.SEEN_ENDED: State.DOWN,
            Event.SEEN_MISSING: State.GONE,
            Event.ENGINE_FAILED: State.MISSED,
            Event.KILLED: State.DOWN,
        },
        State.MISSED: {
            Event.EXIT_NOTICED: State.MISSED,
            Event.SEEN_NEW: State.RUNNING,
            Event.SEEN_AGAIN: State.SUSPECTED,
            Event.SEEN_PAUSED: State.SUSPECTED,
            Event.SEEN_ENDED: State.DOWN,
            Event.SEEN_MISSING: State.GONE,
            Event.ENGINE_FAILED: State.MISSED,
            Event.KILLED: State.DOWN,
        },
        State.DOWN: {
            Event.EXIT_NOTICED: State.DOWN,
            Event.SEEN_MISSING: State.GONE,
            Event.STARTED: State.RUNNING,
            Event.NOT_STARTED: State.DOWN,
        },
        State.GONE: {
            Event.EXIT_NOTICED: State.GONE,
            Event.SEEN_MISSING: State.GONE,
            Event.STARTED: State.RUNNING,
            Event.NOT_STARTED: State.DOWN,
        },
    }
)


@dataclass(frozen=True, slots=True)
class Process:
    """The process of an active instance. A new one runs as far as anybody knows, and the engine is asked at once."""

    state: State = State.RUNNING
    due: float = 0.0  # when the engine is asked next, in monotonic seconds; without meaning while it is down
    looks: int = 0  # left before its end is taken for a mistake

    @property
    def is_down(self) -> bool:
        """True if nothing of it runs."""
        return self.state in (State.DOWN, State.GONE)


def advance(process: Process, event: Event, now: float) -> Process:
    """Return the process after an event. Raises KeyError: when the state allows for no such event."""
    state = TABLE[process.state][event]
    match event:
        case Event.EXIT_NOTICED | Event.STARTED:  # nothing is watched yet: a look that fails is repeated soon
            return Process(state, now, LOOKS)
        case Event.SEEN_AGAIN if process.looks:
            left = process.looks - 1
            return Process(state if left else State.RUNNING, now + LOOK_SECONDS, left)
        case Event.ENGINE_FAILED:
            return Process(state, now + (LOOK_SECONDS if process.looks else AGAIN_SECONDS), process.looks)
        case Event.SEEN_PAUSED:
            return Process(state, now + BACKSTOP_SECONDS, process.looks)
    return Process(state, now + BACKSTOP_SECONDS)


def seen(container: Container, watched: int | None) -> Event:
    """Return the event that a look at a container is, while its process `watched` is watched (None: none yet)."""
    if container.state is ContainerState.RUNNING and container.pid:
        return Event.SEEN_AGAIN if container.pid == watched else Event.SEEN_NEW
    return Event.SEEN_PAUSED if container.state is ContainerState.PAUSED else Event.SEEN_ENDED


class Condition(StrEnum):
    """The condition of an active instance: of all that holds, the worst. The members are in that order."""

    GONE = "gone"
    DOWN = "down"
    MISSED = "missed"
    HUNG = "hung"  # it runs, and does not answer
    OVERLOADED = "overloaded"  # its clients fill it
    UNREADY = "unready"  # it answers, and is not fit to be given traffic
    BLIND = "blind"  # its probes cannot be asked
    UNKNOWN = "unknown"  # its probes were not asked yet
    READY = "ready"


def condition(
    process: Process, readiness: Health, liveness: Health, *, is_blind: bool, is_full: bool = False
) -> Condition:
    """Return the worst of what holds. An end that is only suspected does not count."""
    holds = {
        Condition.GONE: process.state is State.GONE,
        Condition.DOWN: process.state is State.DOWN,
        Condition.MISSED: process.state is State.MISSED,
        Condition.HUNG: is_hung(process, liveness),
        Condition.OVERLOADED: is_full,
        Condition.UNREADY: readiness.is_known and not readiness.is_good,
        Condition.BLIND: is_blind,
        Condition.UNKNOWN: not readiness.is_known,
        Condition.READY: True,
    }
    return next(filter(holds.__getitem__, Condition))


def is_ready(process: Process, readiness: Health) -> bool:
    """True if traffic may be led there."""
    return not process.is_down and readiness.is_known and readiness.is_good


def is_hung(process: Process, liveness: Health) -> bool:
    """True if it runs and does not answer. One that answered just now (a streak) does not count as hung."""
    return not process.is_down and not liveness.is_good and not liveness.streak
