"""A supervisor without the key of its configuration disturbs nobody, names the key, and goes on when it is back."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from supervisor.edges.secret_keys import FilePlace
from supervisor.edges.store import KeyRing, SqliteStore
from supervisor.values.errors import RequestError, SecretKeyError
from supervisor.values.names import ServiceName
from tests.kit.simulation.router import SimulatedRouter
from tests.kit.simulation.scenarios import ALL, prepared, settle, swap
from tests.kit.simulation.supervisor import SteppedWorker

SERVICE = ServiceName("isolated")
each = pytest.mark.parametrize("service", [SERVICE, ServiceName("takeover")])


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return tmp_path / "the.key"


@pytest.fixture
def router(service: ServiceName, key: Path) -> Iterator[SimulatedRouter]:
    """A router whose second supervisor has encrypted the configuration that the first one stored in clear."""
    scenario = next(one for one in ALL if one.service == service and one.name == "restart")
    with prepared(scenario) as made:
        swap(made, service)
        settle(made, service)
        restart(made, key)
        settle(made, service)
        assert key.exists()
        yield made
        made.supervisor.supervision._parts.closing.set()


def restart(router: SimulatedRouter, key: Path, meanwhile: Callable[[], object] = lambda: None) -> None:
    """The supervisor ends, something happens, another one begins."""
    if hasattr(router, "supervisor"):
        router.supervisor.supervision._parts.closing.set()
    router.die()
    router.machine.store.close()
    meanwhile()
    router.machine.store = SqliteStore(router.machine.folder, KeyRing(FilePlace(key)))
    router.boot()
    for worker in router.supervisor.workers.values():
        worker.run_until(functools.partial(is_ready, worker))


def is_ready(worker: SteppedWorker) -> bool:
    """True if what runs was adopted and its probes hold."""
    return bool(worker.parts.agenda.is_adopted and worker.keeper and worker.keeper.is_ready)


def awaited(is_so: Callable[[], object]) -> bool:
    for _ in range(800):
        if is_so():
            return True
        time.sleep(0.01)
    return False


def what_runs(router: SimulatedRouter) -> list[tuple[str, int | None]]:
    return [(container.name, container.pid) for container in router.machine.engine.containers()]


def is_well(router: SimulatedRouter) -> bool:
    """True if nothing is wrong with the router as a whole; its secrets are looked at again before."""
    router.supervisor.supervision._parts.startup.secrets.turn()
    return router.supervisor.supervision.status().message == ""


def events(router: SimulatedRouter) -> list[str]:
    return [event.name for event in router.supervisor.supervision.events(follow=False)]


@each
def test_what_runs_goes_on_and_the_status_says_what_is_missing(
    router: SimulatedRouter, service: ServiceName, key: Path
) -> None:
    machine, before = router.machine, (what_runs(router), dict(router.machine.folders.configs))
    good = router.supervisor.supervision.status().secrets
    assert good is not None
    restart(router, key, lambda: key.rename(key.with_name("away")))
    machine.clock.advance(5.0)
    for worker in router.supervisor.workers.values():
        worker.run_until(functools.partial(is_ready, worker))
    assert (what_runs(router), dict(machine.folders.configs)) == before
    assert machine.outage[service] < 0.2
    status = router.supervisor.supervision.status()
    assert status.message == f"cannot decrypt what is stored: key {good.key} is missing; no key is in {key}"
    assert [(one.version, one.is_ready) for one in status.services] == [("2.0-1", True)]
    assert "secrets-warning" in events(router)
    assert router.unexpected_errors.messages == []


@each
def test_what_is_sent_meanwhile_waits_and_replaces_nothing(
    router: SimulatedRouter, service: ServiceName, key: Path
) -> None:
    restart(router, key, lambda: key.rename(key.with_name("away")))
    machine, life = router.machine, router.supervisor
    before = what_runs(router), dict(machine.folders.configs)
    last = list(life.supervision.apply_config((("part", b""),)))[-1]
    assert last.phase == "refused"
    assert "is missing" in last.message
    assert "taken in as soon as they can be" in last.message
    assert (what_runs(router), dict(machine.folders.configs)) == before
    with pytest.raises(SecretKeyError):
        machine.store.configuration()
    key.with_name("away").rename(key)
    assert awaited(lambda: is_well(router))
    assert awaited(lambda: machine.store.configuration() == "part")
    assert "secrets-good" in events(router)
    assert router.unexpected_errors.messages == []


@each
def test_it_goes_on_by_itself_when_the_key_is_back(router: SimulatedRouter, service: ServiceName, key: Path) -> None:
    restart(router, key, lambda: key.rename(key.with_name("away")))
    life = router.supervisor
    assert life.supervision._parts.configuration.router is None
    key.with_name("away").rename(key)
    assert awaited(lambda: life.supervision._parts.configuration.router is not None)
    settle(router, service)
    assert awaited(lambda: is_well(router))
    list(life.supervision.restart(service, wait=False))
    settle(router, service)
    assert life.supervision.status().is_ready


@each
def test_what_is_abandoned_is_waited_for_until_all_of_it_is_sent_again(
    router: SimulatedRouter, service: ServiceName, key: Path
) -> None:
    restart(router, key, key.unlink)
    machine, life = router.machine, router.supervisor
    before = what_runs(router), dict(machine.folders.configs)
    place = life.supervision.abandon_secrets()
    assert (machine.folder / place).exists()
    assert awaited(lambda: "configuration was lost" in life.supervision.status().message)
    assert awaited(lambda: "is missing" not in life.supervision.status().message)
    list(life.supervision.apply_config((("part", b""),)))
    life.workers[service].run_until(lambda: machine.clock.elapsed > 1e9 or life.workers[service].parts.inbox.is_empty)
    assert (what_runs(router), dict(machine.folders.configs)) == before
    list(life.supervision.apply_config((("plain", b""),)))
    settle(router, service)
    assert awaited(lambda: is_well(router))
    assert what_runs(router) == before[0]
    assert "secrets-abandoned" in events(router)


@pytest.mark.parametrize("service", [SERVICE])
def test_a_new_key_is_in_use_at_once_and_the_former_goes_with_the_copies(
    router: SimulatedRouter, service: ServiceName, key: Path
) -> None:
    machine, life = router.machine, router.supervisor
    for _ in range(2):
        machine.store.save_copy()
    former = machine.store.secrets().key
    lines = list(life.supervision.rotate_secrets(wait=False))
    fresh = machine.store.secrets().key
    assert fresh != former
    assert lines[-1].is_final
    assert (
        lines[-1].message == f"key {fresh} is in use; key {former} is still needed for state.db.copy-1, state.db.copy-2"
    )
    for _ in range(2):
        machine.store.save_copy()
    life.supervision._parts.startup.secrets.turn()
    assert machine.store.secrets().former == ()
    assert events(router).count("secrets-encrypted") == 1
    assert "asked" in events(router)


@each
def test_what_is_asked_for_without_the_key_is_refused_and_harms_nobody(
    router: SimulatedRouter, service: ServiceName, key: Path
) -> None:
    restart(router, key, lambda: key.rename(key.with_name("away")))
    machine, life = router.machine, router.supervisor
    before = what_runs(router), dict(machine.folders.configs)
    for ask in (life.supervision.restart, life.supervision.rollback):
        with pytest.raises(RequestError, match="the router has no configuration yet"):
            list(ask(service, wait=False))
    settle(router, service)
    assert (what_runs(router), dict(machine.folders.configs)) == before
    assert router.unexpected_errors.messages == []
