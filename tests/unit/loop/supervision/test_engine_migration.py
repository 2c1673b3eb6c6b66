"""A router moves to another engine: each service once, by hand-over; what fails stays, is named, and is tried again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from queue import Empty
from types import MappingProxyType
from typing import Any, cast

import pytest

from supervisor.decisions.container import SERVICE_LABEL
from supervisor.loop.handover.run import Listener
from supervisor.loop.releases.library import Library
from supervisor.loop.supervision.engine_migration import EngineMigration
from supervisor.loop.supervision.supervision import Supervision
from supervisor.ports.media import Media
from supervisor.values.errors import (
    BusyError,
    EngineError,
    EngineUnavailableError,
    RenderError,
    RequestError,
    StateError,
    SupervisorError,
)
from supervisor.values.handover import Kind
from supervisor.values.names import ServiceName
from supervisor.values.release import Version
from supervisor.values.settings import Settings
from supervisor.values.state import Container
from supervisor.values.status import Progress
from tests.kit.fakes.folders import digest
from tests.kit.fakes.media import FakeMediaWatch
from tests.kit.simulation.machine import Behaviour
from tests.kit.simulation.router import SimulatedRouter, bring_up, simulated_router
from tests.kit.simulation.samples import SERVICES, image
from tests.kit.simulation.scenarios import ALL, prepared, swap
from tests.kit.simulation.supervisor import NamedConfigurations, SteppedWorker

SERVICE = SERVICES[0]
SCENARIO = next(scenario for scenario in ALL if scenario.service == SERVICE and scenario.name == "restart")


class Move:
    """Satisfies `ports.engine.EngineMove`: what was there when the move began is with the former engine."""

    def __init__(self, router: SimulatedRouter) -> None:
        self._router = router
        self._there = {container.name for container in router.machine.engine.containers()}
        self.leaving: str | None = "former"
        self.failures: list[EngineError] = []  # of the next questions for what is left behind
        self.no_space: EngineError | None = None
        self.not_turned: EngineError | None = None
        self.not_left: StateError | None = None

    def move_to(self, kind: str) -> None:
        if self.not_turned:
            raise self.not_turned
        self.leaving = "fake"

    def carry_images(self) -> Iterator[tuple[int, int]]:
        yield (0, 2)
        if self.no_space:
            raise self.no_space
        yield (1, 2)

    def arrived(self) -> tuple[Container, ...]:
        return tuple(
            container for container in self._router.machine.engine.containers() if container.name not in self._there
        )

    def left_behind(self) -> tuple[Container, ...]:
        if self.failures:
            self._router.machine.clock.advance(1.0)
            raise self.failures.pop()
        return tuple(
            container for container in self._router.machine.engine.containers() if container.name in self._there
        )

    def leave(self) -> None:
        if self.not_left:
            raise self.not_left
        assert self.leaving == "fake" or self.left_behind() == ()
        self.leaving = None


Begin = Callable[[Kind, Version | None], Listener]


class Asked:
    """A worker whose hand-overs begin with `begin`, which gets the worker's own first."""

    def __init__(self, worker: SteppedWorker, begin: Callable[[Begin, Kind, Version | None], Listener]) -> None:
        self._worker, self._begin = worker, begin

    def __getattr__(self, name: str) -> Any:
        return getattr(self._worker, name)

    def begin(self, kind: Kind, version: Version | None) -> Listener:
        return self._begin(self._worker.begin, kind, version)


def carry_out(
    router: SimulatedRouter,
    move: Move,
    closing: threading.Event | None = None,
    instead: Mapping[ServiceName, Asked] = MappingProxyType({}),
) -> list[Progress]:
    supervisor, images = router.supervisor, threading.Lock()

    def follow(listener: Listener) -> Iterator[Progress]:
        supervisor.settle()
        with suppress(Empty):
            while True:
                yield listener.get_nowait()

    closing = closing or threading.Event()
    workers = cast(Mapping[ServiceName, SteppedWorker], {**supervisor.workers, **instead})
    told = EngineMigration(supervisor.world, move, workers, follow, images, closing, turn_seconds=0.0)
    try:
        return list(told.carry_out())
    finally:
        assert not images.locked()


def told_as_incomplete(router: SimulatedRouter) -> list[str]:
    return [event.message for _, event in router.machine.store.events(0) if event.name == "move-incomplete"]


@pytest.fixture
def router() -> Iterator[SimulatedRouter]:
    with prepared(SCENARIO) as made:
        yield made


def active(router: SimulatedRouter) -> int:
    keeper = router.supervisor.workers[SERVICE].keeper
    assert keeper is not None
    return keeper.instance.generation


def test_every_service_gets_one_new_generation_of_the_version_it_runs(router: SimulatedRouter) -> None:
    move, before = Move(router), active(router)
    told = carry_out(router, move)
    assert [one.phase for one in told[:2]] == ["images", "images"]
    assert (told[-1].phase, told[-1].is_final, told[-1].error) == ("succeeded", True, None)
    assert [one.is_final for one in told[:-1]] == [False] * (len(told) - 1)
    assert (active(router), move.leaving) == (before + 1, None)
    assert router.machine.outage[SERVICE] == 0
    (record,) = router.supervisor.supervision.history(SERVICE, 1)
    assert (record.kind, record.from_version) == ("migrate", record.to_version)


def test_there_is_nothing_to_do_twice(router: SimulatedRouter) -> None:
    move = Move(router)
    carry_out(router, move)
    (told,) = carry_out(router, move)
    assert (told.phase, told.error) == ("nothing", None)


def test_a_service_that_fails_stays_and_is_named_and_moves_when_asked_again(router: SimulatedRouter) -> None:
    move, before = Move(router), active(router)
    router.machine.behaviours[image(SERVICE, "1.0")] = Behaviour(refuses_configuration=True)
    last = carry_out(router, move)[-1]
    assert last.phase == "failed"
    assert last.error
    assert last.error.startswith(f"not everything moved from former to fake: {SERVICE}: ")
    assert "bad line 7" in last.error
    assert (active(router), move.leaving) == (before, "former")
    assert router.machine.outage[SERVICE] == 0

    router.machine.behaviours.clear()
    assert carry_out(router, move)[-1].phase == "succeeded"
    assert move.leaving is None


def test_a_service_that_got_a_new_generation_meanwhile_is_not_handed_over_again(router: SimulatedRouter) -> None:
    move = Move(router)
    swap(router, SERVICE)
    router.supervisor.workers[SERVICE].run_until_settled()
    after = active(router)
    assert carry_out(router, move)[-1].phase == "succeeded"
    assert active(router) == after


def test_images_that_cannot_be_carried_over_turn_the_move_round(router: SimulatedRouter) -> None:
    move, before = Move(router), active(router)
    move.no_space = EngineError("cannot load an image: no space")
    with pytest.raises(EngineError, match="no space"):
        carry_out(router, move)
    assert (move.leaving, active(router)) == (None, before)
    assert told_as_incomplete(router) == ["not everything moved from former to fake: cannot load an image: no space"]


def test_what_went_wrong_first_is_what_is_said(router: SimulatedRouter, caplog: pytest.LogCaptureFixture) -> None:
    move = Move(router)
    move.no_space, move.not_turned = EngineError("cannot load an image: no space"), EngineError("cannot go back")
    with pytest.raises(EngineError, match="no space"):
        carry_out(router, move)
    assert move.leaving == "former"
    assert [record.reason for record in caplog.records if record.message == "move not turned round"] == [  # type: ignore[attr-defined]
        "cannot go back"
    ]


def test_an_engine_that_is_away_for_a_moment_is_waited_for(router: SimulatedRouter) -> None:
    move = Move(router)
    move.failures = [EngineUnavailableError("cannot list containers: it went away")] * 3
    assert carry_out(router, move)[-1].phase == "succeeded"


def test_an_engine_that_stays_away_ends_the_move_and_that_is_remembered(router: SimulatedRouter) -> None:
    move = Move(router)
    move.failures = [EngineUnavailableError("cannot list containers: it went away")] * 1000
    with pytest.raises(EngineUnavailableError):
        carry_out(router, move)
    assert told_as_incomplete(router) == [
        "not everything moved from former to fake: cannot list containers: it went away"
    ]


def test_a_service_that_was_not_looked_at_yet_is_waited_for(router: SimulatedRouter) -> None:
    move, before = Move(router), active(router)
    router.boot()  # and it has not had its turn yet
    worker = router.supervisor.workers[SERVICE]
    assert worker.keeper is None

    def begin_at_last(begin: Begin, kind: Kind, version: Version | None) -> Listener:
        """The worker has its first turn while it is asked."""
        try:
            return begin(kind, version)
        except BusyError:
            worker.run_until_settled()
            raise

    told = carry_out(router, move, instead={SERVICE: Asked(worker, begin_at_last)})
    assert (told[-1].phase, active(router)) == ("succeeded", before + 1)


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(RenderError("cannot render main.conf: no such name"), id="templates"),
        pytest.param(StateError("cannot write the state: disk full"), id="store"),
    ],
)
def test_a_service_whose_move_cannot_begin_is_named_and_the_others_move(error: SupervisorError) -> None:
    with simulated_router() as router:
        bring_up(router, *SERVICES[:2])
        move, (first, second) = Move(router), SERVICES[:2]

        def refuse(begin: Begin, kind: Kind, version: Version | None) -> Listener:
            raise error

        refusing = Asked(router.supervisor.workers[first], refuse)
        last = carry_out(router, move, instead={first: refusing})[-1]
        assert (last.phase, move.leaving) == ("failed", "former")
        assert [container.label(SERVICE_LABEL) for container in move.left_behind()] == [first]
        assert [record.kind for record in router.supervisor.supervision.history(second, 1)] == ["migrate"]
        (told,) = told_as_incomplete(router)
        assert f"{first}: {error}" in told


def test_an_error_that_ends_a_move_is_remembered_with_its_reason(router: SimulatedRouter) -> None:
    move, error = Move(router), StateError("cannot read the state: it is away")
    move.not_left = error
    with pytest.raises(StateError, match="it is away"):
        carry_out(router, move)
    assert told_as_incomplete(router) == [f"not everything moved from former to fake: {error}"]


@pytest.mark.parametrize("engine", ["former", "fake"])
def test_settings_that_insist_on_an_engine_are_refused_before_anything_moves(
    router: SimulatedRouter, engine: str
) -> None:
    supervisor, move = router.supervisor, Move(router)
    world = replace(supervisor.world, settings=Settings(engine=engine))
    supervision = Supervision(
        world, Library(world, cast(Media, None)), NamedConfigurations({}), digest, FakeMediaWatch(), move=move
    )
    with pytest.raises(RequestError, match=f"says engine: {engine}, .* say engine: auto there first"):
        list(supervision.migrate_engine("fake", wait=True))
    assert move.leaving == "former"


def test_a_supervisor_that_ends_says_so(router: SimulatedRouter) -> None:
    closing = threading.Event()
    closing.set()
    move = Move(router)
    last = carry_out(router, move, closing)[-1]
    assert (last.phase, move.leaving) == ("interrupted", "former")
