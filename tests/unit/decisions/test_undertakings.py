"""How an undertaking stands after a look, and when the daemon is called for it again."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from supervisor.decisions.undertakings import (
    BRIEF_SECONDS,
    CLOSE_SECONDS,
    COUNTED_SECONDS,
    LOOK_AGAIN_SECONDS,
    QUIET_SECONDS,
    STABLE_SECONDS,
    Call,
    Course,
    changed,
    see,
    unseen,
)
from supervisor.values.state import ResolvedProbe
from supervisor.values.undertaking import ResolvedUndertaking, Sighting
from supervisor.values.undertaking import UndertakingState as State

PROBE = ResolvedProbe("exec", (), 1.0)
TUNNEL = ResolvedUndertaking("office", "tunnel", PROBE, PROBE, 2.0, 15.0, 5.0, 60.0, 4)
NOBODY_CALLS = replace(TUNNEL, call=None, interval=30.0, patience=5.0)
UP = Sighting(True, associations=1)
GONE = Sighting(False, "no IKE_SA", missing=("net",))
CALLED = Sighting(False, "IKE_SA connecting", missing=("net",), attempts=("7",))
BUSY = Sighting(False, "IKE_SA established", missing=("net",), is_busy=True)
CROWDED = Sighting(False, "no answer", missing=("net",), associations=5)
MIDDLE = 0.5  # a jitter that changes nothing
CALL = Call(("net",), ())


def new(now: float = 0.0) -> Course:
    return Course(since=now, due=now)


def walk(
    course: Course, *looks: tuple[float, Sighting], of: ResolvedUndertaking = TUNNEL
) -> tuple[Course, list[float]]:
    """Look at these moments; return what is known at the end, and when it was called."""
    calls = []
    for now, sighting in looks:
        course, call = see(course, of, sighting, now, MIDDLE)
        if call:
            calls.append(now)
    return course, calls


def every_second(sighting: Sighting, begin: int, end: int) -> list[tuple[float, Sighting]]:
    return [(float(now), sighting) for now in range(begin, end)]


@pytest.mark.parametrize(
    ("looks", "of", "state", "since"),
    [
        pytest.param([(1.0, UP)], TUNNEL, State.UP, 1.0, id="up"),
        pytest.param([(100.0, replace(UP, age=40.0))], TUNNEL, State.UP, 60.0, id="was up before anybody looked"),
        pytest.param([(1.0, GONE)], TUNNEL, State.CONNECTING, 1.0, id="not up yet"),
        pytest.param([(1.0, UP), (3.0, GONE)], TUNNEL, State.CONNECTING, 3.0, id="lost"),
        pytest.param([(1.0, GONE), (9.0, GONE)], TUNNEL, State.CONNECTING, 1.0, id="for a while"),
        pytest.param([(1.0, GONE), (16.0, GONE)], TUNNEL, State.DOWN, 1.0, id="for longer than its patience"),
        pytest.param([(1.0, GONE), (16.0, GONE), (99.0, UP)], TUNNEL, State.UP, 99.0, id="and up again"),
        pytest.param([(1.0, CROWDED)], TUNNEL, State.PAUSED, 1.0, id="too many associations, and not up"),
        pytest.param([(1.0, replace(UP, associations=5))], TUNNEL, State.UP, 1.0, id="too many, and up"),
        pytest.param([(1.0, GONE)], NOBODY_CALLS, State.UNKNOWN, 0.0, id="silent once, nobody calls"),
        pytest.param([(1.0, UP), (31.0, GONE)], NOBODY_CALLS, State.UP, 1.0, id="lost one question"),
        pytest.param([(1.0, UP), (31.0, GONE), (36.0, GONE)], NOBODY_CALLS, State.DOWN, 31.0, id="lost many"),
        pytest.param([(1.0, GONE), (6.0, GONE)], NOBODY_CALLS, State.DOWN, 1.0, id="silent from the first"),
        pytest.param([(1.0, GONE), (6.0, GONE), (36.0, GONE)], NOBODY_CALLS, State.DOWN, 1.0, id="and later on"),
    ],
)
def test_how_it_stands(
    looks: list[tuple[float, Sighting]], of: ResolvedUndertaking, state: State, since: float
) -> None:
    course, _ = walk(new(), *looks, of=of)
    assert (course.state, course.since) == (state, since)


@pytest.mark.parametrize(
    ("looks", "of", "calls"),
    [
        pytest.param([(1.0, GONE)], TUNNEL, [], id="not at the first look: somebody may be about to"),
        pytest.param([(1.0, GONE), (2.0, GONE)], TUNNEL, [2.0], id="missing, and quiet"),
        pytest.param([(1.0, GONE), (1.0 + QUIET_SECONDS / 2, GONE)], TUNNEL, [], id="not quiet for long enough"),
        pytest.param(every_second(UP, 1, 60), TUNNEL, [], id="up"),
        pytest.param(every_second(CALLED, 1, 60), TUNNEL, [], id="the daemon itself calls"),
        pytest.param(every_second(BUSY, 1, 60), TUNNEL, [], id="it negotiates the rest"),
        pytest.param(
            [*every_second(CALLED, 1, 62), *every_second(replace(CALLED, attempts=("8",)), 62, 100)],
            TUNNEL,
            [61.0],
            id="an attempt that goes on for ever is replaced",
        ),
        pytest.param(every_second(CROWDED, 1, 100), TUNNEL, [], id="too many associations already"),
        pytest.param(every_second(GONE, 1, 100), NOBODY_CALLS, [], id="the other end calls"),
        pytest.param(every_second(GONE, 0, 61), TUNNEL, [1.0, 6.0, 16.0, 36.0], id="ever more slowly"),
        pytest.param([(1.0, UP), (100.0, GONE), (101.0, GONE)], TUNNEL, [101.0], id="lost after a long time"),
    ],
)
def test_when_it_is_called(looks: list[tuple[float, Sighting]], of: ResolvedUndertaking, calls: list[float]) -> None:
    assert walk(new(), *looks, of=of)[1] == calls


def test_what_does_not_stay_up_is_called_ever_more_slowly() -> None:
    """The other end takes it down as soon as it is up."""
    now, course = 0.0, new()
    calls: list[float] = []
    while now < 600:
        is_short = bool(calls) and now - calls[-1] < 1.5
        course, call = see(course, TUNNEL, UP if is_short else GONE, now, MIDDLE)
        calls += [now] if call else []
        now += 0.5
    assert len([when for when in calls if when < 60]) <= 4
    assert len(calls) <= 4 + 10
    assert course.state is State.DOWN
    assert course.since == 0.0


def test_what_was_up_for_long_is_called_at_once_again() -> None:
    course, _ = walk(new(), *every_second(GONE, 0, 100))
    assert course.attempt > 4
    up, _ = walk(course, (100.0, UP), (100.0 + STABLE_SECONDS, UP))
    assert walk(up, (200.0, GONE), (201.0, GONE))[1] == [201.0]


def test_two_ends_do_not_call_together() -> None:
    course, _ = walk(new(), (0.0, GONE))
    pauses = {see(course, TUNNEL, GONE, 2.0, jitter)[0].until for jitter in (0.0, 0.5, 0.999)}
    assert len(pauses) == 3
    assert all(6.0 <= until <= 8.0 for until in pauses)


def test_a_changed_configuration_is_called_for_within_a_step() -> None:
    course, _ = walk(new(), *every_second(GONE, 0, 100))
    after = changed(course, TUNNEL, 100.0)
    assert (after.state, after.since, after.due) == (State.CONNECTING, 100.0, 100.0)
    assert walk(after, (100.2, GONE), (101.2, GONE))[1] == [101.2]


def test_changes_in_a_row_are_no_way_to_call_more_often() -> None:
    course, calls = new(), []
    for second in range(60):
        course, call = see(changed(course, TUNNEL, second - 0.01), TUNNEL, GONE, float(second), MIDDLE)
        calls += [second] if call else []
        course, call = see(course, TUNNEL, GONE, second + 0.98, MIDDLE)
        calls += [second] if call else []
    assert len(calls) <= 60 / TUNNEL.pause + 1


def test_what_negotiates_a_former_configuration_is_given_up() -> None:
    course, _ = walk(new(), *every_second(CALLED, 0, 5))
    after = changed(course, TUNNEL, 5.0)
    course, _ = see(after, TUNNEL, CALLED, 5.5, MIDDLE)
    assert see(course, TUNNEL, CALLED, 6.5, MIDDLE)[1] == Call(("net",), ("7",))
    newer = replace(CALLED, attempts=("8",))
    course, _ = see(after, TUNNEL, newer, 5.5, MIDDLE)  # it may have begun before the change, after the last look
    assert see(course, TUNNEL, newer, 6.5, MIDDLE)[1] == Call(("net",), ("8",))
    assert walk(after, (5.5, GONE), *every_second(newer, 6, 30))[1] == []  # it began after the change
    assert walk(after, (5.5, newer), (6.5, UP))[1] == []


def test_what_is_up_stays_so_until_a_look_says_otherwise() -> None:
    course, _ = walk(new(), (1.0, UP))
    after = changed(course, TUNNEL, 5.0)
    assert (after.state, after.since) == (State.UP, 1.0)
    assert see(after, TUNNEL, UP, 5.0, MIDDLE)[0].due == 5.0 + LOOK_AGAIN_SECONDS
    assert see(after, TUNNEL, UP, 5.0 + CLOSE_SECONDS, MIDDLE)[0].due == 5.0 + CLOSE_SECONDS + TUNNEL.interval


def test_up_for_a_moment_is_not_up_in_between() -> None:
    course, _ = walk(new(), (1.0, GONE), (16.0, GONE), (17.0, UP), (18.0, GONE))
    assert (course.state, course.since) == (State.DOWN, 1.0)
    course, _ = walk(new(), (1.0, GONE), (16.0, GONE), (17.0, UP), (17.0 + BRIEF_SECONDS, GONE))
    assert (course.state, course.since) == (State.CONNECTING, 17.0 + BRIEF_SECONDS)


@pytest.mark.parametrize(
    ("sightings", "message"),
    [
        pytest.param([replace(UP, associations=4)] * 3, "", id="both ends have called"),
        pytest.param([replace(UP, associations=5)], "too many associations: 5, at most 4 are expected", id="at once"),
        pytest.param([replace(UP, associations=8, parts=2)], "", id="two parts have twice as many"),
        pytest.param([replace(UP, newest=str(number)) for number in range(5)], "", id="renewed now and then"),
        pytest.param(
            [replace(UP, newest=str(number * 100)) for number in range(6)],
            "too many associations: new ones at 5 looks within 60 s",
            id="one after the other",
        ),
    ],
)
def test_too_many_associations(sightings: list[Sighting], message: str) -> None:
    looks = [(2.0 * number, sighting) for number, sighting in enumerate(sightings)]
    course, _ = walk(new(), *looks)
    assert (course.message, course.is_crowded) == (message, bool(message))
    last = replace(sightings[-1], associations=1)
    assert not walk(course, (looks[-1][0] + COUNTED_SECONDS, last))[0].is_crowded


def test_what_cannot_be_asked_is_as_it_was() -> None:
    course, _ = walk(new(), (1.0, UP))
    assert unseen(course, 9.0) == replace(course, due=9.0 + LOOK_AGAIN_SECONDS)


@pytest.mark.parametrize("seed", range(20))
def test_whatever_is_seen_calls_are_few(seed: int) -> None:
    dice = random.Random(seed)
    course, calls, now = new(), 0, 0.0
    while now < 3600:
        now += dice.choice((0.3, 1.0, 2.0))
        course, call = see(course, TUNNEL, dice.choice((UP, GONE, CALLED, BUSY, CROWDED)), now, dice.random())
        calls += call is not None
        assert call is None or course.until >= now + TUNNEL.pause * 0.8
    assert calls <= 3600 / (TUNNEL.longest * 0.8) + 10
