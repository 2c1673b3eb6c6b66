"""Back-off: delays double, jitter spreads them, stability forgives, the past fades."""

from __future__ import annotations

import pytest

from supervisor.decisions.backoff import Backoff, delay, fail, forgive, may_start, observe, recent_failures

MIDDLE = 0.5  # the jitter that changes nothing


@pytest.mark.parametrize(
    ("attempt", "jitter", "seconds"),
    [
        (1, MIDDLE, 0.25),
        (2, MIDDLE, 0.5),
        (3, MIDDLE, 1.0),
        (7, MIDDLE, 16.0),
        (8, MIDDLE, 30.0),
        (9, MIDDLE, 30.0),
        (100_000, MIDDLE, 30.0),
        (1, 0.0, 0.2),
        (1, 0.999999, 0.3),
        (8, 0.0, 24.0),
        (8, 0.999999, 36.0),
    ],
)
def test_delay(attempt: int, jitter: float, seconds: float) -> None:
    assert delay(attempt, jitter) == pytest.approx(seconds, rel=1e-4)


def test_each_failure_doubles_the_wait() -> None:
    backoff, now, waits = Backoff(), 1000.0, []
    for _ in range(9):
        backoff = fail(backoff, now, MIDDLE)
        waits.append(backoff.until - now)
        now = backoff.until
    assert waits == pytest.approx([0.25, 0.5, 1, 2, 4, 8, 16, 30, 30])


def test_it_may_start_when_the_wait_is_over() -> None:
    assert may_start(Backoff(), 0.0)
    backoff = fail(Backoff(), 10.0, MIDDLE)
    assert not may_start(backoff, 10.2)
    assert may_start(backoff, 10.25)


@pytest.mark.parametrize(
    ("changes", "attempt"),
    [
        pytest.param([], 4, id="never healthy between"),
        pytest.param([(10.0, True)], 1, id="healthy for 90 s"),
        pytest.param([(40.0, True)], 1, id="healthy for exactly 60 s"),
        pytest.param([(41.0, True)], 4, id="healthy for 59 s"),
        pytest.param([(10.0, True), (90.0, False)], 4, id="healthy long, but not at the end"),
        pytest.param([(10.0, True), (20.0, False), (30.0, True)], 1, id="the last stretch counts"),
        pytest.param([(10.0, True), (50.0, True)], 1, id="said twice, dated once"),
    ],
)
def test_a_stable_minute_forgives(changes: list[tuple[float, bool]], attempt: int) -> None:
    backoff = Backoff()
    for now in (1.0, 2.0, 3.0):
        backoff = fail(backoff, now, MIDDLE)
    for now, is_healthy in changes:
        backoff = observe(backoff, is_healthy, now)
    assert fail(backoff, 100.0, MIDDLE).attempt == attempt


def test_a_failure_ends_a_healthy_stretch() -> None:
    backoff = observe(Backoff(), True, 0.0)
    backoff = fail(backoff, 100.0, MIDDLE)
    assert fail(backoff, 200.0, MIDDLE).attempt == 2


def test_failures_are_counted_for_ten_minutes() -> None:
    backoff = Backoff()
    for now in (0.0, 100.0, 650.0):
        backoff = fail(backoff, now, MIDDLE)
    assert backoff.failures == (100.0, 650.0)
    assert recent_failures(backoff, 650.0) == 2
    assert recent_failures(backoff, 700.0) == 1
    assert recent_failures(backoff, 1250.0) == 0


def test_what_was_not_its_fault_costs_no_wait() -> None:
    backoff = fail(fail(fail(Backoff(), 10.0, MIDDLE), 11.0, MIDDLE), 12.0, MIDDLE)
    forgiven = forgive(backoff)
    assert may_start(forgiven, 12.0)
    assert fail(forgiven, 13.0, MIDDLE).attempt == 1
    assert recent_failures(forgiven, 13.0) == 3
