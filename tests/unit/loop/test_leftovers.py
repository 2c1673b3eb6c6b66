"""A candidate that failed and cannot be removed is nobody's burden: it is tried again beside whatever else happens."""

from __future__ import annotations

import pytest

from supervisor.values.errors import EngineError
from supervisor.values.names import ServiceName
from tests.unit.loop.ailments import OVERLAPPING, Ward, ward
from tests.unit.loop.scenarios import configure, swap


def leave_behind(patient: Ward, seconds: float) -> str:
    """A candidate of 2.0 fails, and for so long it cannot be removed; its container."""
    engine, clock = patient.machine.engine, patient.machine.clock
    until, remove = clock.elapsed + seconds, engine.remove
    left = f"vrs-{patient.service}-{patient.keeper.instance.generation + 1}"

    def reluctant(name: str) -> None:
        if name == left and clock.elapsed < until:
            raise EngineError(f"cannot remove {name}: device or resource busy")
        remove(name)

    engine.remove = reluctant  # type: ignore[method-assign]
    patient.behave("2.0", is_ready=False)
    swap(patient.router, patient.service)
    patient.wait(10.0)
    return left


def names(patient: Ward) -> set[str]:
    return {container.name for container in patient.machine.engine.containers()}


@pytest.mark.parametrize("service", OVERLAPPING)
def test_what_cannot_be_removed_blocks_nothing_and_goes_when_it_can(service: ServiceName) -> None:
    with ward(service) as patient:
        before = patient.last
        left = leave_behind(patient, 60.0)
        assert patient.worker.foreground is None
        assert left in names(patient)
        patient.behave("2.0")
        swap(patient.router, service)
        patient.wait(30.0)
        assert patient.runs == "2.0"
        assert left in names(patient)
        patient.crash()
        patient.wait(5.0)
        assert patient.status.is_ready
        patient.wait(30.0)
        assert names(patient) == {patient.keeper.instance.container_name}
        assert patient.story(before) == [("swap", "failed"), ("swap", "succeeded")]


@pytest.mark.parametrize("service", OVERLAPPING)
def test_the_next_supervisor_goes_on_with_it(service: ServiceName) -> None:
    with ward(service) as patient:
        before = patient.last
        left = leave_behind(patient, 40.0)
        patient.restart_supervisor()
        patient.wait(5.0)
        assert left in names(patient)
        configure("instance")(patient.router, service)
        patient.wait(60.0)
        assert names(patient) == {patient.keeper.instance.container_name}
        assert patient.story(before) == [("swap", "failed"), ("configure", "succeeded")]


@pytest.mark.parametrize("service", OVERLAPPING)
def test_one_that_was_interrupted_is_told_of(service: ServiceName) -> None:
    with ward(service) as patient:
        swap(patient.router, service)
        patient.until(lambda: bool(patient.worker.foreground) and patient.worker.foreground.step == "ready")
        patient.restart_supervisor()
        patient.wait(5.0)
        told = [event.message for _, event in patient.machine.store.events(0) if event.name == "failed"]
        assert told == ["swap to 2.0-1 failed: the supervisor ended meanwhile"]
