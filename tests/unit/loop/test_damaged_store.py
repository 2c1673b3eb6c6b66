"""A supervisor whose memory was damaged or lost looks after what runs, starts nothing anew, renders nothing poorer."""

from __future__ import annotations

import functools
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from supervisor.edges.store import SqliteStore
from supervisor.values.names import ServiceName
from tests.kit.simulation.router import SimulatedRouter
from tests.kit.simulation.scenarios import ALL, prepared, settle, swap
from tests.kit.simulation.supervisor import SteppedWorker

each = pytest.mark.parametrize("service", [ServiceName("isolated"), ServiceName("takeover")])


@pytest.fixture
def router(service: ServiceName) -> Iterator[SimulatedRouter]:
    """Two generations were given, the second of version 2.0 serves; two copies lie beside the memory."""
    scenario = next(one for one in ALL if one.service == service and one.name == "restart")
    with prepared(scenario) as made:
        swap(made, service)
        settle(made, service)
        for _ in range(2):
            made.machine.store.save_copy()
        yield made


def folder_of(router: SimulatedRouter) -> Path:
    return router.machine.folder


def restart(router: SimulatedRouter, damage: Callable[[Path], object]) -> None:
    """The supervisor ends, its memory is damaged, another one begins."""
    router.die()
    machine, folder = router.machine, folder_of(router)
    machine.store.close()
    damage(folder)
    machine.store = SqliteStore(folder)
    router.boot()
    for worker in router.supervisor.workers.values():
        worker.run_until(functools.partial(is_ready, worker))


def is_ready(worker: SteppedWorker) -> bool:
    """True if what runs was adopted and its probes hold."""
    return bool(worker.parts.agenda.is_adopted and worker.keeper and worker.keeper.is_ready)


def everything(folder: Path) -> None:
    for place in folder.iterdir():
        shutil.rmtree(place) if place.is_dir() else place.unlink()


def memory(folder: Path) -> None:
    for place in folder.glob("state.db*"):
        place.unlink()


def junk(folder: Path) -> None:
    (folder / "state.db").write_bytes(b"junk" * 4000)


def both_copies_too(folder: Path) -> None:
    for name in ("state.db", "state.db.copy-1", "state.db.copy-2"):
        (folder / name).write_bytes(b"")


def its_row(folder: Path) -> None:
    for name in ("state.db", "state.db.copy-1", "state.db.copy-2"):
        with closing(sqlite3.connect(folder / name, isolation_level=None)) as database:
            database.execute("UPDATE instances SET instance = 'junk'")


DAMAGES = {
    "the memory is junk": junk,
    "the memory is removed": lambda folder: (folder / "state.db").unlink(),
    "memory and copies are removed": memory,
    "memory and copies are junk": both_copies_too,
    "its row is junk everywhere": its_row,
}
each_damage = pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)


def what_runs(router: SimulatedRouter) -> list[tuple[str, int | None]]:
    return [(container.name, container.pid) for container in router.machine.engine.containers()]


@each
@each_damage
def test_what_ran_still_runs_and_nothing_else_does(
    router: SimulatedRouter, service: ServiceName, damage: Callable[[Path], object]
) -> None:
    machine = router.machine
    before, table = what_runs(router), machine.traffic.table
    restart(router, damage)
    machine.clock.advance(5.0)
    assert what_runs(router) == before
    assert machine.traffic.table == table
    assert machine.outage[service] < 0.2
    status = router.supervisor.supervision.status()
    assert [(one.version, one.is_ready, one.desired_version) for one in status.services] == [("2.0-1", True, "2.0-1")]
    events = [event.name for event in router.supervisor.supervision.events(follow=False)]
    assert "memory-damaged" in events or "adopted" in events
    assert router.unexpected_errors.messages == []


@each
@pytest.mark.parametrize("damage", [memory, both_copies_too], ids=["removed", "junk"])
def test_a_lost_configuration_replaces_nothing_until_all_of_it_is_back(
    router: SimulatedRouter, service: ServiceName, damage: Callable[[Path], object]
) -> None:
    restart(router, damage)
    machine, life = router.machine, router.supervisor
    before = what_runs(router), dict(machine.folders.configs)
    assert "configuration was lost" in life.supervision.status().message
    list(life.supervision.apply_config((("part", b""),)))
    life.workers[service].run_until(lambda: machine.clock.elapsed > 1e9 or life.workers[service].parts.inbox.is_empty)
    assert (what_runs(router), dict(machine.folders.configs)) == before
    list(life.supervision.apply_config((("plain", b""),)))
    settle(router, service)
    assert life.supervision.status().message == ""
    assert what_runs(router) == before[0]


@pytest.mark.parametrize("service", [ServiceName("isolated")])
def test_nor_does_a_network_that_comes_before_the_others(router: SimulatedRouter, service: ServiceName) -> None:
    restart(router, memory)
    machine, life = router.machine, router.supervisor
    before = what_runs(router), dict(machine.folders.configs)
    list(life.supervision.apply_config((("fragment", b""),)))
    life.workers[service].run_until(lambda: machine.clock.elapsed > 1e9 or life.workers[service].parts.inbox.is_empty)
    assert (what_runs(router), dict(machine.folders.configs)) == before
    assert "configuration was lost" in life.supervision.status().message
    machine.store.await_configuration(machine.clock.now() - 4000)
    list(life.supervision.apply_config((("fragment", b""),)))
    settle(router, service)
    assert life.supervision.status().message == ""


@each
def test_the_next_generation_has_a_number_that_nobody_had(router: SimulatedRouter, service: ServiceName) -> None:
    last = router.machine.store.next_generation(service)
    restart(router, memory)
    list(router.supervisor.supervision.apply_config((("plain", b""),)))
    settle(router, service)
    list(router.supervisor.supervision.restart(service, wait=False))
    settle(router, service)
    (name,) = [container.name for container in router.machine.engine.containers()]
    assert int(name.rpartition("-")[2]) >= last
    assert router.supervisor.supervision.status().is_ready


@each
def test_a_memory_that_knows_none_of_what_runs_is_not_believed(router: SimulatedRouter, service: ServiceName) -> None:
    """That of another router, or of long ago."""

    def another(folder: Path) -> None:
        with closing(sqlite3.connect(folder / "state.db", isolation_level=None)) as database:
            renumbered = "replace(instance, '\"generation\": 2', '\"generation\": 41')"
            database.execute(f"UPDATE instances SET generation = 41, instance = {renumbered}")

    before = what_runs(router)
    restart(router, another)
    assert what_runs(router) == before


@each
def test_a_copy_from_before_a_swap_does_not_take_the_swap_back(router: SimulatedRouter, service: ServiceName) -> None:
    """The copy calls the former active, which may be gone; what runs and has traffic serves on."""
    swap_back = router.supervisor.supervision.rollback(service, wait=False)
    list(swap_back)
    settle(router, service)
    before = what_runs(router)
    restart(router, junk)
    assert what_runs(router) == before
    assert [one.version for one in router.supervisor.supervision.status().services] == ["1.0-1"]
