"""Cards that are named by their Ethernet address, routers that only balance, gateways that are called by name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from supervisor.edges.intake import CloudStackIntake, kernel_cards
from supervisor.values.router import IkeVersion, Metadata, RouterConfig

SAMPLES = Path(__file__).parents[2] / "data" / "cloudstack"
MAC = "1e:00:cb:00:71:03"


def sample(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_text())
    return found


def address(**more: Any) -> dict[str, Any]:
    entry = {"public_ip": "203.0.113.11", "netmask": "255.255.255.0", "add": True, "nw_type": "Public"}
    return {"type": "ips", "ip_address": [entry | more]}


def devices(*commands: Mapping[str, Any], kernel: Mapping[str, str] | None = None) -> tuple[list[str], list[str]]:
    """Return the cards that 203.0.113.11 is on, and what was refused."""
    intake = CloudStackIntake(lambda: kernel or {})
    taken = intake.take(None, [(f"{at}.json", json.dumps(command).encode()) for at, command in enumerate(commands)])
    bags = json.loads(taken.stored)
    there = bags.get("ips", {})
    found = [key for key in there if key != "id" and any(one["public_ip"] == "203.0.113.11" for one in there[key])]
    return found, [fault.problem for fault in taken.refused]


LINE = {"type": "cmdline", "cmd_line": {"type": "router", "nic_macs": f"02:00:00:00:00:01|02:00:00:00:00:02|{MAC}"}}
NETWORK = sample("cmd_guest_network_add") | {"mac_address": MAC.upper(), "device": "eth4"}


@pytest.mark.parametrize(
    ("commands", "kernel", "device"),
    [
        pytest.param((address(nic_dev_id=2),), {}, "eth2", id="by number"),
        pytest.param((address(nic_dev_id=2, vif_mac_address=MAC),), {}, "eth2", id="number, and no such card"),
        pytest.param((address(nic_dev_id=2, vif_mac_address=MAC),), {MAC: "eth3"}, "eth3", id="cards numbered anew"),
        pytest.param((address(vif_mac_address=MAC.upper()),), {MAC: "eth3"}, "eth3", id="the kernel has it"),
        pytest.param((address(nic_dev_id=None, vif_mac_address=MAC),), {MAC: "eth3"}, "eth3", id="the number is null"),
        pytest.param((LINE, address(vif_mac_address=MAC)), {}, "eth2", id="the boot line lists it"),
        pytest.param((NETWORK, address(vif_mac_address=MAC)), {}, "eth4", id="a network's command named it"),
        pytest.param(
            (address(nic_dev_id=5, vif_mac_address=MAC, public_ip="203.0.113.12"), address(vif_mac_address=MAC)),
            {},
            "eth5",
            id="another address is on it",
        ),
    ],
)
def test_an_address_is_on_the_card_that_its_command_means(
    commands: tuple[Mapping[str, Any], ...], kernel: Mapping[str, str], device: str
) -> None:
    assert devices(*commands, kernel=kernel) == ([device], [])


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({}, "ip_address[0]: has no nic_dev_id, nor vif_mac_address"),
        (
            {"vif_mac_address": MAC},
            f"ip_address[0]: has no nic_dev_id, and no card with vif_mac_address '{MAC}' is known",
        ),
        ({"nic_dev_id": "x"}, "ip_address[0].nic_dev_id: must be the number of a device, not 'x'"),
        ({"vif_mac_address": 5}, "ip_address[0].vif_mac_address: must be a text, not a number"),
    ],
)
def test_an_address_without_a_card_is_refused_by_name(more: dict[str, Any], reason: str) -> None:
    assert devices(address(**more)) == ([], [reason])


def test_the_kernels_cards_are_named_by_their_addresses() -> None:
    there = {path.read_text().strip(): path.parent.name for path in Path("/sys/class/net").glob("eth[0-9]*/address")}
    assert kernel_cards() == there


def configured(*commands: Mapping[str, Any]) -> tuple[RouterConfig, list[str]]:
    intake = CloudStackIntake()
    taken = intake.take(None, [(f"{at}.json", json.dumps(command).encode()) for at, command in enumerate(commands)])
    assert taken.refused == ()
    router, faults = intake.interpret(taken.stored)
    return router, [str(fault) for fault in faults]


def balancer(kind: str, *ports: int) -> tuple[RouterConfig, list[str]]:
    line = sample("cmd_cmd_line_router")
    line["cmd_line"]["type"] = kind
    text = [part for port in ports for part in (f"listen a-{port}", f"\tbind 10.1.1.1:{port}", "\tserver s 10.1.1.9:1")]
    return configured(line, {"type": "loadbalancer", "rules": [{"configuration": text}]})


@pytest.mark.parametrize("kind", ["ilbvm", "elbvm"])
def test_a_balancers_machine_serves_nothing_else_and_each_port_of_its_address_is_free(kind: str) -> None:
    router, faults = balancer(kind, 53, 80, 8080, 443)
    assert faults == []
    assert [listener.port for listener in router.load_balancing.listeners] == [53, 80, 8080, 443]
    assert (router.networks, router.service_addresses) == ((), ())


def test_a_router_keeps_the_ports_where_guests_reach_it() -> None:
    router, faults = balancer("router", 53, 80, 8080, 443)
    assert len(faults) == 3
    assert [listener.port for listener in router.load_balancing.listeners] == [443]


def tunnels(*peers: str, **more: Any) -> tuple[RouterConfig, list[str]]:
    command = sample("cmd_site_2_site_vpn")
    return configured(*(command | {"peer_gateway_ip": peer} | more for peer in peers))


@pytest.mark.parametrize(
    ("peer", "name", "found"),
    [
        ("198.51.100.7", "vpn-198.51.100.7", IPv4Address("198.51.100.7")),
        ("gw.branch.example", "vpn-gw.branch.example", "gw.branch.example"),
        ("GW.Branch.example.", "vpn-gw.branch.example", "gw.branch.example"),
        ("gw-1.branch.example", "vpn-gw--1.branch.example", "gw-1.branch.example"),
        ("gateway", "vpn-gateway", "gateway"),
        ("7up.example", "vpn-7up.example", "7up.example"),
    ],
)
def test_a_gateway_is_called_by_address_or_name(peer: str, name: str, found: IPv4Address | str) -> None:
    router, faults = tunnels(peer)
    assert faults == []
    assert [(tunnel.name, tunnel.peer_address) for tunnel in router.vpn.site_to_site] == [(name, found)]


def test_names_of_connections_differ_where_dots_become_dashes() -> None:
    router, _ = tunnels("a-b.example", "a.b.example", "a.b-example")
    assert len({tunnel.name.replace(".", "-") for tunnel in router.vpn.site_to_site}) == 3


def test_a_second_connection_to_one_gateway_is_refused_by_name() -> None:
    router, faults = tunnels("gw.example", "GW.example")
    assert len(router.vpn.site_to_site) == 1
    assert faults == ["site2sitevpn.gw.example: another connection leads to gw.example already"]


@pytest.mark.parametrize("peer", ["198.51.100", "1.2.3.4.5", "a b", "a;b", "-a.example", "a..b", "2001:db8::1", "%any"])
def test_what_is_neither_an_address_nor_a_name_is_refused(peer: str) -> None:
    command = sample("cmd_site_2_site_vpn") | {"peer_gateway_ip": peer}
    (fault,) = CloudStackIntake().take(None, [("a.json", json.dumps(command).encode())]).refused
    assert fault.problem == f"peer_gateway_ip: must be an IPv4 address or a host name, not {peer!r}"


@pytest.mark.parametrize(
    ("text", "version"),
    [("IKEv2", IkeVersion.V2), ("IKEV1", IkeVersion.V1), ("Ike", IkeVersion.ANY), ("", IkeVersion.ANY)],
)
def test_a_version_of_the_key_exchange_may_be_written_in_any_case(text: str, version: IkeVersion) -> None:
    router, faults = tunnels("198.51.100.7", ike_version=text)
    assert faults == []
    assert router.vpn.site_to_site[0].ike_version is version


def test_keys_with_capitals_are_there_in_lower_case_too() -> None:
    items = (("Tier", "a"), ("TIER", "b"), ("x", "c"), ("Role", "d"), ("role", "e"))
    assert Metadata(IPv4Address("10.1.1.20"), None, items).aliases == (("tier", "a"),)


def test_an_entry_of_a_guest_without_ipv4_is_passed_over_and_changes_nothing() -> None:
    entry = {"type": "dhcpentry", "mac_address": "02:00:0a:01:01:f3", "ipv6_address": "2001:db8::40", "remove": False}
    taken = CloudStackIntake().take(None, [("a.json", json.dumps(entry).encode())])
    assert (taken.refused, len(taken.notes)) == ((), 1)
    assert json.loads(taken.stored) == {}
