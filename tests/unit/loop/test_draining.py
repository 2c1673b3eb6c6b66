"""Who lost its traffic finishes the connections it has; at the deadline it is asked to end, and has a moment for it."""

from __future__ import annotations

import pytest

from supervisor.decisions.traffic import MOST_KEPT, endpoints, is_end_of
from supervisor.loop.handover.steps.cut_over import SOAK_POLL_SECONDS
from supervisor.values.errors import NetworkError
from supervisor.values.manifest import Protocol
from supervisor.values.names import ServiceName
from supervisor.values.state import Connection, Instance
from tests.fakes.kernel import CLIENT
from tests.unit.loop.ailments import OVERLAPPING, Ward, ward
from tests.unit.loop.scenarios import swap

DRAIN_SECONDS, SOAK_SECONDS = 20.0, 2.0

each = pytest.mark.parametrize("service", OVERLAPPING)


def refuse(instance: Instance) -> tuple[Connection, ...]:
    raise NetworkError(f"cannot list connections of {instance.container_name}: refused")


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


@each
def test_what_it_has_open_stays_with_it_whatever_becomes_of_tracking(service: ServiceName) -> None:
    with ward(service, has_clients=True) as patient:
        machine, former = patient.machine, patient.keeper.instance
        assert machine.traffic.table.kept == ()
        swap(patient.router, service)
        patient.until(lambda: patient.keeper.instance != former)
        kept = machine.traffic.table.kept
        assert kept
        assert all(is_end_of(one.inside, frozenset(endpoints(former))) for one in kept)
        patient.restart_supervisor()
        patient.wait(0.1)
        assert machine.traffic.table.kept
        patient.until(lambda: not machine.engine.runs(former.container_name))
        patient.wait(1.0)
        assert machine.traffic.table.kept == ()


@each
def test_what_has_ended_is_not_kept(service: ServiceName) -> None:
    with ward(service, has_clients=True) as patient:
        machine, former = patient.machine, patient.keeper.instance
        swap(patient.router, service)
        patient.until(lambda: patient.keeper.instance != former)
        first = machine.traffic.table.kept[0]
        machine.connections.flows = [one for one in machine.connections.flows if one.client_port != first.client[1]]
        patient.wait(SOAK_POLL_SECONDS + 0.1)
        assert first not in machine.traffic.table.kept


@each
def test_a_supervisor_that_comes_back_keeps_no_more_than_the_table_takes(service: ServiceName) -> None:
    with ward(service) as patient:
        former = patient.keeper.instance
        patient.hold_connections(100.0)
        swap(patient.router, service)
        patient.until(lambda: patient.keeper.instance != former)
        inside = next(end for end in endpoints(former) if end.protocol is Protocol.TCP)
        many = tuple(
            Connection((CLIENT, port), (CLIENT, 80), (inside.address or CLIENT, inside.port))
            for port in range(1024, 1024 + MOST_KEPT + 9)
        )
        patient.machine.connections.open = lambda instance: many  # type: ignore[method-assign]
        patient.restart_supervisor()
        patient.wait(0.1)
        assert len(patient.machine.traffic.table.kept) == MOST_KEPT


@each
def test_the_deadline_holds_where_nobody_can_tell_what_is_left(service: ServiceName) -> None:
    with ward(service) as patient:
        former = patient.keeper.instance.container_name
        patient.machine.connections.unfinished = refuse  # type: ignore[method-assign]
        swap(patient.router, service)
        patient.wait(SOAK_SECONDS + DRAIN_SECONDS - 1.0)
        assert patient.machine.engine.runs(former)
        patient.wait(15.0)
        assert not patient.machine.engine.runs(former)
        assert patient.worker.is_settled


@each
def test_traffic_moves_all_the_same_where_nobody_can_tell_what_is_open(service: ServiceName) -> None:
    with ward(service) as patient:
        former = patient.keeper.instance
        patient.machine.connections.open = refuse  # type: ignore[method-assign]
        swap(patient.router, service)
        patient.until(lambda: patient.keeper.instance != former)
        assert patient.machine.traffic.table.kept == ()


@each
def test_what_was_kept_stays_so_where_nobody_can_tell_what_is_open_any_more(service: ServiceName) -> None:
    with ward(service, has_clients=True) as patient:
        machine, former = patient.machine, patient.keeper.instance
        swap(patient.router, service)
        patient.until(lambda: patient.keeper.instance != former)
        kept = machine.traffic.table.kept
        assert kept
        machine.connections.open = refuse  # type: ignore[method-assign]
        patient.wait(SOAK_POLL_SECONDS + 0.1)
        assert machine.traffic.table.kept == kept
