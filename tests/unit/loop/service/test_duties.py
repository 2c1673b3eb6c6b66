"""Duties: a worker waits until the first one is due, and does those that are, in order."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, cast

import pytest

from supervisor.loop.damage import DamageReports
from supervisor.loop.service.duties import IDLE_SECONDS, Duty, do_due, due_in
from supervisor.loop.service.isolation import PAUSE_SECONDS, Isolation
from supervisor.values.errors import StateError
from supervisor.values.names import ServiceName
from tests.kit.fakes.clock import UPTIME, VirtualClock


class Table:
    """Duties that are due so many seconds from now; those whose name begins with `rider` ride along."""

    def __init__(self, due: Mapping[str, float]) -> None:
        self.clock, self.done, self.reports = VirtualClock(), list[str](), list[str]()
        engine = cast(Any, None)  # nothing here fails for want of one
        self.isolation = Isolation(ServiceName("x"), self.clock, engine, DamageReports(), self.reports.append)
        self.due = {name: UPTIME + seconds for name, seconds in due.items()}
        self.duties = [
            Duty(name, lambda name=name: self.due[name], lambda name=name: self.act(name), name.startswith("rider"))  # type: ignore[misc]
            for name in due
        ]

    def act(self, name: str) -> None:
        self.done.append(name)

    def do_due(self) -> list[str]:
        self.done.clear()
        do_due(self.duties, self.isolation, self.clock)
        return list(self.done)

    @property
    def due_in(self) -> float:
        return due_in(self.duties, self.isolation, self.clock)


@pytest.mark.parametrize(
    ("due", "seconds", "done"),
    [
        pytest.param({}, IDLE_SECONDS, [], id="there are no duties"),
        pytest.param({"a": math.inf}, IDLE_SECONDS, [], id="there is nothing to do"),
        pytest.param({"a": 3600.0}, IDLE_SECONDS, [], id="not for long"),
        pytest.param({"a": 7.0, "b": 3.0}, 3.0, [], id="the first one counts"),
        pytest.param({"a": 7.0, "b": 0.0}, 0.0, ["b"], id="one is due now"),
        pytest.param({"a": -7.0, "b": 5.0, "c": -9.0}, 0.0, ["a", "c"], id="in their order, however long since"),
        pytest.param({"a": -math.inf}, 0.0, ["a"], id="since ever"),
        pytest.param({"a": 0.0, "rider": 5.0}, 0.0, ["a", "rider"], id="one rides along"),
        pytest.param({"rider": 5.0}, 5.0, ["rider"], id="one rides along with a turn for nothing"),
        pytest.param({"a": 0.0, "rider": math.inf}, 0.0, ["a"], id="one that has nothing to do does not"),
    ],
)
def test_a_turn_does_what_is_due(due: Mapping[str, float], seconds: float, done: list[str]) -> None:
    table = Table(due)
    assert table.due_in == seconds
    assert table.do_due() == done


def test_a_duty_may_make_a_later_one_due_in_the_same_turn() -> None:
    class Chained(Table):
        def act(self, name: str) -> None:
            super().act(name)
            self.due["b"] = UPTIME

    assert Chained({"a": 0.0, "b": math.inf}).do_due() == ["a", "b"]
    assert Chained({"b": math.inf, "a": 0.0}).do_due() == ["a"]


def test_a_duty_that_fails_is_reported_and_pauses_and_the_others_go_on() -> None:
    class Failing(Table):
        def act(self, name: str) -> None:
            super().act(name)
            if name == "a":
                raise StateError("cannot write")

    table = Failing({"a": 0.0, "b": 0.5})
    assert table.do_due() == ["a"]
    assert (table.reports, table.due_in) == (["cannot write"], 0.5)
    table.clock.advance(0.5)
    assert table.do_due() == ["b"]
    table.due["b"] = math.inf
    assert table.due_in == pytest.approx(PAUSE_SECONDS - 0.5)
    table.clock.advance(PAUSE_SECONDS)
    assert table.do_due() == ["a"]
