"""The text of the table, its changes, and how a listing is read back."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest

from supervisor.edges.network import table as text
from supervisor.edges.network.admission import RULE, amendments
from supervisor.edges.network.guard import LONGEST_PAUSE, pause_before
from supervisor.edges.network.structure import fingerprint, rule_counts
from supervisor.values.errors import NetworkError
from supervisor.values.manifest import Protocol
from supervisor.values.state import Endpoint
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
VIP_ADDRESS, CLIENT = IPv4Address("203.0.113.10"), IPv4Address("203.0.113.200")
VIP = Endpoint(VIP_ADDRESS, TCP, 80)
GUESTS = ("eth0", "eth3")


def inner(number: int) -> Endpoint:
    return Endpoint(IPv4Address("198.18.0.2") + 4 * number, TCP, 8001)


def ports(inside: int) -> tuple[PortSwitch, ...]:
    return tuple(PortSwitch(*known, inside + known[1], GUESTS) for known in ((UDP, 53), (TCP, 53), (UDP, 67)))


BEFORE = TrafficTable(
    active_addresses=(AddressSwitch(VIP, inner(0), ("eth0", "eth2")),),
    alive_addresses=(AddressSwitch(VIP, inner(0)), AddressSwitch(VIP, inner(1))),
    active_ports=ports(1000),
    outgoing=("vrs0", "vrs1"),
    guarded_ports=(GuardedPort(UDP, 500, ("eth2",)), GuardedPort(UDP, 4500, ())),
    synced=(SyncPath(IPv4Address("198.18.0.6"), IPv4Address("198.18.0.2"), 10999),),
    alive_ports=(*ports(1000), *ports(1100)),
    held_ports=(HeldPort(4500, 40123),),
    pinned=(
        Connection((CLIENT, 40000), (VIP_ADDRESS, 80), (IPv4Address("198.18.0.2"), 8001)),
        Connection((IPv6Address("fd00::7"), 40000), (IPv6Address("fd00::1"), 53), (IPv6Address("fd00::1"), 1053)),
    ),
)
# Clients choose their addresses, and these have several forms (RFC 5952, 5).
ODD = tuple(
    Connection((IPv6Address(client), 40000), (IPv6Address("fd00::1"), 53), (IPv6Address("fd00::1"), 1053))
    for client in ("::10.1.1.7", "::ffff:10.1.1.7", "fe80::1", "64:ff9b::10.1.1.7", "2001:db8:0:0:1::1")
)
AFTER = TrafficTable(
    active_addresses=(AddressSwitch(VIP, inner(1), ("eth0", "eth2")),),
    guarded_ports=BEFORE.guarded_ports,
    alive_addresses=BEFORE.alive_addresses,
    active_ports=ports(1100),
    outgoing=("vrs0", "vrs1"),
    synced=BEFORE.synced,
    alive_ports=BEFORE.alive_ports,
    held_ports=BEFORE.held_ports,
    pinned=BEFORE.pinned,
)


def test_elements_of_a_hand_over() -> None:
    found = text.elements(BEFORE)
    assert found["front"] == {("203.0.113.10", "tcp", 80): ("198.18.0.2", 8001)}
    assert set(found["sides"]) == {(i, "203.0.113.10", "tcp", 80) for i in ("eth0", "eth2")}
    assert found["anywhere"] == {}
    assert found["guarded"] == {("udp", 500): (), ("udp", 4500): ()}
    assert found["guarded_sides"] == {("eth2", "udp", 500): ()}
    assert set(found["back"]) == {("198.18.0.2", "tcp", 8001), ("198.18.0.6", "tcp", 8001)}
    assert found["udp_in"] == {(i, p): (1000 + p,) for i in GUESTS for p in (53, 67)}
    assert found["udp_out"] == {(i, n + p): (p,) for i in GUESTS for p in (53, 67) for n in (1000, 1100)}
    assert found["relay_out"] == {(i, n, n): (67,) for i in GUESTS for n in (1067, 1167)}
    assert found["tcp_in"] == {(i, 53): (1053,) for i in GUESTS}
    assert found["outgoing"] == {("vrs0",): (), ("vrs1",): ()}
    assert found["synced"] == {("198.18.0.6", "198.18.0.2", 10999): ()}
    assert found["kept"] == {("203.0.113.200", 40000, "203.0.113.10", 80): ("198.18.0.2", 8001)}
    assert found["kept6"] == {("fd00::7", 40000, "fd00::1", 53): ("fd00::1", 1053)}
    assert found["held_ports"] == {(4500,): ()}
    assert found["held"] == {(4500,): (40123,)}
    assert set(found["udp_inside"]) == {(1053,), (1067,), (1153,), (1167,), (40123,)}
    assert set(found["tcp_inside"]) == {(1053,), (1153,)}


def test_a_cut_over_touches_only_the_maps_that_new_flows_follow() -> None:
    lines = text.changes(text.elements(BEFORE), text.elements(AFTER)).splitlines()
    assert {line.split()[4] for line in lines} == {"front", "udp_in", "tcp_in", "udp_local", "tcp_local"}
    assert all(line.startswith(("add element", "delete element")) for line in lines)


def test_a_cut_over_is_as_large_however_many_interfaces_clients_call_at() -> None:
    def listeners(number: int, *sides: str) -> text.Elements:
        outsides = [Endpoint(VIP_ADDRESS, TCP, 1000 + index) for index in range(100)]
        insides = [replace(inner(number), port=10000 + index) for index in range(100)]
        switches = tuple(AddressSwitch(*pair, sides) for pair in zip(outsides, insides, strict=True))
        return text.elements(TrafficTable(active_addresses=switches))

    one, many = (
        text.changes(listeners(0, *sides), listeners(1, *sides)) for sides in (("eth2",), ("eth2", "eth0", "eth3"))
    )
    assert one == many
    lines = [line for line in one.splitlines() if " front " in line]
    assert [line.count("203.0.113.10") for line in lines] == [100, 100]  # each once out and once in


def test_a_frontend_that_says_nothing_is_called_from_anywhere() -> None:
    found = text.elements(TrafficTable(active_addresses=(AddressSwitch(VIP, inner(0)),)))
    assert (found["sides"], found["anywhere"]) == ({}, {("203.0.113.10", "tcp", 80): ()})
    nobody = text.elements(TrafficTable(active_addresses=(AddressSwitch(VIP, inner(0), ()),)))
    assert (nobody["sides"], nobody["anywhere"]) == ({}, {})


def test_a_candidate_that_may_connect_to_others_is_one_element() -> None:
    alone = text.elements(replace(BEFORE, outgoing=("vrs0",)))
    assert text.changes(alone, text.elements(BEFORE)) == 'add element inet vr_supervisor outgoing { "vrs1" }\n'


def test_equal_tables_need_no_change() -> None:
    assert text.changes(text.elements(BEFORE), text.elements(BEFORE)) == ""


def test_an_interface_name_cannot_smuggle_rules() -> None:
    switch = PortSwitch(UDP, 53, 1053, ('eth0" }; flush ruleset; #',))
    with pytest.raises(NetworkError, match="that is no interface name"):
        text.elements(TrafficTable(active_ports=(switch,)))


def test_two_outside_endpoints_cannot_share_an_inside_one() -> None:
    other = Endpoint(IPv4Address("203.0.113.11"), TCP, 80)
    with pytest.raises(NetworkError, match="another frontend has that inside port"):
        text.elements(TrafficTable(active_addresses=(AddressSwitch(VIP, inner(0)), AddressSwitch(other, inner(0)))))


@pytest.mark.root
@pytest.mark.programs
@pytest.mark.parametrize(
    "wanted",
    [
        pytest.param(TrafficTable(), id="empty"),
        pytest.param(BEFORE, id="full"),
        pytest.param(TrafficTable(pinned=ODD), id="odd clients"),
    ],
)
def test_nft_accepts_the_document_and_lists_it_back(wanted: TrafficTable) -> None:
    document = text.document(text.elements(wanted))
    command = ("unshare", "-n", "sh", "-c", "nft -f - && nft -j list table inet vr_supervisor")
    done = subprocess.run(command, input=document, capture_output=True, text=True, check=True)
    listing = json.loads(done.stdout)["nftables"]
    assert text.read_elements(listing) == text.elements(wanted)
    assert text.read_rules(listing) == (rule_counts(), fingerprint())


def filter_table(*rules: str) -> str:
    head = "*mangle\n:INPUT ACCEPT [0:0]\nCOMMIT\n*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n"
    return "\n".join((head, *rules, "COMMIT\n"))


OURS = (f"-A INPUT {RULE}", f"-A FORWARD {RULE}")
SSH = "-A INPUT -p tcp -m tcp --dport 3922 -j ACCEPT"


@pytest.mark.parametrize(
    ("saved", "is_wanted", "lines"),
    [
        pytest.param("", True, [], id="no filter table: none is made"),
        pytest.param(filter_table(), True, ["-I INPUT 1", "-I FORWARD 1"], id="empty chains"),
        pytest.param(filter_table(*OURS, SSH), True, [], id="in place"),
        pytest.param(filter_table(SSH, *OURS), True, ["-D INPUT", "-I INPUT 1"], id="no longer the first"),
        pytest.param(filter_table(OURS[0], *OURS), True, ["-D INPUT", "-D INPUT", "-I INPUT 1"], id="doubled"),
        pytest.param(filter_table(SSH, *OURS), False, ["-D INPUT", "-D FORWARD"], id="unwanted"),
        pytest.param(filter_table(SSH), False, [], id="gone already"),
    ],
)
def test_amendments(saved: str, is_wanted: bool, lines: list[str]) -> None:
    script = amendments(saved, is_wanted=is_wanted).splitlines()
    assert script == (["*filter", *(f"{line} {RULE}" for line in lines), "COMMIT"] if lines else [])


@pytest.mark.parametrize(
    ("former", "pause"),
    [
        pytest.param((), 0.0, id="never restored"),
        pytest.param((99.0,) * 19, 0.0, id="a router being configured"),
        pytest.param((99.0,) * 20, 0.05, id="somebody insists"),
        pytest.param((99.0,) * 22, 0.2, id="and goes on"),
        pytest.param((99.0,) * 60, LONGEST_PAUSE, id="bounded"),
        pytest.param((1.0,) * 60, 0.0, id="long ago"),
    ],
)
def test_pause_before_a_restoration(former: tuple[float, ...], pause: float) -> None:
    assert pause_before(former, 100.0) == pytest.approx(pause)


def test_an_element_with_a_comment_of_somebody_s_is_an_element() -> None:
    key = {"elem": {"val": {"concat": ["10.1.1.1", "tcp", 80]}, "comment": "mine"}}
    listing: list[dict[str, Any]] = [
        {"map": {"name": "front", "elem": [[key, {"concat": ["198.18.0.2", 8000]}]]}},
        {"set": {"name": "outgoing", "elem": [{"elem": {"val": "vrs0", "comment": "mine"}}]}},
    ]
    assert text.read_elements(listing) == {
        "front": {("10.1.1.1", "tcp", 80): ("198.18.0.2", 8000)},
        "outgoing": {("vrs0",): ()},
    }
