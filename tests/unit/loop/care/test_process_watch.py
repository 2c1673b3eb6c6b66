"""The watch over the process of an active instance, with an engine and a kernel that do what a test says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, cast

import pytest

from supervisor.decisions.process_state import BACKSTOP_SECONDS, LOOK_SECONDS, LOOKS, State
from supervisor.loop.care.process_watch import ProcessWatch
from supervisor.loop.engine_outage import EngineOutage
from supervisor.values.errors import EngineError, EngineUnavailableError, NetworkError, NoSuchContainerError
from supervisor.values.state import Container, ContainerState, Usage
from tests.kit.fakes.kernel import FakeExits

RUNNING = Container("id", "name", cast(Any, "image"), ContainerState.RUNNING, 7, None, (), started=50.0)
ENDED = replace(RUNNING, state=ContainerState.EXITED, pid=None, exit_code=3)


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def now(self) -> float:
        return 1000.0 + self.seconds

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


class Engine:
    """Shows one container, or fails."""

    def __init__(self) -> None:
        self.shows: Container | Exception = RUNNING
        self.looks = 0
        self.killed: list[str] = []

    def inspect(self, name: str) -> Container:
        self.looks += 1
        if isinstance(self.shows, Exception):
            raise self.shows
        return self.shows

    def usage(self, name: str) -> Usage:
        return Usage(self.looks, None, 0.0, 1)

    def kill(self, name: str, signal: str) -> None:
        self.killed.append(signal)


class Scene:
    """A watch, and what is around it."""

    def __init__(self) -> None:
        self.engine, self.exits, self.clock, self.noticed = Engine(), FakeExits(), Clock(), list[str]()
        self.outage = EngineOutage()
        self.watch = ProcessWatch(
            "name", cast(Any, self.engine), self.exits, self.outage, self.clock, lambda: self.noticed.append("end")
        )

    @property
    def state(self) -> State:
        return self.watch.process.state

    def turn_after(self, seconds: float) -> str:
        self.clock.sleep(seconds)
        return self.watch.turn()


@pytest.fixture
def scene() -> Iterator[Scene]:
    made = Scene()
    yield made
    made.watch.release()
    assert not made.exits.watched


@contextmanager
def unavailable(engine: Engine) -> Iterator[None]:
    engine.shows, before = EngineUnavailableError("cannot inspect: away"), engine.shows
    yield
    engine.shows = before


def test_the_first_turn_looks_watches_and_measures(scene: Scene) -> None:
    assert scene.watch.turn() == ""
    assert (list(scene.exits.watched), scene.watch.since) == ([7], 50.0)
    assert scene.watch.usage
    assert scene.watch.due_in() == BACKSTOP_SECONDS


def test_between_its_looks_a_turn_costs_nothing(scene: Scene) -> None:
    scene.watch.turn()
    scene.turn_after(BACKSTOP_SECONDS / 2)
    assert scene.engine.looks == 1
    scene.turn_after(BACKSTOP_SECONDS / 2)
    assert scene.engine.looks == 2
    assert scene.watch.usage == Usage(2, None, 0.0, 1)


def test_an_end_is_confirmed_by_the_engine_at_once(scene: Scene) -> None:
    scene.watch.turn()
    scene.engine.shows = ENDED
    scene.exits.ended(7)
    assert scene.noticed == ["end"]
    scene.watch.exited()
    assert scene.watch.turn() == "it ended with exit code 3"
    assert (scene.state, scene.watch.usage, scene.exits.watched) == (State.DOWN, None, {})


def test_an_engine_that_has_not_heard_of_the_end_is_asked_until_it_has(scene: Scene) -> None:
    scene.watch.turn()
    scene.watch.exited()
    for _ in range(5):
        assert scene.turn_after(LOOK_SECONDS) == ""
        assert scene.state is State.SUSPECTED
    scene.engine.shows = ENDED
    assert scene.turn_after(LOOK_SECONDS)
    assert scene.state is State.DOWN


def test_an_end_that_was_none_is_forgotten_after_a_while(scene: Scene) -> None:
    scene.watch.turn()
    scene.watch.exited()
    for _ in range(LOOKS):
        scene.turn_after(LOOK_SECONDS)
    assert (scene.state, list(scene.exits.watched)) == (State.RUNNING, [7])


def test_an_end_is_missed_while_the_engine_is_away_and_that_is_noticed_as_an_outage(scene: Scene) -> None:
    scene.watch.turn()
    scene.watch.exited()
    with unavailable(scene.engine), pytest.raises(EngineUnavailableError):
        scene.watch.turn()
    states = [scene.state]
    assert scene.outage.is_recent(scene.clock.monotonic())
    assert scene.turn_after(LOOK_SECONDS) == ""
    assert [*states, scene.state] == [State.MISSED, State.SUSPECTED]


def test_an_engine_that_fails_says_nothing_of_a_process_whose_end_nobody_noticed(scene: Scene) -> None:
    scene.watch.turn()
    scene.engine.shows = EngineError("cannot inspect: refused")
    with pytest.raises(EngineError):
        scene.turn_after(BACKSTOP_SECONDS)
    assert (scene.state, list(scene.exits.watched)) == (State.RUNNING, [7])


def test_a_container_that_was_removed_is_gone(scene: Scene) -> None:
    scene.watch.turn()
    scene.engine.shows = NoSuchContainerError("name")
    assert scene.turn_after(BACKSTOP_SECONDS) == "its container is gone"
    assert scene.state is State.GONE


def test_another_process_of_the_container_is_watched_in_place_of_the_former(scene: Scene) -> None:
    scene.watch.turn()
    scene.engine.shows = replace(RUNNING, pid=8, started=60.0)
    scene.turn_after(BACKSTOP_SECONDS)
    assert (list(scene.exits.watched), scene.watch.since) == ([8], 60.0)


def test_a_process_that_could_not_be_watched_is_watched_from_the_next_look_on(scene: Scene) -> None:
    scene.exits.failures.append(NetworkError("cannot watch process 7: too many open files"))
    with pytest.raises(NetworkError):
        scene.watch.turn()
    assert scene.exits.watched == {}
    assert scene.turn_after(BACKSTOP_SECONDS) == ""
    assert list(scene.exits.watched) == [7]


def test_what_is_killed_is_down_without_asking(scene: Scene) -> None:
    scene.watch.turn()
    scene.watch.kill()
    assert (scene.engine.killed, scene.state, scene.exits.watched) == (["SIGKILL"], State.DOWN, {})


def test_what_was_started_again_is_looked_at_at_once(scene: Scene) -> None:
    scene.watch.turn()
    scene.watch.kill()
    scene.engine.shows = replace(RUNNING, pid=9, started=None)
    scene.clock.sleep(1.0)
    scene.watch.started()
    assert (scene.watch.due_in(), scene.watch.since) == (0.0, scene.clock.now())
    scene.watch.turn()
    assert list(scene.exits.watched) == [9]


@pytest.mark.parametrize(("is_missing", "state"), [(True, State.GONE), (False, State.DOWN)])
def test_a_start_that_failed_leaves_it_down_and_says_whether_it_can_be_repeated(
    scene: Scene, is_missing: bool, state: State
) -> None:
    scene.watch.turn()
    scene.watch.kill()
    scene.watch.not_started(is_missing=is_missing)
    assert scene.state is state
