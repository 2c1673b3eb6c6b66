"""Frontends that are called at interfaces: these change at once, and no instance is made for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from supervisor.values.errors import NetworkError
from supervisor.values.names import ServiceName
from supervisor.values.router import RouterConfig
from supervisor.values.traffic import TrafficTable
from tests.kit.simulation.samples import ANOTHER_LAN, CONFIGURATIONS
from tests.kit.simulation.scenarios import rollback, swap
from tests.kit.simulation.service import ISOLATED, ROUTER, TAKEOVER, SimulatedService, simulated_service

PLAIN = CONFIGURATIONS["plain"]
MOVED = CONFIGURATIONS["moved"]


def called_at(subject: SimulatedService) -> list[tuple[str, ...] | None]:
    table = subject.machine.traffic.table
    return [switch.sides for switch in table.active_addresses] + [port.interfaces for port in table.guarded_ports]


def configure(subject: SimulatedService, router: RouterConfig) -> None:
    subject.worker.configure(router)
    subject.wait(0.3)


@pytest.fixture(params=[ISOLATED, TAKEOVER])
def subject(request: pytest.FixtureRequest) -> Iterator[SimulatedService]:
    service: ServiceName = request.param
    with simulated_service(service) as made:
        yield made


def test_clients_call_elsewhere_at_once_and_are_served_by_the_same_instance(subject: SimulatedService) -> None:
    before, story, starts = subject.keeper.instance, subject.story(), subject.starts
    assert called_at(subject) == [("eth0",)]
    configure(subject, MOVED)
    assert called_at(subject) == [("eth5",)]
    assert subject.keeper.instance == before
    assert (subject.story(), subject.starts) == (story, starts)
    (name,) = [frontend.name for frontend in before.frontends]
    told = [event.message for _, event in subject.machine.store.events(0) if event.name == "frontends"]
    assert told == [f"called at other interfaces: {name}"]


def test_a_supervisor_that_comes_back_leads_to_where_the_former_did(subject: SimulatedService) -> None:
    configure(subject, MOVED)
    subject.router.die()
    subject.router.boot()  # with the configuration that is stored, which knows nothing of the move
    assert called_at(subject) == [("eth5",)]


@pytest.mark.parametrize("goes_back", [False, True])
def test_a_change_in_a_soak_holds_whichever_version_serves_afterwards(
    subject: SimulatedService, goes_back: bool
) -> None:
    swap(subject.router, subject.service)
    subject.until(lambda: subject.worker.soaks)
    configure(subject, MOVED)
    assert called_at(subject) == [("eth5",)]
    if goes_back:
        rollback(subject.router, subject.service)
    subject.until(lambda: subject.worker.is_settled)
    assert subject.runs == ("1.0" if goes_back else "2.0")
    assert called_at(subject) == [("eth5",)]


def test_what_the_kernel_refuses_is_done_later(subject: SimulatedService) -> None:
    subject.machine.faults.refused["traffic.apply"] = NetworkError("cannot change the table")
    configure(subject, MOVED)
    assert called_at(subject) == [("eth0",)]
    subject.machine.faults.refused.clear()
    subject.wait(5.0)
    assert called_at(subject) == [("eth5",)]


JOINED = replace(PLAIN, networks=(*PLAIN.networks, ANOTHER_LAN))


@pytest.mark.parametrize(("before", "after"), [(PLAIN, JOINED), (JOINED, PLAIN)], ids=["joins", "leaves"])
def test_where_ports_are_switched_an_interface_that_stays_is_served_while_another_comes_or_goes(
    before: RouterConfig, after: RouterConfig
) -> None:
    """The instance is another one then: its daemon has sockets at other interfaces."""
    with simulated_service(ROUTER, has_clients=True) as subject:
        configure(subject, before)
        subject.until(lambda: subject.worker.is_settled)
        machine, served = subject.machine, []
        ports = dict(subject.keeper.instance.ports)

        def note(apply: Callable[[TrafficTable], None], table: TrafficTable) -> None:
            apply(table)
            answering = subject.machine.serving(subject.service)
            led_to = {(one.protocol, one.port): one.inside for one in table.active_ports if "eth0" in one.interfaces}
            served.append(
                (len(led_to), answering is not None and set(led_to.values()) == set(dict(answering.ports).values()))
            )

        machine.faults.around["traffic.apply"] = note
        configure(subject, after)
        subject.until(lambda: subject.worker.is_settled)
        assert set(served) == {(3, True)}
        assert dict(subject.keeper.instance.ports) != ports
        assert machine.outage[subject.service] == 0.0
        assert machine.connections.broken == []
