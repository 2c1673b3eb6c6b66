"""Links of isolated generations, on the real kernel."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from supervisor.decisions.addresses import allocate_link
from supervisor.edges.network.links import IpLinks
from supervisor.values.errors import NetworkError
from supervisor.values.names import ServiceName
from supervisor.values.state import Link
from tests.kit.live.network_router import Router, entered, tool

pytestmark = pytest.mark.integration


def links(net: Router) -> IpLinks:
    return IpLinks(namespaces=f"{net.prefix}vrs-")


def link(net: Router, generation: int = 1, used: tuple[Link, ...] = ()) -> Link:
    allocated = allocate_link(ServiceName("web"), generation, used)
    return replace(allocated, namespace=f"{net.prefix}{allocated.namespace}")


def is_reachable(place: Link) -> bool:
    return "1 received" in tool("ping", "-c1", "-W2", str(place.inner))


def test_a_link_is_made_once_and_removed_without_trace(net: Router) -> None:
    edge, place = links(net), link(net)
    before = tool("ip", "-o", "link")
    edge.ensure(place)
    index = tool("ip", "-o", "link", "show", "vrs0")
    edge.ensure(place)
    assert tool("ip", "-o", "link", "show", "vrs0") == index, "a complete link stays"
    assert is_reachable(place)
    assert edge.present() == (place.namespace,)
    for _ in range(2):
        edge.remove(place)
        assert edge.present() == ()
        assert tool("ip", "-o", "link") == before


def test_settings_inside(net: Router) -> None:
    place = link(net)
    links(net).ensure(place)
    with entered(place.namespace):
        settings = {
            name: Path("/proc/sys/net/ipv4", name).read_text().strip()
            for name in ("ip_unprivileged_port_start", "ip_nonlocal_bind", "conf/all/rp_filter", "conf/eth0/rp_filter")
        }
        assert "default via 198.18.0.1 dev eth0" in tool("ip", "route")
        assert "UP" in tool("ip", "link", "show", "lo")
    assert settings == {
        "ip_unprivileged_port_start": "0",
        "ip_nonlocal_bind": "1",
        "conf/all/rp_filter": "0",
        "conf/eth0/rp_filter": "0",
    }


@pytest.mark.parametrize(
    ("where", "damage"),
    [
        pytest.param("router", "link del vrs0", id="pair gone"),
        pytest.param("router", "link set vrs0 down", id="router's end down"),
        pytest.param("router", "addr flush dev vrs0", id="router's address gone"),
        pytest.param("router", "addr add 198.18.9.1/30 dev vrs0", id="a second address"),
        pytest.param("inside", "addr flush dev eth0", id="service's address gone"),
        pytest.param("inside", "route del default", id="route gone"),
        pytest.param("inside", "link set lo down", id="loopback down"),
        pytest.param("router", "netns del {namespace}", id="namespace gone"),
    ],
)
def test_repair(net: Router, where: str, damage: str) -> None:
    edge, place = links(net), link(net)
    edge.ensure(place)
    with entered(net.router if where == "router" else place.namespace):
        tool("ip", "-batch", "-", text=damage.format(namespace=place.namespace) + "\n")
    edge.ensure(place)
    assert is_reachable(place)


def test_half_made(net: Router) -> None:
    place = link(net)
    Path("/run/netns", place.namespace).touch()  # a namespace file that lost its mount
    tool("ip", "link", "add", "vrs0", "type", "veth", "peer", "name", "other")  # another's interface
    links(net).ensure(place)
    assert is_reachable(place)


def test_taken_networks_leave_ours_out(net: Router) -> None:
    edge, place = links(net), link(net)
    edge.ensure(place)
    tool("ip", "route", "add", "172.30.0.0/16", "via", "203.0.113.100")
    taken = edge.taken()
    assert {"10.99.1.0/24", "10.99.3.0/24", "203.0.113.0/24", "172.30.0.0/16"} <= set(taken)
    assert not any(network.startswith(("198.18.", "0.0.0.0/0")) for network in taken)


def test_an_impossible_link_says_why(net: Router) -> None:
    with pytest.raises(NetworkError, match=r"cannot make link a-name-that-is-too-long to .*: "):
        links(net).ensure(replace(link(net), interface="a-name-that-is-too-long"))


def test_making_a_link_is_fast(net: Router, record: Callable[[str, object], None]) -> None:
    edge, place = links(net), link(net)
    seconds = []
    for _ in range(7):
        began = time.perf_counter()
        edge.ensure(place)
        seconds.append(time.perf_counter() - began)
        edge.remove(place)
    record("link_made_ms", [round(s * 1000, 1) for s in seconds])
    assert statistics.median(seconds) < 0.03
