"""Who lost its traffic finishes the connections it has; at the deadline it is asked to end, and has a moment for it."""

from __future__ import annotations

import pytest

from supervisor.decisions.traffic import MOST_PINNED, endpoints, is_end_of
from supervisor.loop.handover.steps.cut_over import SOAK_POLL_SECONDS
from supervisor.values.errors import NetworkError
from supervisor.values.manifest import Protocol
from supervisor.values.names import ServiceName
from supervisor.values.traffic import Connection
from tests.kit.fakes.kernel import CLIENT
from tests.kit.simulation.scenarios import swap
from tests.kit.simulation.service import OVERLAPPING, SimulatedService, simulated_service

DRAIN_SECONDS, SOAK_SECONDS = 20.0, 2.0

each = pytest.mark.parametrize("service", OVERLAPPING)


def refuse(subject: SimulatedService, *methods: str) -> None:
    error = NetworkError("cannot list connections: refused")
    subject.machine.faults.refused.update({f"connections.{method}": error for method in methods})


def signals(subject: SimulatedService, container: str) -> list[str]:
    """What it was sent, in order."""
    sent = (about.split() for method, about in subject.machine.engine.calls if method == "kill")
    return [signal for name, signal in sent if name == container]


@each
def test_what_ends_in_time_is_waited_for(service: ServiceName) -> None:
    with simulated_service(service) as subject:
        former = subject.keeper.instance.container_name
        subject.keep_connections(10.0)
        swap(subject.router, service)
        subject.wait(9.0)
        assert subject.machine.engine.runs(former)
        subject.wait(2.0)
        assert not subject.machine.engine.runs(former)
        assert "SIGTERM" not in signals(subject, former)


@each
def test_at_the_deadline_it_is_asked_to_end_before_it_is_removed(service: ServiceName) -> None:
    with simulated_service(service) as subject:
        former = subject.keeper.instance.container_name
        subject.keep_connections(100.0)
        swap(subject.router, service)
        subject.wait(SOAK_SECONDS + DRAIN_SECONDS)
        assert "SIGTERM" not in signals(subject, former)
        subject.wait(3.0)  # it does not obey, and has 10 s
        assert signals(subject, former)[-1] == "SIGTERM"
        assert subject.machine.engine.runs(former)
        subject.wait(10.0)
        assert not subject.machine.engine.runs(former)


@each
def test_one_that_obeys_is_not_waited_for(service: ServiceName) -> None:
    with simulated_service(service) as subject:
        former = subject.keeper.instance.container_name
        subject.keep_connections(100.0)
        swap(subject.router, service)
        subject.until(lambda: signals(subject, former)[-1:] == ["SIGTERM"])
        subject.machine.engine.end(former, 0)
        subject.wait(1.0)
        assert subject.worker.is_settled


@each
def test_what_it_has_open_stays_with_it_whatever_becomes_of_tracking(service: ServiceName) -> None:
    with simulated_service(service, has_clients=True) as subject:
        machine, former = subject.machine, subject.keeper.instance
        assert machine.traffic.table.pinned == ()
        swap(subject.router, service)
        subject.until(lambda: subject.keeper.instance != former)
        kept = machine.traffic.table.pinned
        assert kept
        assert all(is_end_of(one.inside, frozenset(endpoints(former))) for one in kept)
        subject.restart_supervisor()
        subject.wait(0.1)
        assert machine.traffic.table.pinned
        subject.until(lambda: not machine.engine.runs(former.container_name))
        subject.wait(1.0)
        assert machine.traffic.table.pinned == ()


@each
def test_what_has_ended_is_not_kept(service: ServiceName) -> None:
    with simulated_service(service, has_clients=True) as subject:
        machine, former = subject.machine, subject.keeper.instance
        swap(subject.router, service)
        subject.until(lambda: subject.keeper.instance != former)
        first = machine.traffic.table.pinned[0]
        machine.connections.flows = [flow for flow in machine.connections.flows if flow.client_port != first.client[1]]
        subject.wait(SOAK_POLL_SECONDS + 0.1)
        assert first not in machine.traffic.table.pinned


@each
def test_a_supervisor_that_comes_back_keeps_no_more_than_the_table_takes(service: ServiceName) -> None:
    with simulated_service(service) as subject:
        former = subject.keeper.instance
        subject.keep_connections(100.0)
        swap(subject.router, service)
        subject.until(lambda: subject.keeper.instance != former)
        inside = next(end for end in endpoints(former) if end.protocol is Protocol.TCP)
        many = tuple(
            Connection((CLIENT, port), (CLIENT, 80), (inside.address or CLIENT, inside.port))
            for port in range(1024, 1024 + MOST_PINNED + 9)
        )
        subject.machine.faults.around["connections.open"] = lambda real, instance: many
        subject.restart_supervisor()
        subject.wait(0.1)
        assert len(subject.machine.traffic.table.pinned) == MOST_PINNED


@each
def test_the_deadline_holds_where_nobody_can_tell_what_is_left(service: ServiceName) -> None:
    with simulated_service(service) as subject:
        former = subject.keeper.instance.container_name
        refuse(subject, "unfinished")
        swap(subject.router, service)
        subject.wait(SOAK_SECONDS + DRAIN_SECONDS - 1.0)
        assert subject.machine.engine.runs(former)
        subject.wait(15.0)
        assert not subject.machine.engine.runs(former)
        assert subject.worker.is_settled


@each
def test_traffic_moves_all_the_same_where_nobody_can_tell_what_is_open(service: ServiceName) -> None:
    with simulated_service(service) as subject:
        former = subject.keeper.instance
        refuse(subject, "open", "unfinished")
        swap(subject.router, service)
        subject.until(lambda: subject.keeper.instance != former)
        assert subject.machine.traffic.table.pinned == ()


@each
def test_what_was_kept_stays_so_where_nobody_can_tell_what_is_open_any_more(service: ServiceName) -> None:
    with simulated_service(service, has_clients=True) as subject:
        machine, former = subject.machine, subject.keeper.instance
        swap(subject.router, service)
        subject.until(lambda: subject.keeper.instance != former)
        kept = machine.traffic.table.pinned
        assert kept
        refuse(subject, "open", "unfinished")
        subject.wait(SOAK_POLL_SECONDS + 0.1)
        assert machine.traffic.table.pinned == kept
