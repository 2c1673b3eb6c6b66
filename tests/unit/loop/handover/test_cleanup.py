"""A candidate that failed and cannot be removed is nobody's burden: it is tried again beside whatever else happens."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from supervisor.values.errors import EngineError
from supervisor.values.names import ServiceName
from tests.kit.simulation.scenarios import configure, swap
from tests.kit.simulation.service import OVERLAPPING, SimulatedService, simulated_service


def leave_behind(subject: SimulatedService, seconds: float) -> str:
    """A candidate of 2.0 fails, and for so long it cannot be removed; its container."""
    clock = subject.machine.clock
    until = clock.elapsed + seconds
    left = f"vrs-{subject.service}-{subject.keeper.instance.generation + 1}"

    def reluctant(remove: Callable[[str], None], name: str) -> None:
        if name == left and clock.elapsed < until:
            raise EngineError(f"cannot remove {name}: device or resource busy")
        remove(name)

    subject.machine.faults.around["engine.remove"] = reluctant
    subject.behave("2.0", is_ready=False)
    swap(subject.router, subject.service)
    subject.wait(10.0)
    return left


def names(subject: SimulatedService) -> set[str]:
    return {container.name for container in subject.machine.engine.containers()}


@pytest.mark.parametrize("service", OVERLAPPING)
def test_what_cannot_be_removed_blocks_nothing_and_goes_when_it_can(service: ServiceName) -> None:
    with simulated_service(service) as subject:
        before = subject.last
        left = leave_behind(subject, 60.0)
        assert subject.worker.foreground is None
        assert left in names(subject)
        subject.behave("2.0")
        swap(subject.router, service)
        subject.wait(30.0)
        assert subject.runs == "2.0"
        assert left in names(subject)
        subject.crash()
        subject.wait(5.0)
        assert subject.status.is_ready
        subject.wait(30.0)
        assert names(subject) == {subject.keeper.instance.container_name}
        assert subject.story(before) == [("swap", "failed"), ("swap", "succeeded")]


@pytest.mark.parametrize("service", OVERLAPPING)
def test_the_next_supervisor_goes_on_with_it(service: ServiceName) -> None:
    with simulated_service(service) as subject:
        before = subject.last
        left = leave_behind(subject, 40.0)
        subject.restart_supervisor()
        subject.wait(5.0)
        assert left in names(subject)
        configure("instance")(subject.router, service)
        subject.wait(60.0)
        assert names(subject) == {subject.keeper.instance.container_name}
        assert subject.story(before) == [("swap", "failed"), ("configure", "succeeded")]


@pytest.mark.parametrize("service", OVERLAPPING)
def test_one_that_was_interrupted_is_told_of(service: ServiceName) -> None:
    with simulated_service(service) as subject:
        swap(subject.router, service)
        subject.until(lambda: bool(subject.worker.foreground) and subject.worker.foreground.step == "ready")
        subject.restart_supervisor()
        subject.wait(5.0)
        told = [event.message for _, event in subject.machine.store.events(0) if event.name == "failed"]
        assert told == ["swap to 2.0-1 failed: the supervisor ended meanwhile"]
