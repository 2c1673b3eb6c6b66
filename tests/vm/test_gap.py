"""Encapsulated ESP while no daemon runs, with keys of our own: what the supervisor holds, and what is cleared away."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from supervisor.edges.network.associations import XfrmAssociations
from supervisor.edges.network.encapsulation import EncapsulationHolder
from supervisor.edges.network.traffic import NftTraffic
from supervisor.values.association import Association
from supervisor.values.traffic import HeldPort, TrafficTable
from tests.kit.live.network_router import ROUTER, Router, entered, make_namespaces, remove_namespaces, tool

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

DEADLINE = 60.0  # processors are emulated, and the first table loads modules of the kernel
HERE, PEER, INNER_HERE, INNER_PEER = "203.0.113.2", "203.0.113.100", "10.99.1.1", "10.88.0.1"
KEY = ("enc", "cbc(aes)", "0x" + "2b" * 16, "auth-trunc", "hmac(sha256)", "0x" + "7c" * 32, "128")
NAT = ("encap", "espinudp", "4500", "4500", "0.0.0.0")
OUT, INTO = Association(HERE, PEER, "esp", 0x1001, 1, "tunnel"), Association(PEER, HERE, "esp", 0x2002, 1, "tunnel")


def key(one: Association) -> None:
    way = ("src", one.source, "dst", one.destination, "proto", "esp", "spi", hex(one.spi))
    tool("ip", "xfrm", "state", "add", *way, "reqid", str(one.request), "mode", "tunnel", *KEY, *NAT)


def policy(direction: str, inner: tuple[str, str], outer: tuple[str, str]) -> None:
    selector = ("src", f"{inner[0]}/32", "dst", f"{inner[1]}/32", "dir", direction)
    template = ("tmpl", "src", outer[0], "dst", outer[1], "proto", "esp", "reqid", "1", "mode", "tunnel")
    tool("ip", "xfrm", "policy", "add", *selector, *template)


@pytest.fixture
def tunnel() -> Iterator[Router]:
    """Both ends of a tunnel in UDP. The peer has a daemon's socket; the router has none."""
    net = Router()
    try:
        make_namespaces()
        ends = ((net.router, HERE, INNER_HERE, PEER, INNER_PEER), (net.public, PEER, INNER_PEER, HERE, INNER_HERE))
        for name, outer, inner, other_outer, other_inner in ends:
            with entered(name):
                key(OUT)
                key(INTO)
                policy("out", (inner, other_inner), (outer, other_outer))
                policy("in", (other_inner, inner), (other_outer, outer))
        with entered(net.public):
            tool("ip", "addr", "add", f"{INNER_PEER}/32", "dev", "lo")
        tool("ip", "-n", net.router, "route", "add", f"{INNER_PEER}/32", "via", PEER, "src", INNER_HERE)
        with entered(ROUTER):
            yield net
    finally:
        remove_namespaces()


def lost(net: Router) -> int:
    """Of ten pings from the peer."""
    with entered(net.public):
        command = ("ping", "-q", "-c", "10", "-i", "0.05", "-W", "1", "-I", INNER_PEER, INNER_HERE)
        said = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60).stdout
    return 10 - int(said.partition(" packets transmitted, ")[2].partition(" ")[0])


def test_a_held_port_carries_the_tunnel(tunnel: Router) -> None:
    tunnel.close_firewall()
    for chain, rule in (("INPUT", "-m mark --mark 0x10000000/0x10000000"), ("INPUT", f"-s {INNER_PEER}")):
        tool("iptables", "-I", chain, *rule.split(), "-j", "ACCEPT")
    daemon, peers = EncapsulationHolder(), EncapsulationHolder()
    traffic = NftTraffic(DEADLINE)
    with entered(tunnel.public):
        at_peer = peers.hold(4500)
        assert at_peer
        NftTraffic(DEADLINE).apply(TrafficTable(held_ports=(HeldPort(4500, at_peer),)))
    assert lost(tunnel) == 10, "without a socket nothing is decrypted"
    inside = daemon.hold(4500)
    assert inside
    traffic.apply(TrafficTable(held_ports=(HeldPort(4500, inside),)))
    assert lost(tunnel) == 0
    traffic.apply(TrafficTable())
    assert lost(tunnel) == 10
    daemon.release(4500)
    peers.release(4500)


def test_what_is_stale_is_deleted_and_nothing_else(tunnel: Router) -> None:
    kernel = XfrmAssociations()
    assert set(kernel.present()) == {OUT, INTO}
    fresh = Association(HERE, PEER, "esp", 0x3003, 7, "tunnel")
    key(fresh)
    kernel.delete((OUT, OUT))
    assert set(kernel.present()) == {INTO, fresh}
