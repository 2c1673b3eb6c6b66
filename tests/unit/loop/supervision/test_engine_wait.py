"""An engine that comes after the supervisor, and one whose containers lost what they need to start."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from supervisor.decisions.retries import Policy
from supervisor.loop.supervision.engine_wait import EngineWait
from supervisor.values.errors import EngineDownError, EngineUnavailableError
from tests.kit.fakes.engine import FakeEngine
from tests.kit.simulation.router import SimulatedRouter
from tests.kit.simulation.samples import SERVICES
from tests.kit.simulation.scenarios import ALL, prepared

SERVICE = SERVICES[0]
SOON = Policy("engine-start", pause=0.01)
SCENARIO = next(scenario for scenario in ALL if scenario.service == SERVICE and scenario.name == "restart")


@pytest.fixture
def closing() -> Iterator[threading.Event]:
    made = threading.Event()
    yield made
    made.set()


def test_an_engine_that_answers_is_here_at_once(closing: threading.Event) -> None:
    one = EngineWait(FakeEngine(), closing, SOON)
    one.begin()
    called: list[int] = []
    one.then(lambda: called.append(threading.get_ident()))
    assert called == [threading.get_ident()]
    assert (one.version, one.message) == ("0.fake", "")


def test_an_engine_that_may_come_is_waited_for_and_said_meanwhile(closing: threading.Event) -> None:
    engine, came = FakeEngine(), threading.Event()
    engine.fail("start_service", EngineDownError("cannot reach it: not started"))
    one = EngineWait(engine, closing, SOON)
    one.begin()
    assert (one.version, one.message) == ("", "cannot reach it: not started")
    engine.fail("start_service", EngineUnavailableError("cannot use it"))  # somebody puts that right, too
    one.then(came.set)
    assert came.wait(5)
    assert (one.version, one.message) == ("0.fake", "")


def test_an_engine_that_will_never_come_ends_the_start(closing: threading.Event) -> None:
    engine = FakeEngine()
    engine.fail("start_service", EngineUnavailableError("cannot use it: it is not installed"))
    with pytest.raises(EngineUnavailableError, match="not installed"):
        EngineWait(engine, closing, SOON).begin()


def test_nothing_is_waited_for_once_the_supervisor_ends(closing: threading.Event) -> None:
    engine, came = FakeEngine(), threading.Event()
    engine.fail("start_service", EngineDownError("cannot reach it: not started"))
    one = EngineWait(engine, closing, SOON)
    one.begin()
    closing.set()
    one.then(came.set)
    assert not came.wait(0.1)
    assert not engine.is_running


@pytest.fixture
def router() -> Iterator[SimulatedRouter]:
    with prepared(SCENARIO) as made:
        yield made


def test_a_container_that_cannot_start_any_more_is_made_again_as_the_same_generation(router: SimulatedRouter) -> None:
    """As after `docker system prune`, which takes the holder of a container's namespace away."""
    worker, engine = router.supervisor.workers[SERVICE], router.machine.engine
    assert worker.keeper
    before = worker.keeper.instance
    engine.spoil(before.container_name)
    engine.kill(before.container_name, "SIGKILL")
    worker.run_until(lambda: engine.runs(before.container_name))
    worker.run_until_settled()
    assert worker.keeper
    assert worker.keeper.instance.generation == before.generation
    assert [container.name for container in engine.containers() if SERVICE in container.name] == [before.container_name]
