"""What the table says about a set of instances, and what cannot be said."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from supervisor.decisions.traffic import (
    MOST_PINNED,
    conflicts,
    endpoints,
    is_other_side,
    newer_sides,
    pinned_of,
    shut_of,
    sides_of,
    traffic_table,
    with_shut,
    with_sides,
)
from supervisor.values.manifest import Protocol
from supervisor.values.names import Digest, ServiceName
from supervisor.values.state import AddressFrontend, Endpoint, Instance, Link, PortFrontend, ResolvedFrontend
from supervisor.values.traffic import (
    AddressSwitch,
    Connection,
    GuardedPort,
    HeldPort,
    PortSwitch,
    SyncPath,
    TrafficTable,
)

TCP, UDP = Protocol.TCP, Protocol.UDP
VIP_ADDRESS = IPv4Address("203.0.113.10")
VIP = Endpoint(VIP_ADDRESS, TCP, 80)
OTHER_VIP = Endpoint(IPv4Address("203.0.113.11"), TCP, 80)


def instance(service: str, generation: int, *frontends: ResolvedFrontend, number: int | None = None) -> Instance:
    base = IPv4Address("198.18.0.0") + 4 * (number or 0)
    link = None if number is None else Link(f"vrs-{service}-{generation}", f"vrs{number}", base + 1, base + 2)
    digest = Digest("sha256:" + "0" * 64)
    return Instance(ServiceName(service), generation, "1", "r1", digest, digest, link, (), frontends)


def inner(number: int, port: int, protocol: Protocol = TCP) -> Endpoint:
    return Endpoint(IPv4Address("198.18.0.2") + 4 * number, protocol, port)


def dns(inside: int, protocol: Protocol = UDP, interfaces: tuple[str, ...] = ("eth0", "eth1")) -> PortFrontend:
    return PortFrontend("dns", protocol, 53, inside, interfaces)


WEB_1 = instance("web", 1, AddressFrontend("a", VIP, 8001), AddressFrontend("b", OTHER_VIP, 8002), number=0)
WEB_2 = instance("web", 2, AddressFrontend("a", VIP, 8001), AddressFrontend("b", OTHER_VIP, 8002), number=1)
NAMES_1 = instance("names", 1, dns(1053), dns(1053, TCP))
NAMES_2 = instance("names", 2, dns(1153), dns(1153, TCP))
KEYS = instance("keys", 1, PortFrontend("ike", UDP, 500, 500, ()))


def test_held_ports_stand_beside_what_is_served() -> None:
    held = [HeldPort(4501, 40002), HeldPort(4500, 40001), HeldPort(4500, 40001)]
    table = traffic_table([NAMES_1], [], held)
    assert table.held_ports == (HeldPort(4500, 40001), HeldPort(4501, 40002))
    assert replace(table, held_ports=()) == traffic_table([NAMES_1], [])


def connection(client_port: int, inside: Endpoint) -> Connection:
    address = inside.address or IPv4Address("10.1.1.1")
    return Connection((IPv4Address("203.0.113.200"), client_port), (VIP_ADDRESS, 80), (address, inside.port))


def test_only_what_still_drains_keeps_its_connections() -> None:
    mine, names = connection(40000, inner(0, 8001)), connection(40001, Endpoint(None, TCP, 1053))
    strange = [connection(40002, inner(0, 8003)), connection(40003, inner(1, 8001))]
    found = [mine, names, *strange]
    assert pinned_of(found, [WEB_1, NAMES_1]) == (mine, names)
    assert pinned_of(found, [WEB_1]) == (mine,)
    assert pinned_of(found, []) == ()


def test_a_client_is_kept_where_it_was_last_and_their_number_is_bounded() -> None:
    again = [connection(40000, inner(0, 8001)), connection(40000, inner(1, 8001))]
    assert pinned_of(again, [WEB_1, WEB_2]) == (again[1],)
    many = [connection(port, inner(0, 8001)) for port in range(1024, 1024 + MOST_PINNED + 9)]
    assert pinned_of(many, [WEB_1]) == tuple(many[:-9])


def test_one_client_does_not_take_the_places_of_all() -> None:
    many = [connection(port, inner(0, 8001)) for port in range(1024, 1024 + MOST_PINNED + 9)]
    other = replace(many[0], client=(IPv4Address("192.0.2.7"), 40000))
    kept = pinned_of([*many, other], [WEB_1])
    assert len(kept) == MOST_PINNED
    assert other in kept


def test_new_flows_follow_the_active_and_all_alive_may_answer() -> None:
    table = traffic_table([WEB_2, NAMES_2], [WEB_1, WEB_2, NAMES_1, NAMES_2])
    assert table.active_addresses == (
        AddressSwitch(VIP, inner(1, 8001)),
        AddressSwitch(OTHER_VIP, inner(1, 8002)),
    )
    assert {switch.inside for switch in table.alive_addresses} == {inner(n, p) for n in (0, 1) for p in (8001, 8002)}
    assert {switch.inside for switch in table.active_ports} == {1153}
    assert {switch.inside for switch in table.alive_ports} == {1053, 1153}


def test_only_services_that_say_so_may_connect_to_others_and_all_that_are_alive_of_them() -> None:
    former, candidate = replace(WEB_1, masquerades=True), replace(WEB_2, masquerades=True)
    quiet = instance("meta", 1, AddressFrontend("m", VIP, 80), number=5)
    assert traffic_table([former, NAMES_1], [quiet, candidate, former]).outgoing == ("vrs0", "vrs1")


def test_generations_of_one_service_reach_each_other_and_nobody_else() -> None:
    """haproxy/haproxy#842: by that way they share what clients' connections have taught them."""
    former, candidate = replace(WEB_1, sync_port=10999), replace(WEB_2, sync_port=10999)
    other = instance("meta", 1, AddressFrontend("m", VIP, 80), number=5)
    both = traffic_table([former], [candidate, former, replace(other, sync_port=10999)]).synced
    one, two = IPv4Address("198.18.0.2"), IPv4Address("198.18.0.6")
    assert both == (SyncPath(two, one, 10999), SyncPath(one, two, 10999))
    assert traffic_table([WEB_1], [candidate]).synced == ()  # an older definition knows of no such port


def test_the_active_are_alive_and_the_order_of_instances_is_indifferent() -> None:
    assert traffic_table([WEB_1, NAMES_1], []) == traffic_table([NAMES_1, WEB_1], [WEB_1, NAMES_1])


@pytest.mark.parametrize(
    "silent",
    [
        pytest.param(KEYS, id="a daemon that keeps its port is not rewritten"),
        pytest.param(instance("names", 1, dns(1053, interfaces=())), id="no interfaces"),
        pytest.param(instance("idle", 1), id="no frontends"),
    ],
)
def test_nothing_to_switch(silent: Instance) -> None:
    assert traffic_table([silent], []) == TrafficTable()


def test_interfaces_are_listed_once_and_sorted() -> None:
    table = traffic_table([instance("names", 1, dns(1053, interfaces=("eth1", "eth0", "eth1")))], [])
    assert table.active_ports == (PortSwitch(UDP, 53, 1053, ("eth0", "eth1")),)


@pytest.mark.parametrize(
    ("instances", "messages"),
    [
        pytest.param((WEB_1, NAMES_1, KEYS), (), id="none"),
        pytest.param(
            (WEB_1, instance("meta", 1, AddressFrontend("m", VIP, 80), number=5)),
            ("web and meta both claim 203.0.113.10:80/tcp",),
            id="one address",
        ),
        pytest.param(
            (NAMES_1, instance("other", 1, dns(1300, interfaces=("eth1", "eth9")))),
            ("names and other both claim port 53/udp on eth1",),
            id="one port on a shared interface",
        ),
        pytest.param((NAMES_1, instance("other", 1, dns(1300, interfaces=("eth9",)))), (), id="other interfaces"),
        pytest.param(
            (KEYS, instance("other", 1, PortFrontend("ike", UDP, 500, 500, (), sides=()))),
            ("keys and other both claim port 500/udp",),
            id="two daemons that listen by themselves, whoever may call them",
        ),
        pytest.param(
            (instance("web", 1, AddressFrontend("a", VIP, 80), AddressFrontend("b", OTHER_VIP, 80), number=0),),
            ("web and web both claim inside port 80/tcp",),
            id="the reverse map needs an inside port of its own for each frontend",
        ),
        pytest.param(
            (
                instance("a", 1, AddressFrontend("a", VIP, 80), number=0),
                instance("b", 1, AddressFrontend("b", OTHER_VIP, 80), number=1),
            ),
            (),
            id="inside ports of different services may be equal",
        ),
    ],
)
def test_conflicts(instances: tuple[Instance, ...], messages: tuple[str, ...]) -> None:
    assert tuple(map(str, conflicts(instances))) == messages


@pytest.mark.parametrize(
    ("of", "protocol", "expected"),
    [
        pytest.param(WEB_2, None, (inner(1, 8001), inner(1, 8002)), id="isolated: the inner address"),
        pytest.param(NAMES_2, None, (Endpoint(None, UDP, 1153), Endpoint(None, TCP, 1153)), id="router: any address"),
        pytest.param(NAMES_2, TCP, (Endpoint(None, TCP, 1153),), id="of one protocol"),
        pytest.param(KEYS, None, (), id="a port that all generations share"),
    ],
)
def test_endpoints(of: Instance, protocol: Protocol | None, expected: tuple[Endpoint, ...]) -> None:
    assert endpoints(of, protocol) == expected


def test_nothing_is_led_to_a_frontend_that_is_shut_and_what_is_open_there_is_still_answered() -> None:
    dns = PortFrontend("dns", UDP, 53, 1053, ("eth0",))
    dhcp = PortFrontend("dhcp", UDP, 67, 1067, ("eth0",))
    web = AddressFrontend("web", VIP, 8080)
    names, pages = instance("names", 1, dns, dhcp), instance("pages", 1, web, number=3)
    both, shut = (
        traffic_table([names, pages], [], shut=found)
        for found in ({}, {ServiceName("names"): {"dns"}, ServiceName("pages"): {"web"}})
    )
    assert len(both.active_ports) == 2
    assert [switch.port for switch in shut.active_ports] == [67]
    assert both.active_addresses
    assert shut.active_addresses == ()
    assert (shut.alive_ports, shut.alive_addresses) == (both.alive_ports, both.alive_addresses)


def test_what_is_shut_is_remembered_with_the_instance() -> None:
    dns, dhcp = PortFrontend("dns", UDP, 53, 1053, ("eth0",)), PortFrontend("dhcp", UDP, 67, 1067, ("eth0",))
    names = instance("names", 1, dns, dhcp)
    assert shut_of(names) == frozenset()
    assert shut_of(with_shut(names, {"dhcp"})) == {"dhcp"}
    assert shut_of(with_shut(with_shut(names, {"dhcp"}), {"dns"})) == {"dns"}
    assert with_shut(names, {"dhcp"}) == names  # it is the same instance, and needs no other


# ---------------------------------------------------------------- sides


def web(*sides: str, generation: int = 1, definition: str = "0") -> Instance:
    one = instance("web", generation, AddressFrontend("a", VIP, 8001, sides=sides), number=generation)
    return replace(one, definition=Digest("sha256:" + definition * 64))


def test_a_frontend_is_called_at_its_sides_and_answers_wherever_it_was_called() -> None:
    table = traffic_table([web("eth2", "eth0", "eth2")], [WEB_2])
    assert table.active_addresses == (AddressSwitch(VIP, inner(1, 8001), ("eth0", "eth2")),)
    assert {switch.sides for switch in table.alive_addresses} == {None}
    assert {switch.sides for switch in traffic_table([WEB_2], []).active_addresses} == {None}


def test_sides_are_no_reason_for_another_instance_and_the_newest_count() -> None:
    before, after = web("eth0"), web("eth0", "eth2")
    assert before == after
    newest = newer_sides({}, after, [before])
    assert traffic_table([before], [], sides=newest) == traffic_table([after], [])
    assert is_other_side({}, newest, [before])
    assert not is_other_side(newest, newer_sides(newest, after, [before]), [before])


def test_sides_are_those_of_a_definition() -> None:
    """A version that says nothing of sides does not get those of the one after it, nor the other way round."""
    former, candidate = web("eth0", generation=1), web("eth2", generation=2, definition="1")
    newest = newer_sides(newer_sides({}, former, [former]), candidate, [former])
    assert [switch.sides for switch in traffic_table([former], [candidate], sides=newest).active_addresses] == [
        ("eth0",)
    ]
    assert newer_sides(newest, candidate, [candidate]).keys() == {("web", candidate.definition)}


def test_the_sides_of_a_frontend_that_an_instance_alone_still_has_stay_as_they_were_said_last() -> None:
    both = replace(web("eth0"), frontends=(*web("eth0").frontends, AddressFrontend("b", OTHER_VIP, 8002, sides=())))
    newest = newer_sides(newer_sides({}, with_sides(both, {"b": ("eth3",)}), [both]), web("eth2"), [both])
    (table,) = [traffic_table([both], [], sides=newest)]
    assert [switch.sides for switch in table.active_addresses] == [("eth2",), ("eth3",)]
    assert sides_of(both) == {"a": ("eth0",), "b": ()}
    assert newer_sides(newest, web("eth2"), [web("eth0")]) == {("web", both.definition): {"a": ("eth2",)}}


def test_a_port_that_a_daemon_keeps_is_guarded_as_the_active_says_or_whoever_is_alive() -> None:
    def keys(generation: int, *frontends: PortFrontend) -> Instance:
        return instance("keys", generation, *frontends)

    ike = PortFrontend("ike", UDP, 500, 500, (), sides=("eth2",))
    assert traffic_table([keys(1, ike)], []).guarded_ports == (GuardedPort(UDP, 500, ("eth2",)),)
    assert traffic_table([], [keys(1, ike)]).guarded_ports == (GuardedPort(UDP, 500, ("eth2",)),)
    moved = keys(2, replace(ike, sides=("eth1",)))
    assert traffic_table([keys(1, ike)], [moved]).guarded_ports == (GuardedPort(UDP, 500, ("eth2",)),)
    assert traffic_table([], [keys(1, ike), moved]).guarded_ports == (GuardedPort(UDP, 500, ("eth1", "eth2")),)
    shut = traffic_table([keys(1, ike)], [], shut={ServiceName("keys"): {"ike"}})
    assert shut.guarded_ports == (GuardedPort(UDP, 500, ()),)
    assert traffic_table([KEYS], []).guarded_ports == ()  # it says nothing
