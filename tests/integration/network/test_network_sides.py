"""Every port of every address from every side, with the kernel table alone: it equals docs/reachability.md."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from supervisor.decisions.addresses import allocate_link
from supervisor.decisions.traffic import traffic_table
from supervisor.edges.network.admission import Admission
from supervisor.edges.network.guard import NftGuard
from supervisor.edges.network.links import IpLinks
from supervisor.edges.network.traffic import NftTraffic
from supervisor.values.manifest import Protocol
from supervisor.values.names import Digest, ServiceName
from supervisor.values.state import (
    AddressFrontend,
    Endpoint,
    Instance,
    Link,
    PortFrontend,
    ResolvedFrontend,
    Sides,
)
from tests.integration.network.network_peers import Server, closing
from tests.kit.live.network_router import Router, entered, tool
from tests.kit.live.reachability import reached, sides
from tests.kit.live.scanner import ALL_PORTS, Origin, answered_ports, open_ports

pytestmark = pytest.mark.integration

TCP, UDP = Protocol.TCP, Protocol.UDP
TIER, OTHER_TIER, PUBLIC, VIP = "10.99.1.1", "10.99.3.1", "203.0.113.2", "203.0.113.10"
GUESTS, WIRE = ("eth0", "eth3"), "eth2"
SERVICE_PORTS = {53, 67, 80, 500, 1153, 1167, 4500, 8001, 8002, 8003, 8004, 8005, 8080, 8081, 8443, 9531, 9999}
FEW_PORTS = tuple(sorted(SERVICE_PORTS | set(range(1, 1200))))
IKE = (500, 4500)


class Sided:
    """The table of a router with a service of each kind, and the places from which each side calls."""

    def __init__(self, net: Router, opened: ExitStack) -> None:
        self.net, self._opened = net, opened
        self.used: list[Link] = []
        self.container, _ = self.isolated("other")
        self.metadata, _ = self.isolated(
            "metadata",
            self._at(TIER, 80, 8001, ("eth0",)),
            self._at(OTHER_TIER, 80, 8002, ("eth3",)),
            self._at(TIER, 8080, 8003, ("eth0",)),
        )
        self.balancer, _ = self.isolated(
            "balancer",
            self._at(VIP, 80, 8001, (WIRE, *GUESTS)),
            self._at(VIP, 8443, 8002, (WIRE, *GUESTS)),
            self._at(TIER, 8081, 8003, ("eth0",)),
            self._at(VIP, 53, 8004, (WIRE, *GUESTS)),
        )
        known = ((UDP, 53), (TCP, 53), (UDP, 67))
        self.names = self._instance("names", None, *(PortFrontend(f"{p}{n}", p, n, 1100 + n, GUESTS) for p, n in known))
        self.keys = self._instance("keys", None, *(PortFrontend(f"ike{n}", UDP, n, n, (), sides=(WIRE,)) for n in IKE))

    @property
    def active(self) -> tuple[Instance, ...]:
        masquerading = replace(self.container, masquerades=True)
        return (masquerading, self.metadata, replace(self.balancer, masquerades=True), self.names, self.keys)

    def origins(self) -> dict[str, Origin]:
        assert self.container.link
        return {
            "guest": Origin(self.net.guest, "10.99.1.2", "eth0"),
            "other tier": Origin(self.net.guest, "10.99.3.2", "eth1"),
            "public": Origin(self.net.public, "203.0.113.100"),
            "peer": Origin(self.net.public, "10.2.0.1"),
            "container": Origin(self.container.link.namespace),
            "router": Origin(self.net.router),
        }

    def isolated(self, service: str, *frontends: ResolvedFrontend) -> tuple[Instance, Server]:
        place = allocate_link(ServiceName(service), 1, self.used)
        place = replace(place, namespace=f"{self.net.prefix}{place.namespace}")
        self.used.append(place)
        IpLinks().ensure(place)
        with entered(place.namespace):
            server = Server(service)
            for port in (8001, 8002, 8003, 8004, 8005):
                server.tcp(port)
        self._opened.enter_context(closing(server))
        return self._instance(service, place, *frontends), server

    @staticmethod
    def _at(address: str, port: int, inside: int, at: Sides) -> AddressFrontend:
        return AddressFrontend(f"{address}-{port}", Endpoint(IPv4Address(address), TCP, port), inside, sides=at)

    @staticmethod
    def _instance(service: str, link: Link | None, *frontends: ResolvedFrontend) -> Instance:
        digest = Digest("sha256:" + "0" * 64)
        return Instance(ServiceName(service), 1, "1", "r", digest, digest, link, (), frontends)


@pytest.fixture
def sided(firewalled: Router) -> Iterator[Sided]:
    """A router with services. Its own firewall lets IKE in from everywhere: what guests are kept from is our doing."""
    for port in IKE:
        tool("iptables", "-A", "INPUT", "-p", "udp", "--dport", str(port), "-j", "ACCEPT")
    tool("ip", "route", "add", "10.2.0.0/24", "via", "203.0.113.100")
    with entered(firewalled.public):
        tool("ip", "addr", "add", "10.2.0.1/32", "dev", "lo")
        tool("ip", "route", "add", "198.18.0.0/15", "via", "203.0.113.2")
    with entered(firewalled.guest):
        for name in ("all", "eth0", "eth1"):
            Path(f"/proc/sys/net/ipv4/conf/{name}/rp_filter").write_text("0")
        tool("ip", "route", "add", "default", "via", OTHER_TIER, "dev", "eth1", "metric", "100")
    with ExitStack() as opened:
        opened.enter_context(closing(Server("names").udp(1153).udp(1167).tcp(1153)))
        opened.enter_context(closing(Server("keys").udp(500).udp(4500)))
        opened.enter_context(closing(Server("metrics").tcp(9531, "127.0.0.1")))
        router = Sided(firewalled, opened)
        traffic = NftTraffic()
        traffic.apply(traffic_table(router.active, []))
        guard = NftGuard(traffic, admission=Admission())
        guard.start()
        opened.callback(guard.remove)
        yield router


RULES = {"rule": (53, 80, 8443), "page": (8081,)}


def addresses(router: Sided) -> list[tuple[str, str, dict[str, tuple[int, ...]]]]:
    """Return each address by kind, and the numbers of the ports that the table has words for."""
    assert router.balancer.link
    return [
        ("tier", TIER, RULES),
        ("public", VIP, RULES),
        ("public", PUBLIC, {}),
        ("link", str(router.balancer.link.inner), {"any": (8001, 8002, 8003, 8004, 8005)}),
        ("link", str(router.balancer.link.outer), {}),
    ]


@pytest.mark.parametrize("side", sides())
def test_a_side_reaches_what_the_document_says(sided: Sided, side: str) -> None:
    found, expected = {}, {}
    origin = sided.origins()[side]
    with entered(origin.namespace):
        for kind, address, words in addresses(sided):
            found[address] = scanned(address, FEW_PORTS, origin)
            expected[address] = {TCP: reached(kind, "tcp", side, words), UDP: reached(kind, "udp", side, words)}
            if side == "router":  # it has the daemons' own sockets too
                expected[address] = with_own_sockets(kind, expected[address])
            elif address == str(sided.balancer.link and sided.balancer.link.outer):
                expected[address] = at_any_address(side)
    assert found == expected


def test_a_service_that_may_connect_to_nobody_reaches_nothing_of_the_router(sided: Sided) -> None:
    traffic = NftTraffic()
    traffic.apply(traffic_table([replace(one, masquerades=False) for one in sided.active], []))
    origin = sided.origins()["container"]
    with entered(origin.namespace):
        for _, address, _ in addresses(sided):
            assert scanned(address, FEW_PORTS, origin) == {TCP: frozenset(), UDP: frozenset()}


def test_another_process_of_the_router_reaches_what_listens_on_loopback(sided: Sided) -> None:
    origin = sided.origins()["router"]
    assert reached("loopback", "tcp", "router", {}) == {9531}
    with entered(origin.namespace):
        assert {9531} <= open_ports("127.0.0.1", FEW_PORTS, origin)


@pytest.mark.slow
@pytest.mark.parametrize("side", sides())
def test_a_side_reaches_nothing_else_at_any_port(
    sided: Sided, side: str, record: Callable[[str, object], None]
) -> None:
    origin = sided.origins()[side]
    began = time.monotonic()
    with entered(origin.namespace):
        for kind, address, words in addresses(sided)[:3]:
            expected = reached(kind, "tcp", side, words)
            if side == "router":
                expected = with_own_sockets(kind, {TCP: expected, UDP: frozenset()})[TCP]
            assert open_ports(address, ALL_PORTS, origin) == expected, address
    record("seconds", round(time.monotonic() - began, 1))


def scanned(address: str, ports: Iterable[int], origin: Origin) -> dict[Protocol, frozenset[int]]:
    questions = dict.fromkeys(SERVICE_PORTS, b"question")
    return {TCP: open_ports(address, ports, origin), UDP: answered_ports(address, questions, origin)}


def with_own_sockets(kind: str, expected: dict[Protocol, frozenset[int]]) -> dict[Protocol, frozenset[int]]:
    """Return what the router reaches at an address of its own with the sockets of router-mode daemons themselves."""
    if kind == "link" and expected[TCP]:
        return expected  # a service's own
    ports = {TCP: {53, 1153}, UDP: {53, 67, 500, 1153, 1167, 4500}}
    return {protocol: expected[protocol] | ports[protocol] for protocol in (TCP, UDP)}


def at_any_address(side: str) -> dict[Protocol, frozenset[int]]:
    """Return what a side reaches at an address of the router that is neither a tier's nor public."""
    return {
        TCP: reached("public", "tcp", side, {}),
        UDP: reached("public", "udp", side, {}),
    }
