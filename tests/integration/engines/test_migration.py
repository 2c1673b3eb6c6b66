"""A router moves from Podman to Docker and back while clients are at work: they notice nothing, and nothing is left."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from dataclasses import replace

import pytest

from lab import network
from lab.router import Router
from lab.scenarios import Begin, await_quiet, follow, migrate, under_load
from lab.services import SERVICES, busiest
from lab.session import bring_up
from lab.tools import LabError
from lab.topology import Lab
from supervisor.edges.engine import make_engine
from supervisor.edges.engine.choice import leaving, recorded
from tests.integration.handover.test_supervisor_ends import end, everyday, restart
from tests.kit.live.invariants import ISOLATED, await_rest, pids, violations

pytestmark = [pytest.mark.integration, pytest.mark.lab, pytest.mark.timeout(180)]
NAMES = busiest(isolated=False)
OTHER = {"podman": "docker", "docker": "podman"}


@pytest.fixture(scope="module")
def router() -> Iterator[Router]:
    """Return a router on Podman, with a Docker daemon beside it."""
    made = Router(Lab(f"vrmg-{os.getpid()}"))
    try:
        network.up(made.lab)  # the daemon lives in the router's namespace
        made.dockerd.start()
        bring_up(made, say=lambda _: None, soak=0.7, engine="auto", engine_socket=str(made.dockerd.socket))
        made.vrctl("bundle", "prune")  # the newer release: half as many images to carry
        yield made
    finally:
        made.stop()
        network.down(made.lab)


@pytest.fixture
def there(router: Router) -> Iterator[str]:
    """Return the engine that the router is not on. Where a test leaves it, the next one begins."""
    here = recorded(router.state)
    assert here is not None
    runs_on(router, here)
    yield OTHER[here]
    migrate(router, recorded(router.state) or here, nothing)


def nothing(_: str) -> None:
    """Take no notice of a step."""


def runs_on(router: Router, kind: str) -> None:
    """Check that everything is with this engine, and nothing with the other one."""
    await_rest(router)
    status = router.status()
    assert status is not None
    assert status["supervisor"]["engine"] == kind  # type: ignore[index]
    assert (recorded(router.state), leaving(router.state)) == (kind, None)
    assert violations(replace(router, engine=kind)) == []
    left = make_engine(OTHER[kind], router.state, router.runtime, socket=router.dockerd.socket)
    left.start_service()
    try:
        assert (left.containers(), left.images()) == ((), ())
    finally:
        left.stop_service()
        left.close()


def test_clients_notice_nothing_of_a_move_there_and_back(router: Router, there: str) -> None:
    def act(_: Begin) -> None:
        migrate(router, there, nothing)
        migrate(router, OTHER[there], nothing)

    # Without the connection that stays open: the first move would not be over before that ends.
    seen, held = under_load(router, everyday(router, 45.0, long=False), act)

    assert [one.fault for one in seen if one.fault] == []
    assert all(check.is_good for check in held), held
    runs_on(router, OTHER[there])


@pytest.mark.parametrize("step", ["images", "start", "soak"])
def test_a_move_that_lost_its_supervisor_goes_on_when_it_is_asked_for_again(
    router: Router, there: str, step: str
) -> None:
    reached: list[str] = []

    def at(phase: str) -> None:
        if phase == step and step not in reached:
            end(router, signal.SIGKILL)
        reached.append(phase)

    def act(_: Begin) -> None:
        migrate(router, there, at, expect_success=False)
        restart(router)
        assert is_moving(router, there)
        await_rest(router)
        migrate(router, there, nothing)

    seen, _ = under_load(router, everyday(router, 20.0, *ISOLATED), act)

    assert step in reached
    assert [one.fault for one in seen if one.fault] == []
    runs_on(router, there)


def test_services_that_cannot_move_stay_and_are_named(router: Router, there: str) -> None:
    def at(phase: str) -> None:
        if phase == "ready":  # whatever candidate that is
            for pid in pids(replace(router, engine=there)).values():
                kill(pid)

    with pytest.raises(
        LabError, match=rf"not everything moved from {OTHER[there]} to {there}: .*{NAMES}: .*{ISOLATED[-1]}: "
    ):
        migrate(router, there, at)
    assert is_moving(router, there)
    assert recorded(router.state) == there
    await_rest(router)

    migrate(router, there, nothing)
    runs_on(router, there)


def test_between_two_engines_services_are_handed_over_as_ever_and_the_move_may_be_turned_round(
    router: Router, there: str
) -> None:
    def at(phase: str) -> None:
        if phase == "images":
            end(router, signal.SIGKILL)

    migrate(router, there, at, expect_success=False)
    restart(router)
    moved = busiest(isolated=True)
    follow(router, ["restart", moved], nothing)
    await_quiet(router, moved)
    assert [name.removeprefix("vrs-").rpartition("-")[0] for name in pids(replace(router, engine=there))] == [moved]
    assert len(pids(replace(router, engine=OTHER[there]))) == len(SERVICES) - 1

    migrate(router, OTHER[there], nothing)
    runs_on(router, OTHER[there])


def test_settings_that_insist_on_the_former_engine_are_refused_before_anything_moves(
    router: Router, there: str
) -> None:
    text = router.settings.read_text()
    router.settings.write_text(text.replace("engine: auto", f"engine: {OTHER[there]}"))
    try:
        with pytest.raises(LabError, match=f"says engine: {OTHER[there]}"):
            migrate(router, there, nothing)
    finally:
        router.settings.write_text(text)
    runs_on(router, OTHER[there])


def is_moving(router: Router, to: str) -> bool:
    status = router.status()
    assert status is not None
    message: str = status["supervisor"]["message"]  # type: ignore[index]
    return message == f"moving from {OTHER[to]} to {to}"


def kill(pid: int | None) -> None:
    if pid:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
