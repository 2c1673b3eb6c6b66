"""Who lost its traffic finishes what it has in hand; at the deadline it is asked to end, and has a moment for it."""

from __future__ import annotations

import pytest

from supervisor.values.names import ServiceName
from tests.unit.loop.ailments import OVERLAPPING, Ward, ward
from tests.unit.loop.scenarios import swap

DRAIN_SECONDS, SOAK_SECONDS = 20.0, 2.0

each = pytest.mark.parametrize("service", OVERLAPPING)


def signals(patient: Ward, container: str) -> list[str]:
    """What it was sent, in order."""
    sent = (about.split() for method, about in patient.machine.engine.calls if method == "kill")
    return [signal for name, signal in sent if name == container]


@each
def test_what_ends_in_time_is_waited_for(service: ServiceName) -> None:
    with ward(service) as patient:
        former = patient.keeper.instance.container_name
        patient.hold_connections(10.0)
        swap(patient.router, service)
        patient.wait(9.0)
        assert patient.machine.engine.runs(former)
        patient.wait(2.0)
        assert not patient.machine.engine.runs(former)
        assert "SIGTERM" not in signals(patient, former)


@each
def test_a_connection_that_tracking_has_forgotten_is_waited_for_too(service: ServiceName) -> None:
    with ward(service) as patient:
        clock, former = patient.machine.clock, patient.keeper.instance.container_name
        until = clock.elapsed + 10.0
        patient.machine.connections.open = lambda found, pid: int(clock.elapsed < until)  # type: ignore[method-assign]
        swap(patient.router, service)
        patient.wait(9.0)
        assert patient.machine.engine.runs(former)
        patient.wait(2.0)
        assert not patient.machine.engine.runs(former)


@each
def test_at_the_deadline_it_is_asked_to_end_before_it_is_removed(service: ServiceName) -> None:
    with ward(service) as patient:
        former = patient.keeper.instance.container_name
        patient.hold_connections(100.0)
        swap(patient.router, service)
        patient.wait(SOAK_SECONDS + DRAIN_SECONDS)
        assert "SIGTERM" not in signals(patient, former)
        patient.wait(3.0)  # it does not obey, and has 10 s
        assert signals(patient, former)[-1] == "SIGTERM"
        assert patient.machine.engine.runs(former)
        patient.wait(10.0)
        assert not patient.machine.engine.runs(former)


@each
def test_one_that_obeys_is_not_waited_for(service: ServiceName) -> None:
    with ward(service) as patient:
        former = patient.keeper.instance.container_name
        patient.hold_connections(100.0)
        swap(patient.router, service)
        patient.until(lambda: signals(patient, former)[-1:] == ["SIGTERM"])
        patient.machine.engine.end(former, 0)
        patient.wait(1.0)
        assert patient.worker.is_settled
