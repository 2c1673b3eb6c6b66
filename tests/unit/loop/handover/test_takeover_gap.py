"""The gap of a takeover: what is held, recorded and cleared away, and that nothing of it stops a takeover."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import cast

import pytest

from supervisor.loop.fairness import Fairness
from supervisor.loop.switchboard import Switchboard
from supervisor.values.association import Association
from supervisor.values.errors import NetworkError
from supervisor.values.names import ServiceName
from supervisor.values.router import RouterConfig
from supervisor.values.traffic import HeldPort, TrafficTable
from tests.kit.fakes.kernel import FakeConnections, FakeShares, FakeTraffic
from tests.kit.simulation.faults import CountedPort, SimulatedFaults
from tests.kit.simulation.router import SimulatedRouter
from tests.kit.simulation.scenarios import ALL, Scenario, prepared

SERVICE = ServiceName("takeover")
SWAP, REVERT = (scenario for scenario in ALL if scenario.service == SERVICE and scenario.name in ("swap", "revert"))


def look_before_kills(router: SimulatedRouter, look: Callable[[], object]) -> list[object]:
    """What `look` sees whenever a daemon is about to be killed, or a running one to be removed."""
    seen: list[object] = []
    engine = router.machine.engine

    def looking(end: Callable[..., None], name: str, *signal: str) -> None:
        if engine.runs(name):
            seen.append(look())
        end(name, *signal)

    router.machine.faults.around |= {"engine.kill": looking, "engine.remove": looking}
    return seen


def carry_out(router: SimulatedRouter, scenario: Scenario) -> None:
    scenario.act(router, SERVICE)
    router.supervisor.settle()
    serving = router.machine.serving(SERVICE)
    assert serving
    assert serving.release == scenario.versions[1]


@pytest.mark.parametrize("scenario", [SWAP, REVERT], ids=str)
def test_the_port_is_held_before_a_daemon_ends_and_free_when_another_answers(scenario: Scenario) -> None:
    with prepared(scenario) as router:
        table = look_before_kills(router, lambda: router.machine.traffic.table.held_ports)
        carry_out(router, scenario)
        assert table
        assert all(held == (HeldPort(4500, 44500),) for held in table)
        assert router.machine.traffic.table.held_ports == ()
        assert router.machine.encapsulation.held == {}


@pytest.mark.parametrize("scenario", [SWAP, REVERT], ids=str)
def test_the_journal_knows_what_a_daemon_leaves_before_it_ends(scenario: Scenario) -> None:
    with prepared(scenario) as router:
        machine = router.machine

        def unrecorded() -> set[Association]:
            (handover,) = machine.store.open_handovers()
            return set(machine.associations.established) - set(handover.associations)

        seen = look_before_kills(router, unrecorded)
        carry_out(router, scenario)
        assert seen
        assert not any(seen)


def test_what_was_not_replaced_is_kept() -> None:
    with prepared(SWAP) as router:
        other = Association("203.0.113.2", "203.0.113.201", "esp", 77, 2, "tunnel")
        router.machine.associations.established.append(other)
        carry_out(router, SWAP)
        assert other in router.machine.associations.established
        assert len(router.machine.associations.established) == 3


def test_where_the_daemon_is_the_data_plane_nothing_is_held() -> None:
    with prepared(SWAP) as router:
        worker, machine = router.worker(SERVICE), router.machine
        plain: RouterConfig = worker.parts.agenda.router
        worker.parts.agenda.router = replace(plain, vpn=replace(plain.vpn, userspace_data_plane=True))
        seen = look_before_kills(router, lambda: machine.traffic.table.held_ports)
        carry_out(router, SWAP)
        assert seen == [()]


@pytest.mark.parametrize("scenario", [SWAP, REVERT], ids=str)
@pytest.mark.parametrize("missing", ["socket", "rule", "list", "delete"])
def test_what_the_kernel_cannot_do_stops_no_takeover(scenario: Scenario, missing: str) -> None:
    with prepared(scenario) as router:
        machine = router.machine
        match missing:
            case "socket":
                machine.faults.around["encapsulation.hold"] = lambda hold, port: None
            case "rule":
                machine.faults.around["traffic.apply"] = refuse_held_ports
            case "list":
                machine.faults.refused["associations.present"] = NetworkError("cannot list associations: none")
            case "delete":
                machine.faults.refused["associations.delete"] = NetworkError("cannot delete associations: none")
        carry_out(router, scenario)
        assert machine.traffic.table.held_ports == ()
        assert machine.encapsulation.held == {}


def refuse_held_ports(apply: Callable[[TrafficTable], None], table: TrafficTable) -> None:
    if table.held_ports:
        raise NetworkError("cannot change the table")
    apply(table)


def held(ports: Sequence[tuple[int, int]]) -> tuple[HeldPort, ...]:
    return tuple(HeldPort(port, inside) for port, inside in ports)


def test_two_ports_are_held_apart_and_let_go_together() -> None:
    traffic = FakeTraffic()
    switchboard = Switchboard(traffic, FakeConnections(), Fairness(FakeShares()))
    switchboard.hold_port(4500, 40001)
    switchboard.hold_port(4501, 40002)
    switchboard.hold_port(4500, 40003)  # a socket that was opened again
    assert traffic.table.held_ports == held([(4500, 40003), (4501, 40002)])
    switchboard.release_port(4500)
    switchboard.release_port(4500)
    assert traffic.table.held_ports == held([(4501, 40002)])
    switchboard.release_ports()
    assert traffic.table == TrafficTable()


def test_a_refused_rule_is_not_remembered() -> None:
    traffic, faults = FakeTraffic(), SimulatedFaults()
    port = cast(FakeTraffic, CountedPort("traffic", traffic, {"apply"}, NetworkError, faults))
    switchboard = Switchboard(port, FakeConnections(), Fairness(FakeShares()))
    faults.refused["traffic.apply"] = NetworkError("cannot change the table")
    with pytest.raises(NetworkError):
        switchboard.hold_port(4500, 40001)
    faults.refused.clear()
    switchboard.hold_port(4501, 40002)
    assert traffic.table.held_ports == held([(4501, 40002)])
