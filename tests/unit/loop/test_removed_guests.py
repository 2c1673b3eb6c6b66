"""What a guest left behind ends with its reservation: in whatever way it goes, and wherever a supervisor dies."""

from __future__ import annotations

from contextlib import suppress

import pytest

from supervisor.values.names import ServiceName
from tests.kit.simulation.faults import SupervisorKilled
from tests.kit.simulation.invariants import violations
from tests.kit.simulation.router import SimulatedRouter
from tests.kit.simulation.samples import OWNING
from tests.kit.simulation.scenarios import Scenario, configure, prepared, rollback, settle, swap, until_soak
from tests.unit.loop.conftest import Sample

FORMER, NOW, OTHER = "one leases 10.1.1.1", "two leases 10.1.1.1", "one leases 10.1.1.2"
each = pytest.mark.parametrize("service", OWNING)


def grant(router: SimulatedRouter, service: ServiceName, *records: str) -> None:
    """What serves writes down what clients are not to miss."""
    for record in records:
        router.machine.engine.lease(serving(router, service), record)


def serving(router: SimulatedRouter, service: ServiceName) -> str:
    instance = router.machine.serving(service)
    assert instance
    return instance.container_name


def owned(router: SimulatedRouter, service: ServiceName) -> list[str]:
    """Leases that what serves has in its memory and in its file, but for what the machine's clients were granted."""
    daemon = router.machine.engine.daemons[serving(router, service)]
    stored = router.machine.folders.volumes[str(daemon.volume)]
    assert stored == daemon.memory
    return [record for record in stored if " leases " in record]


def removed(service: ServiceName) -> Scenario:
    """The guest `one` goes: the configuration knows `two` at its address."""
    prepare = (lambda router, service: grant(router, service, FORMER, OTHER),)
    return Scenario("configure", service, configure("instance"), prepare, ("1.0", "1.0"))


@each
def test_a_lease_ends_with_its_reservation(service: ServiceName) -> None:
    with prepared(removed(service)) as router:
        configure("instance")(router, service)
        settle(router, service)
        assert owned(router, service) == []
        grant(router, service, NOW)
        for step in (swap, settle, rollback, settle, swap, until_soak, rollback, settle):
            step(router, service)
        assert owned(router, service) == [NOW]
        assert violations(router, service) == []


@each
def test_one_that_is_reserved_stays(service: ServiceName) -> None:
    with prepared(removed(service)) as router:
        for step in (swap, settle, rollback, settle, swap, until_soak, rollback, settle):
            step(router, service)
        assert owned(router, service) == [FORMER], "the other was never reserved"
        assert violations(router, service) == []


@each
def test_nor_is_it_granted_again_while_traffic_moves(service: ServiceName) -> None:
    """The former active still knows the guest, and grants it something after the copy and after the cut."""
    with prepared(removed(service)) as router:
        grants = iter(range(1000))
        router.machine.clock.between = lambda seconds: grant_again(router, service, next(grants))
        configure("instance")(router, service)
        until_soak(router, service)
        router.machine.clock.between = lambda seconds: None
        assert owned(router, service) == []
        settle(router, service)
        assert owned(router, service) == []


def grant_again(router: SimulatedRouter, service: ServiceName, number: int) -> None:
    instances = [instance for instance, state in router.machine.store.instances(service)]
    oldest = min(instances, key=lambda one: one.generation).container_name
    if number % 20 == 0 and router.machine.engine.runs(oldest) and len(instances) > 1:
        router.machine.engine.lease(oldest, f"one leases 10.1.1.{number}")
        router.machine.engine.lease(oldest, FORMER)


@each
def test_it_does_not_come_back_wherever_a_supervisor_dies(service: ServiceName, sample: Sample) -> None:
    scenario = removed(service)
    with prepared(scenario) as router:
        scenario.act(router, service)
        settle(router, service)
        points = range(1, len(router.machine.faults.changes))  # the first stores the command
    for change in sample(points, f"owned {service}", 6):
        with prepared(scenario) as router:
            router.machine.faults.arm(dies_before=change)
            with suppress(SupervisorKilled):
                scenario.act(router, service)
                settle(router, service)
            router.die()
            router.recover()
            assert owned(router, service) == [], f"died before change {change}"
            assert violations(router, service) == [], f"died before change {change}"


@each
@pytest.mark.parametrize("keeps_containers", [True, False])
def test_nor_after_a_loss_of_power(service: ServiceName, keeps_containers: bool, sample: Sample) -> None:
    """Files in memory are gone and rendered anew, for whatever generation serves: what it stored may be older."""
    scenario = removed(service)
    with prepared(scenario) as router:
        scenario.act(router, service)
        settle(router, service)
        points = range(len(router.machine.faults.changes))
    for change in sample(points, f"owned {service}", 6):
        with prepared(scenario) as router:
            router.machine.faults.arm(dies_before=change)
            with suppress(SupervisorKilled):
                scenario.act(router, service)
                settle(router, service)
            router.die()
            router.machine.reboot(keeps_containers=keeps_containers)
            router.recover()
            is_taken = b"two" in b"".join(
                file.content for files in router.machine.folders.configs.values() for file in files.values()
            )
            wanted = [] if is_taken else [FORMER]  # the command had not been stored
            assert owned(router, service) == wanted, f"power lost before change {change}"
