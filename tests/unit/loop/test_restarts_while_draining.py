"""What is gone, what drains, and what is started beside it: no waiting for room that is there."""

from __future__ import annotations

import pytest

from supervisor.decisions.traffic import outsides
from supervisor.values.manifest import Protocol
from supervisor.values.names import ServiceName
from tests.kit.simulation.scenarios import restart, settle, swap
from tests.kit.simulation.service import ISOLATED, OVERLAPPING, simulated_service


@pytest.mark.parametrize("service", OVERLAPPING)
def test_what_was_removed_and_made_again_is_not_replaced_afterwards(service: ServiceName) -> None:
    with simulated_service(service) as subject:
        before, generation = subject.last, subject.keeper.instance.generation
        subject.behave("2.0", is_ready=False)
        swap(subject.router, service)
        subject.wait(1.0)
        subject.machine.engine.remove(subject.keeper.instance.container_name)
        subject.wait(30.0)
        assert subject.story(before) == [("swap", "failed")]
        assert (subject.status.is_ready, subject.keeper.instance.generation) == (True, generation)


def test_a_start_does_not_wait_for_what_drains() -> None:
    with simulated_service(ISOLATED) as subject:
        subject.keep_connections(15.0)  # less than a drain may take
        for _ in range(2):
            restart(subject.router, ISOLATED)
            subject.until(lambda: subject.worker.foreground is None)
        assert len(subject.worker.cleanup) == 2
        subject.machine.engine.remove(subject.keeper.instance.container_name)
        subject.until(lambda: subject.worker.keeper is None)
        assert subject.until(lambda: subject.worker.keeper is not None) < 3.0
        settle(subject.router, ISOLATED)
        assert subject.status.is_ready


@pytest.mark.parametrize("service", OVERLAPPING)
def test_what_drains_goes_on_draining_although_the_generation_after_it_is_gone(service: ServiceName) -> None:
    with simulated_service(service, has_clients=True) as subject:
        machine, first = subject.machine, subject.keeper.instance
        inside, outside = next(iter(outsides(first, Protocol.TCP).items()))
        machine.connections.make(outside, inside, first.container_name, machine.clock.elapsed + 15.0)
        for number in ("2.0", "3.0"):
            list(subject.router.supervisor.supervision.swap(service, number, wait=False))
            subject.until(lambda: subject.worker.foreground is None)
        subject.until(lambda: len(machine.store.instances(service)) == 2)  # 2.0 has nothing to finish
        subject.router.die()
        subject.router.boot()
        subject.until(lambda: subject.worker.is_settled)
        assert machine.connections.broken == []
        assert [instance for instance, _ in machine.store.instances(service)] == [subject.keeper.instance]
        assert subject.story() == [("start", "succeeded"), ("swap", "succeeded"), ("swap", "succeeded")]
        assert (subject.runs, subject.previous) == ("3.0", "2.0")
