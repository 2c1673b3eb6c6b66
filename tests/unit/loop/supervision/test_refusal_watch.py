"""What the kernel refuses is counted, and its source is in an event at the next look."""

from __future__ import annotations

import threading
from typing import Any

from supervisor.loop.fairness import Fairness
from supervisor.loop.supervision.refusal_watch import RefusalWatch
from supervisor.values.errors import StateError
from tests.kit.fakes.clock import VirtualClock
from tests.kit.fakes.kernel import FakeShares
from tests.unit.decisions.test_refusals import ROUTER, refused


class Log:
    """An audit log that can refuse."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.is_full = False

    def log_event(self, event: Any) -> None:
        if self.is_full:
            raise StateError("cannot write: the disk is full")
        self.events.append(event.name)


def watch(shares: FakeShares, log: Any) -> RefusalWatch:
    return RefusalWatch(shares, Fairness(shares), log, VirtualClock(), lambda: ROUTER, threading.Event())


def test_a_source_is_named_and_counted() -> None:
    shares, log = FakeShares(), Log()
    looking = watch(shares, log)
    looking.turn()
    assert (tuple(looking.counts()), log.events) == ((), [])
    shares.refused = refused(40)
    looking.turn()
    assert (tuple(looking.counts()), log.events) == ((("web", 40, 1),), ["over-share"])
    looking.turn()
    assert log.events == ["over-share"]


def test_an_event_that_cannot_be_recorded_is_recorded_later() -> None:
    shares, log = FakeShares(), Log()
    shares.refused, log.is_full = refused(40), True
    looking = watch(shares, log)
    try:
        looking.turn()
    except StateError:
        log.is_full = False
    looking.turn()
    assert log.events == ["over-share"]
    assert tuple(looking.counts()) == (("web", 40, 1),)
