"""Every port of every address from every side, with the kernel table alone: it equals docs/reachability.md."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from supervisor.decisions.addresses import allocate_link
from supervisor.decisions.traffic import traffic_table
from supervisor.edges.network import table as text
from supervisor.edges.network.admission import Admission
from supervisor.edges.network.links import IpLinks
from supervisor.edges.network.structure import TABLE
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
from tests.integration.network.network_peers import Server, TcpClient, UdpClient, closing
from tests.kit.live.network_router import Router, entered, tool
from tests.kit.live.reachability import reached, sides
from tests.kit.live.scanner import ALL_PORTS, Origin, answered_ports, open_ports

pytestmark = pytest.mark.integration

TCP, UDP = Protocol.TCP, Protocol.UDP
TIER, OTHER_TIER, PUBLIC, VIP = "10.99.1.1", "10.99.3.1", "203.0.113.2", "203.0.113.10"
GUESTS, WIRE = ("eth0", "eth3"), "eth2"
SERVICE_PORTS = {53, 67, 80, 500, 1153, 1167, 4500, 8001, 8002, 8003, 8004, 8005, 8080, 8081, 8443, 9531, 9999}
DATA = Path(__file__).parents[2] / "data/network"
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
def placed(firewalled: Router) -> Iterator[Sided]:
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
        Admission().ensure()
        opened.callback(Admission().remove)
        yield Sided(firewalled, opened)


@pytest.fixture
def sided(placed: Sided) -> Sided:
    NftTraffic().apply(traffic_table(placed.active, []))
    return placed


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
@pytest.mark.timeout(240)
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


def test_frontends_of_manifests_that_say_nothing_are_reached_from_everywhere(sided: Sided) -> None:
    NftTraffic().apply(traffic_table(list(map(without_sides, sided.active)), []))
    for side in ("public", "peer", "other tier", "container"):
        origin = sided.origins()[side]
        with entered(origin.namespace):
            assert open_ports(TIER, (80, 8080), origin) == {80, 8080}, side


class Caller(threading.Thread):
    """A client that connects without pause in the namespace of the thread that makes it, and counts what fails."""

    def __init__(self, address: str, port: int) -> None:
        super().__init__(daemon=True)
        self.answered_by: set[str] = set()
        self.failed: list[str] = []
        self._target, self._done = (address, port), threading.Event()
        self.start()

    def run(self) -> None:
        while not self._done.is_set():
            try:
                client = TcpClient(self._target)
                self.answered_by.update(client.greeting[:1])
                client.close()
            except OSError as error:
                self.failed.append(str(error))

    def finish(self) -> None:
        self._done.set()
        self.join(10)


@contextmanager
def clients(router: Sided) -> Iterator[None]:
    """Let guests and the public call meanwhile, and keep connections: none of them is failed."""
    with entered(router.net.guest):
        callers = [Caller(TIER, 80), Caller(VIP, 80)]
        asker = UdpClient((TIER, 53))
        kept = [TcpClient((TIER, 80)), TcpClient((VIP, 80))]
        asker.start()
    with entered(router.net.public):
        callers.append(Caller(VIP, 8443))
        kept.append(TcpClient((VIP, 80)))
    yield
    asker.finish()
    for caller in callers:
        caller.finish()
        assert caller.answered_by
    assert asker.sent > 0
    assert [caller.failed for caller in callers] == [[], [], []]
    assert (asker.lost, asker.strange) == (0, 0)
    assert [client.echo() for client in kept] == ["metadata", "balancer", "balancer"]
    for client in kept:
        client.close()


def test_the_table_of_a_supervisor_from_before_sides_is_replaced_under_its_clients(placed: Sided) -> None:
    former = list(map(without_sides, placed.active))
    document = (DATA / "before-sides.nft").read_text()
    wanted = text.elements(traffic_table(former, []))
    nothing: dict[str, dict[text.Key, text.Key]] = {name: {} for name in wanted}
    known = {name: content for name, content in wanted.items() if f" {name} {{" in document}
    tool("nft", "-f", "-", text=document + text.changes(nothing, {**nothing, **known}))
    traffic = NftTraffic()
    assert "8001" in tool("nft", "list", "map", *TABLE.split(), "front")
    with clients(placed), entered(placed.net.router):
        time.sleep(0.3)
        traffic.apply(traffic_table(placed.active, []))
        time.sleep(0.3)
    assert traffic.verify()
    origin = placed.origins()["public"]
    with entered(origin.namespace):
        assert open_ports(TIER, (53, 80, 8080), origin) == frozenset()


def test_frontends_begin_and_end_to_have_sides_under_their_clients(sided: Sided) -> None:
    """As an upgrade from a release whose manifests say nothing, and its rollback."""
    traffic = NftTraffic()
    tables = [traffic_table(list(map(change, sided.active)), []) for change in (without_sides, lambda one: one)]
    with clients(sided), entered(sided.net.router):
        for turn in range(40):
            traffic.apply(tables[turn % 2])
            time.sleep(0.02)


def test_a_hand_over_moves_the_clients_of_every_side(sided: Sided) -> None:
    candidate, _ = sided.isolated("candidate", *sided.balancer.frontends)
    others = [one for one in sided.active if one.service != "balancer"]
    pair = [replace(one, masquerades=True) for one in (sided.balancer, candidate)]
    traffic = NftTraffic()
    with clients(sided), entered(sided.net.router):
        for turn in range(40):
            traffic.apply(traffic_table([*others, pair[turn % 2]], pair))
            time.sleep(0.02)
    for side in ("guest", "other tier", "public"):
        with entered(sided.origins()[side].namespace):
            client = TcpClient((VIP, 80))
            assert client.greeting[0] == "candidate"
            client.close()


def without_sides(one: Instance) -> Instance:
    """Return an instance as one of a manifest that says nothing of sides."""
    return replace(one, frontends=tuple(replace(frontend, sides=None) for frontend in one.frontends))


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
