"""What the process of an active instance is taken to be doing, and what that means together with its probes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from supervisor.decisions import health
from supervisor.decisions.health import Health
from supervisor.decisions.process_state import (
    AGAIN_SECONDS,
    BACKSTOP_SECONDS,
    LOOK_SECONDS,
    LOOKS,
    Condition,
    Event,
    Process,
    State,
    advance,
    condition,
    is_ready,
    seen,
)
from supervisor.values.state import Container, ContainerState

NOW = 100.0
R, S, M, D, G = State.RUNNING, State.SUSPECTED, State.MISSED, State.DOWN, State.GONE
LEFT = {R: 0, S: LOOKS, M: LOOKS, D: 0, G: 0}  # looks, in each state

ROWS: dict[Event, tuple[State | None, ...]] = {
    #                       R  S  M  D     G
    Event.EXIT_NOTICED: (S, S, M, D, G),
    Event.SEEN_NEW: (R, R, R, None, None),
    Event.SEEN_AGAIN: (R, S, S, None, None),
    Event.SEEN_PAUSED: (R, S, S, None, None),
    Event.SEEN_ENDED: (D, D, D, None, None),
    Event.SEEN_MISSING: (G, G, G, G, G),
    Event.ENGINE_FAILED: (R, M, M, None, None),
    Event.KILLED: (D, D, D, None, None),
    Event.STARTED: (None, None, None, R, R),
    Event.NOT_STARTED: (None, None, None, D, D),
}


@pytest.mark.parametrize("event", Event)
@pytest.mark.parametrize("state", State)
def test_each_event_leads_from_each_state_to_one_or_is_impossible(state: State, event: Event) -> None:
    process, after = Process(state, NOW, LEFT[state]), ROWS[event][list(State).index(state)]
    if after is None:
        with pytest.raises(KeyError):
            advance(process, event, NOW)
    else:
        assert advance(process, event, NOW).state is after


@pytest.mark.parametrize(
    ("state", "event", "waits"),
    [
        pytest.param(R, Event.EXIT_NOTICED, 0.0, id="an end is looked into at once"),
        pytest.param(R, Event.SEEN_NEW, BACKSTOP_SECONDS, id="what is watched is looked at now and then"),
        pytest.param(R, Event.SEEN_AGAIN, BACKSTOP_SECONDS, id="and again"),
        pytest.param(S, Event.SEEN_NEW, BACKSTOP_SECONDS, id="another process: the end was of the one before"),
        pytest.param(S, Event.SEEN_AGAIN, LOOK_SECONDS, id="an engine that has not heard of it is asked often"),
        pytest.param(S, Event.SEEN_PAUSED, BACKSTOP_SECONDS, id="what is frozen has not ended"),
        pytest.param(R, Event.ENGINE_FAILED, AGAIN_SECONDS, id="without an engine the probes go on"),
        pytest.param(S, Event.ENGINE_FAILED, LOOK_SECONDS, id="what has ended is not left lying"),
        pytest.param(D, Event.STARTED, 0.0, id="what was started is seen at once"),
    ],
)
def test_when_the_engine_is_asked_next(state: State, event: Event, waits: float) -> None:
    assert advance(Process(state, 0.0, LEFT[state]), event, NOW).due == pytest.approx(NOW + waits)


def test_an_end_that_the_engine_never_confirms_is_taken_for_a_mistake() -> None:
    process = advance(Process(), Event.EXIT_NOTICED, NOW)
    for left in range(LOOKS - 1, -1, -1):
        assert process.state is State.SUSPECTED
        process = advance(process, Event.SEEN_AGAIN, NOW)
        assert process.looks == left
    assert process.state is State.RUNNING
    assert advance(process, Event.SEEN_AGAIN, NOW).due == NOW + BACKSTOP_SECONDS


def test_a_second_notice_of_an_end_begins_the_looks_anew() -> None:
    process = advance(Process(State.SUSPECTED, NOW, 1), Event.EXIT_NOTICED, NOW)
    assert process.looks == LOOKS


def test_what_was_started_again_has_left_its_end_behind() -> None:
    process = advance(Process(), Event.EXIT_NOTICED, NOW)
    for event in (Event.SEEN_ENDED, Event.STARTED, Event.ENGINE_FAILED):
        process = advance(process, event, NOW)
    assert process.state is State.RUNNING


@pytest.mark.parametrize(
    ("events", "waits"),
    [
        pytest.param((Event.STARTED,), LOOK_SECONDS, id="what was started is not watched yet"),
        pytest.param((Event.STARTED, Event.ENGINE_FAILED), LOOK_SECONDS, id="however often the engine fails"),
        pytest.param((Event.STARTED, Event.SEEN_NEW), AGAIN_SECONDS, id="once it is watched its end is noticed"),
    ],
)
def test_a_look_that_fails_is_repeated_soon_until_the_process_is_watched(
    events: tuple[Event, ...], waits: float
) -> None:
    process = Process(State.DOWN)
    for event in (*events, Event.ENGINE_FAILED):
        process = advance(process, event, NOW)
    assert process.state is State.RUNNING
    assert process.due == pytest.approx(NOW + waits)


@pytest.mark.parametrize(
    ("state", "pid", "watched", "event"),
    [
        pytest.param(ContainerState.RUNNING, 7, None, Event.SEEN_NEW, id="first look"),
        pytest.param(ContainerState.RUNNING, 7, 6, Event.SEEN_NEW, id="started by somebody else"),
        pytest.param(ContainerState.RUNNING, 7, 7, Event.SEEN_AGAIN, id="as before"),
        pytest.param(ContainerState.RUNNING, None, 7, Event.SEEN_ENDED, id="running without a process"),
        pytest.param(ContainerState.PAUSED, 7, 7, Event.SEEN_PAUSED, id="frozen"),
        pytest.param(ContainerState.EXITED, None, 7, Event.SEEN_ENDED, id="ended"),
        pytest.param(ContainerState.CREATED, None, None, Event.SEEN_ENDED, id="never started"),
        pytest.param(ContainerState.OTHER, None, 7, Event.SEEN_ENDED, id="being removed"),
    ],
)
def test_what_a_container_shows(state: ContainerState, pid: int | None, watched: int | None, event: Event) -> None:
    container = Container("id", "name", "image", state, pid, None, ())  # type: ignore[arg-type]
    assert seen(container, watched) is event


GOOD = health.presumed(0.0)
NOT_ASKED = health.adopted(0.0)
BAD = health.unproven(0.0)
SHAKY = replace(BAD, streak=1)  # the last answer was good


@pytest.mark.parametrize(
    ("state", "readiness", "liveness", "is_blind", "expected"),
    [
        pytest.param(R, GOOD, GOOD, False, Condition.READY, id="all is well"),
        pytest.param(S, GOOD, GOOD, False, Condition.READY, id="a suspicion is no end"),
        pytest.param(R, NOT_ASKED, GOOD, False, Condition.UNKNOWN, id="adopted"),
        pytest.param(R, NOT_ASKED, GOOD, True, Condition.BLIND, id="adopted, and not to be asked"),
        pytest.param(R, GOOD, GOOD, True, Condition.BLIND, id="was ready, and cannot be asked any more"),
        pytest.param(R, BAD, GOOD, True, Condition.UNREADY, id="was not ready when it could be asked last"),
        pytest.param(R, BAD, GOOD, False, Condition.UNREADY, id="not ready"),
        pytest.param(R, BAD, BAD, False, Condition.HUNG, id="does not answer"),
        pytest.param(R, BAD, SHAKY, False, Condition.UNREADY, id="answered just now"),
        pytest.param(M, BAD, BAD, True, Condition.MISSED, id="its end explains the silence"),
        pytest.param(D, BAD, BAD, True, Condition.DOWN, id="down"),
        pytest.param(G, BAD, BAD, True, Condition.GONE, id="its container was removed"),
        pytest.param(D, GOOD, GOOD, False, Condition.DOWN, id="what is down is not ready, whatever was found"),
    ],
)
def test_the_worst_that_holds_is_the_condition(
    state: State, readiness: Health, liveness: Health, is_blind: bool, expected: Condition
) -> None:
    assert condition(Process(state), readiness, liveness, is_blind=is_blind) is expected


@pytest.mark.parametrize(
    ("state", "readiness", "expected"),
    [(R, GOOD, True), (M, GOOD, True), (R, BAD, False), (R, NOT_ASKED, False), (D, GOOD, False), (G, GOOD, False)],
)
def test_only_what_runs_and_is_known_to_be_ready_is_ready(state: State, readiness: Health, expected: bool) -> None:
    assert is_ready(Process(state), readiness) is expected
