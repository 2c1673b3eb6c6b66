"""Health: verdicts in a row decide, first results, due times."""

from __future__ import annotations

from dataclasses import replace

import pytest

from supervisor.decisions.health import (
    Health,
    adopted,
    advance,
    has_missed_deadline,
    is_due,
    merge,
    presumed,
    unproven,
)
from supervisor.values.manifest import Watch
from supervisor.values.state import ProbeResult

GOOD = ProbeResult(True, "answered", 0.01)
BAD = ProbeResult(False, "no answer within 1 s", 1.0)


def watch(threshold: int, interval: float = 5.0, deadline: float = 10.0) -> Watch:
    return Watch(probes=(), interval=interval, threshold=threshold, deadline=deadline)


def story(health: Health, threshold: int, results: str) -> str:
    """Feed `+` and `-` to a health; return what it says after each."""
    said = ""
    for at, sign in enumerate(results):
        health = advance(health, watch(threshold), GOOD if sign == "+" else BAD, float(at))
        said += "+" if health.is_good else "-"
    return said


@pytest.mark.parametrize(
    ("start", "threshold", "results", "said"),
    [
        pytest.param(unproven(0), 1, "+", "+", id="threshold 1: the first good result makes it ready"),
        pytest.param(unproven(0), 2, "++", "-+", id="ready after two in a row"),
        pytest.param(unproven(0), 2, "+-++", "---+", id="a bad result between starts the count again"),
        pytest.param(unproven(0), 3, "-+-++-+++", "--------+", id="flapping never becomes ready"),
        pytest.param(unproven(0), 2, "++-+--++", "-++++--+", id="one bad result is forgiven, two are not"),
        pytest.param(presumed(0), 1, "-", "-", id="threshold 1: the first bad result makes it dead"),
        pytest.param(presumed(0), 3, "---", "++-", id="dead after three in a row"),
        pytest.param(presumed(0), 3, "--+--+---", "++++++++-", id="a good result between starts the count again"),
        pytest.param(presumed(0), 2, "--++", "+--+", id="it may come back by itself"),
        pytest.param(adopted(0), 3, "+", "+", id="adopted: the first result decides, good"),
        pytest.param(adopted(0), 3, "-", "-", id="adopted: the first result decides, bad"),
        pytest.param(adopted(0), 3, "+--+---", "++++++-", id="adopted: then the threshold counts"),
    ],
)
def test_verdicts_in_a_row_decide(start: Health, threshold: int, results: str, said: str) -> None:
    assert story(start, threshold, results) == said


def test_a_change_is_dated_and_what_does_not_change_keeps_its_date() -> None:
    health = advance(unproven(0.0), watch(1), GOOD, 3.0)
    assert health.changed == 3.0
    assert advance(health, watch(1), GOOD, 8.0).changed == 3.0
    assert advance(health, watch(1), BAD, 8.0).changed == 8.0


def test_the_next_question_is_due_an_interval_after_the_answer() -> None:
    health = unproven(100.0)
    assert is_due(health, 100.0)
    health = advance(health, watch(2, interval=5.0), BAD, 104.0)  # a slow answer delays the next question
    assert health.due == 109.0
    assert not is_due(health, 108.9)
    assert is_due(health, 109.0)


def test_the_message_is_that_of_the_last_result() -> None:
    health = advance(presumed(0.0), watch(3), BAD, 1.0)
    assert health.is_good
    assert health.message == "no answer within 1 s"


@pytest.mark.parametrize(
    ("results", "now", "missed"),
    [
        pytest.param("", 9.9, False, id="still time"),
        pytest.param("", 10.0, True, id="never answered"),
        pytest.param("-+-", 10.0, True, id="not good enough"),
        pytest.param("++", 99.0, False, id="good in time"),
    ],
)
def test_a_candidate_is_not_waited_for_for_ever(results: str, now: float, missed: bool) -> None:
    health = unproven(0.0)
    for sign in results:
        health = advance(health, watch(2), GOOD if sign == "+" else BAD, 1.0)
    assert has_missed_deadline(health, watch(2), now) is missed


@pytest.mark.parametrize(
    ("results", "is_good", "message"),
    [
        pytest.param((), True, "no probes are declared", id="nothing asked"),
        pytest.param((GOOD,), True, "answered", id="one"),
        pytest.param((GOOD, BAD), False, "no answer within 1 s", id="the failing one is told"),
        pytest.param((BAD, BAD), False, "no answer within 1 s; no answer within 1 s", id="all failing are told"),
        pytest.param((GOOD, GOOD), True, "answered; answered", id="all good"),
    ],
)
def test_merge(results: tuple[ProbeResult, ...], is_good: bool, message: str) -> None:
    merged = merge(results, is_asked=bool(results))
    assert merged
    assert (merged.is_good, merged.message) == (is_good, message)
    assert merged.seconds == pytest.approx(sum(result.seconds for result in results))


@pytest.mark.parametrize(
    "before", [unproven(0.0), presumed(0.0), adopted(0.0), advance(presumed(0.0), watch(3), BAD, 1.0)]
)
def test_probes_that_tell_nothing_change_only_when_they_are_asked_next(before: Health) -> None:
    found = merge((), is_asked=True)
    assert found is None
    assert advance(before, watch(1, interval=5.0), found, 7.0) == replace(before, due=12.0)
