"""A router moves to another engine: each service once, by hand-over; what fails stays, is named, and is tried again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from queue import Empty

import pytest

from supervisor.loop.migration import Migration
from supervisor.loop.walk import Listener
from supervisor.values.state import Container
from supervisor.values.status import Progress
from tests.fakes.machine import Behaviour
from tests.unit.loop.loop_samples import SERVICES, image
from tests.unit.loop.scenarios import ALL, Router, prepared, swap

SERVICE = SERVICES[0]
SCENARIO = next(one for one in ALL if one.service == SERVICE and one.name == "restart")


class Move:
    """Satisfies `ports.EngineMove`: what was there when the move began is with the former engine."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self._there = {container.name for container in router.machine.engine.containers()}
        self.leaving: str | None = "former"

    def move_to(self, kind: str) -> None:
        raise NotImplementedError

    def carry_images(self) -> Iterator[tuple[int, int]]:
        yield from ((0, 2), (1, 2))

    def left_behind(self) -> tuple[Container, ...]:
        return tuple(one for one in self._router.machine.engine.containers() if one.name in self._there)

    def leave(self) -> None:
        assert self.left_behind() == ()
        self.leaving = None


def carry_out(router: Router, move: Move, closing: threading.Event | None = None) -> list[Progress]:
    life = router.life

    def follow(listener: Listener) -> Iterator[Progress]:
        life.workers[SERVICE].run_until_settled()
        with suppress(Empty):
            while True:
                yield listener.get_nowait()

    return list(Migration(life.world, move, life.workers, follow, closing or threading.Event()).carry_out())


@pytest.fixture
def router() -> Iterator[Router]:
    with prepared(SCENARIO) as made:
        yield made


def active(router: Router) -> int:
    keeper = router.life.workers[SERVICE].keeper
    assert keeper is not None
    return keeper.instance.generation


def test_every_service_gets_one_new_generation_of_the_version_it_runs(router: Router) -> None:
    move, before = Move(router), active(router)
    told = carry_out(router, move)
    assert [one.phase for one in told[:2]] == ["images", "images"]
    assert (told[-1].phase, told[-1].is_final, told[-1].error) == ("succeeded", True, None)
    assert [one.is_final for one in told[:-1]] == [False] * (len(told) - 1)
    assert (active(router), move.leaving) == (before + 1, None)
    assert router.machine.outage[SERVICE] == 0
    (record,) = router.life.supervision.history(SERVICE, 1)
    assert (record.kind, record.from_version) == ("migrate", record.to_version)


def test_there_is_nothing_to_do_twice(router: Router) -> None:
    move = Move(router)
    carry_out(router, move)
    (told,) = carry_out(router, move)
    assert (told.phase, told.error) == ("nothing", None)


def test_a_service_that_fails_stays_and_is_named_and_moves_when_asked_again(router: Router) -> None:
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


def test_a_service_that_got_a_new_generation_meanwhile_is_not_handed_over_again(router: Router) -> None:
    move = Move(router)
    swap(router, SERVICE)
    router.life.workers[SERVICE].run_until_settled()
    after = active(router)
    assert carry_out(router, move)[-1].phase == "succeeded"
    assert active(router) == after


def test_a_supervisor_that_ends_says_so(router: Router) -> None:
    closing = threading.Event()
    closing.set()
    move = Move(router)
    last = carry_out(router, move, closing)[-1]
    assert (last.phase, move.leaving) == ("interrupted", "former")
