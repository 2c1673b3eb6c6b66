"""The table of retries, and what carries it out: when it ends, how long it waits, what it logs."""

from __future__ import annotations

import logging
import math
import re
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from supervisor.decisions import retries
from supervisor.decisions.retries import Policy, poll, retry

ROOT = Path(__file__).resolve().parents[3]
POLICIES = [value for value in vars(retries).values() if isinstance(value, Policy)]
THRICE = Policy("thrice", pause=0.5, attempts=3)


class RefusedError(Exception):
    """An attempt that failed."""


class Call:
    """Fails so many times, takes `takes` seconds each time, and then returns how often it was called."""

    def __init__(self, failures: float, takes: float = 0.0) -> None:
        self.count, self.now, self.slept = 0, 0.0, list[float]()
        self._failures, self._takes = failures, takes

    def __call__(self) -> int:
        self.count += 1
        self.now += self._takes
        if self.count <= self._failures:
            raise RefusedError(f"number {self.count}")
        return self.count

    def succeeds(self) -> bool:
        """Return instead of raising."""
        try:
            return bool(self())
        except RefusedError:
            return False

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def clock(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("name", "longest"),
    [
        ("STARTUP_TASK", math.inf),
        ("ENGINE_START", math.inf),
        ("MIGRATION_BUSY", 240.0),
        ("MIGRATION_SILENCE", 60.0),
        ("ENGINE_ANSWER", 20.0),
        ("ENGINE_CLEAN_UP", 5.0),
        ("MONITOR_REPORT", 1.0),
        ("NAMESPACE_ENTRY", 5.0),
        ("DAMAGE_CONFIRMATION", 1.0),
        ("UNMOUNT", 5.0),
        ("VANISHED_FLOW", 0.0),
        ("SETTLED_FILE", 0.15),
    ],
)
def test_how_long_each_policy_goes_on(name: str, longest: float) -> None:
    assert getattr(retries, name).longest == pytest.approx(longest)


def test_every_policy_is_in_the_table_above_and_has_a_name_of_its_own() -> None:
    assert len({policy.name for policy in POLICIES}) == len(POLICIES) == 12


@pytest.mark.parametrize(
    ("failures", "slept"), [pytest.param(0, [], id="good at once"), pytest.param(2, [0.5, 0.5], id="good at last")]
)
def test_a_call_is_repeated_until_it_succeeds(failures: int, slept: list[float]) -> None:
    call = Call(failures)
    assert retry(THRICE, call, on=RefusedError, sleep=call.sleep) == failures + 1
    assert call.slept == slept


def test_the_last_error_is_raised_when_the_attempts_are_used_up() -> None:
    call = Call(math.inf)
    with pytest.raises(RefusedError, match="number 3"):
        retry(THRICE, call, on=RefusedError, sleep=call.sleep)
    assert call.slept == [0.5, 0.5]


def test_an_error_of_another_type_is_raised_at_once() -> None:
    call = Call(math.inf)
    with pytest.raises(RefusedError, match="number 1"):
        retry(THRICE, call, on=(KeyError, OSError), sleep=call.sleep)
    assert call.slept == []


def test_a_result_that_is_not_enough_is_asked_for_again_and_the_last_one_returned() -> None:
    call = Call(0)
    assert retry(THRICE, call, until=lambda count: count == 2, sleep=call.sleep) == 2
    call = Call(0)
    assert retry(THRICE, call, until=lambda count: count > 5, sleep=call.sleep) == 3


@pytest.mark.parametrize(
    ("takes", "attempts"),
    [
        pytest.param(0.0, 9, id="only pauses"),  # at 0, 1, ... 8
        pytest.param(3.0, 3, id="slow calls count too"),  # ends at 3, 7, 11
        pytest.param(9.0, 1, id="one that took all the time"),
    ],
)
def test_time_is_measured_by_the_clock_of_the_caller(takes: float, attempts: int) -> None:
    call, bounded = Call(math.inf, takes), Policy("bounded", pause=1.0, seconds=8.0)
    with pytest.raises(RefusedError):
        retry(bounded, call, on=RefusedError, sleep=call.sleep, now=call.clock)
    assert call.count == attempts


def test_pauses_vary_by_the_jitter_and_not_by_more() -> None:
    call = Call(200)
    retry(Policy("jitter", pause=1.0, jitter=0.1), call, on=RefusedError, sleep=call.sleep)
    assert len(call.slept) == 200
    assert 0.9 <= min(call.slept) < 0.95
    assert 1.05 < max(call.slept) <= 1.1


def test_a_policy_without_a_pause_needs_nothing_to_sleep_by() -> None:
    assert retry(Policy("at once", pause=0.0, attempts=3), Call(2), on=RefusedError) == 3


@pytest.mark.parametrize("closes_after", [0, 1])
def test_retrying_ends_at_once_when_the_sleep_says_so(closes_after: int) -> None:
    closing, call = threading.Event(), Call(math.inf)

    def sleep(seconds: float) -> bool:
        if call.count > closes_after:
            closing.set()
        return closing.wait(0.0 if not closing.is_set() else seconds)

    with pytest.raises(RefusedError, match=f"number {closes_after + 1}"):
        retry(Policy("for ever", pause=60.0), call, on=RefusedError, sleep=sleep)
    assert call.count == closes_after + 1


def test_every_attempt_that_is_followed_by_another_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    call = Call(math.inf)
    with caplog.at_level(logging.DEBUG, "supervisor.decisions.retries"), pytest.raises(RefusedError):
        retry(THRICE, call, on=RefusedError, sleep=call.sleep)
    told = [(record.what, record.attempt, record.reason) for record in caplog.records]  # type: ignore[attr-defined]
    assert told == [("thrice", 1, "number 1"), ("thrice", 2, "number 2")]


@pytest.mark.parametrize(
    ("failures", "waits_first", "is_done", "slept"),
    [
        pytest.param(0, False, True, 0, id="at once"),
        pytest.param(0, True, True, 1, id="the caller has tried already"),
        pytest.param(1, True, True, 2, id="the third attempt, the caller's included"),
        pytest.param(2, True, False, 2, id="attempts used up, the caller's included"),
        pytest.param(3, False, False, 2, id="attempts used up"),
    ],
)
def test_a_poll_says_whether_it_came_about(failures: int, waits_first: bool, is_done: bool, slept: int) -> None:
    call = Call(failures)
    assert poll(THRICE, call.succeeds, sleep=call.sleep, waits_first=waits_first) is is_done
    assert call.slept == [0.5] * slept


def test_a_poll_that_waits_first_asks_nothing_once_the_supervisor_ends() -> None:
    closing, call = threading.Event(), Call(0)
    closing.set()
    assert not poll(replace(THRICE, pause=60.0), call.succeeds, sleep=closing.wait, waits_first=True)
    assert call.count == 0


def test_nobody_else_uses_the_library() -> None:
    pattern = re.compile(r"(?m)^\s*(?:from|import) tenacity")
    users = [path for path in (ROOT / "supervisor").rglob("*.py") if pattern.search(path.read_text())]
    assert [path.name for path in users] == ["retries.py"]
