"""A router on Docker whose daemon is restarted or killed while clients are at work."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import pytest

from lab import network
from lab.dockerd import CONTAINERD, PROGRAM, Dockerd
from lab.router import PROGRAM as SUPERVISOR
from lab.router import Router, program
from lab.scenarios import under_load
from lab.services import SERVICES
from lab.session import bring_up
from lab.topology import Lab
from tests.integration.handover.test_supervisor_ends import everyday
from tests.kit.live.invariants import ISOLATED, await_rest, pids, violations

pytestmark = [pytest.mark.integration, pytest.mark.lab, pytest.mark.timeout(120)]
BACK_SECONDS = 4.0  # the bar is 3 s after the daemon answers; under load a look takes most of a second by itself


@pytest.fixture(scope="module")
def router() -> Iterator[Router]:
    made = Router(Lab(f"vrdk-{os.getpid()}"), "docker")
    try:
        bring_up(made, say=lambda _: None, soak=0.7)
        yield made
    finally:
        made.stop()
        network.down(made.lab)


@pytest.fixture(params=["restarted", "killed"])
def is_killed(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "killed")


def end(daemon: Dockerd, is_killed: bool) -> None:
    if is_killed:
        daemon.kill()
    else:
        daemon.processes.stop(PROGRAM, patience=20.0)


def again(router: Router, *, live_restore: bool) -> Dockerd:
    """Start the daemon anew with this setting, and wait until everything is at rest.

    The former one is killed, not asked to end: without live-restore it would take services along, and their end may
    come after rest was seen. A new daemon without live-restore ends them as it starts.
    """
    before = pids(router)
    daemon = replace(router.dockerd, live_restore=live_restore)
    daemon.kill()
    daemon.start()
    if not live_restore:
        until(lambda: is_back(router, before), patience=30.0)
    await_rest(router)
    return daemon


def test_with_live_restore_clients_notice_nothing(router: Router, is_killed: bool) -> None:
    daemon = again(router, live_restore=True)
    before = pids(router)

    def act(_: object) -> None:
        end(daemon, is_killed)
        time.sleep(1.0)
        daemon.start()
        await_rest(router)

    seen, _ = under_load(router, everyday(router, 8.0), act)
    assert [one.fault for one in seen if one.fault] == []
    assert pids(router) == before
    assert violations(router) == []


def test_containerd_that_dies_takes_no_service_along(router: Router) -> None:
    daemon = again(router, live_restore=True)
    before = pids(router)

    def act(_: object) -> None:
        daemon.processes.stop(CONTAINERD, patience=0.0)
        daemon.start()
        await_rest(router)

    seen, _ = under_load(router, everyday(router, 6.0), act)
    assert [one.fault for one in seen if one.fault] == []
    assert pids(router) == before


def test_without_it_services_are_back_soon_after_the_daemon_and_none_twice(router: Router, is_killed: bool) -> None:
    daemon = again(router, live_restore=False)
    before = pids(router)

    def act(_: object) -> None:
        end(daemon, is_killed)
        daemon.start()
        began = time.monotonic()
        while not is_back(router, before):
            assert time.monotonic() - began < BACK_SECONDS, router.status()
            time.sleep(0.05)

    under_load(router, everyday(router, 15.0, long=False), act)  # clients do lose: every service ends with the daemon
    await_rest(router)
    assert violations(router) == []


def is_back(router: Router, before: dict[str, int]) -> bool:
    """True if every service runs anew, and answers."""
    status = router.status()
    listed = status["services"] if status else []
    assert isinstance(listed, list)
    now = pids(router)
    return (
        len(listed) == len(SERVICES)
        and all(one["ready"] for one in listed)
        and not set(now.items()) & set(before.items())
    )


def test_a_supervisor_that_comes_before_its_daemon_takes_over_what_runs_once_it_is_there(router: Router) -> None:
    daemon = again(router, live_restore=True)
    before = pids(router)

    def act(_: object) -> None:
        router.processes.stop(SUPERVISOR, patience=20.0)
        daemon.kill()
        router.processes.start(
            SUPERVISOR, [program("vr-supervisor"), "run", "--config", str(router.settings)], namespace=router.lab.router
        )
        until(lambda: "cannot reach Docker" in message(router))
        daemon.start()
        until(lambda: message(router) == "")
        await_rest(router)

    seen, _ = under_load(router, everyday(router, 10.0), act)
    assert [one.fault for one in seen if one.fault] == []
    assert pids(router) == before
    assert violations(router) == []


def test_what_a_prune_takes_away_is_made_again_as_the_same_generation(router: Router) -> None:
    """Holders are containers that do not run."""
    daemon = again(router, live_restore=True)
    before = pids(router)
    for words in (("system", "prune", "-f"), ("kill", *(f"{router.namespaces}{name}" for name in before))):
        subprocess.run(
            ["docker", f"--host=unix://{daemon.socket}", *words], check=True, capture_output=True, timeout=60
        )
    until(lambda: is_back(router, before))
    await_rest(router)
    assert with_holders(pids(router)) == with_holders(before)
    assert violations(router) == []


def with_holders(containers: Iterable[str]) -> set[str]:
    """Return the containers of services in a namespace of their own."""
    return {name for name in containers if any(service in name for service in ISOLATED)}


def message(router: Router) -> str:
    status = router.status()
    return str(status["supervisor"]["message"]) if status else "nobody answers"  # type: ignore[index]


def until(is_so: Callable[[], bool], patience: float = 20.0) -> None:
    limit = time.monotonic() + patience
    while not is_so():
        assert time.monotonic() < limit
        time.sleep(0.1)
