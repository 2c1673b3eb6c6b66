"""The gap of a takeover on the real kernel: encapsulated ESP finds another socket, and nothing else notices."""

from __future__ import annotations

import logging
import re
import socket
import struct
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from supervisor.edges.network.admission import Admission
from supervisor.edges.network.associations import XfrmAssociations
from supervisor.edges.network.encapsulation import UDP_ENCAP, EncapsulationHolder
from supervisor.edges.network.guard import NftGuard
from supervisor.edges.network.traffic import NftTraffic
from supervisor.values.association import Association
from supervisor.values.traffic import HeldPort, TrafficTable
from tests.integration.network.network_peers import SO_NO_CHECK
from tests.kit.live.network_router import Router, entered, tool

pytestmark = pytest.mark.integration

PORT, HELD = 4500, 4601
PUBLIC, INNER, PUBLIC6 = "203.0.113.2", "10.99.1.2", "2001:db8:113::2"
ESP = struct.pack("!II", 0xC8A7C1DE, 1) + bytes(64)
IKE = bytes(4) + b"\x01" * 64
KEEP_ALIVE = b"\xff"
GAP = TrafficTable(held_ports=(HeldPort(PORT, HELD),))


def listener(port: int, address: str = "0.0.0.0") -> socket.socket:
    found = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        found.bind((address, port))
    except OSError:
        found.close()
        raise
    return found


LONG = 3.0  # for what must arrive: seconds that a loaded machine may take


def arrived(at: socket.socket, patience: float = 0.2) -> bytes | None:
    at.settimeout(patience)
    try:
        return at.recv(65535)
    except TimeoutError:
        return None


def send(payload: bytes, target: tuple[str, int], *, no_checksum: bool = False) -> None:
    family = socket.AF_INET6 if ":" in target[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sender:
        if no_checksum:
            sender.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 1)
        # A process that is just started holds the former sender's socket until it runs its program.
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sender.bind(("", PORT))
        sender.sendto(payload, target)


def admit_ike() -> None:
    """Let the router's own firewall admit the daemon's port; the holder's port is ours to admit."""
    for command in ("iptables", "ip6tables"):
        tool(command, "-I", "INPUT", "-p", "udp", "--dport", str(PORT), "-j", "ACCEPT")


@contextmanager
def gap(traffic: NftTraffic) -> Iterator[None]:
    admit_ike()
    guard = NftGuard(traffic, admission=Admission())
    guard.start()
    try:
        traffic.apply(GAP)
        yield
    finally:
        guard.remove()


@pytest.mark.parametrize(
    ("payload", "goes_to"),
    [
        pytest.param(ESP, HELD, id="ESP"),
        pytest.param(ESP[:8], HELD, id="the shortest"),
        pytest.param(struct.pack("!I", 256) + bytes(1396), HELD, id="a small SPI"),
        pytest.param(ESP * 40, HELD, id="fragments"),
        pytest.param(KEEP_ALIVE, HELD, id="keep-alive"),
        pytest.param(IKE, PORT, id="IKE"),
        pytest.param(b"ab", PORT, id="too short to be any"),
    ],
)
@pytest.mark.parametrize("no_checksum", [False, True], ids=["sum", "zero sum"])
def test_only_encapsulated_esp_is_rewritten(
    firewalled: Router, payload: bytes, goes_to: int, no_checksum: bool
) -> None:
    with closing(listener(PORT)) as daemon, closing(listener(HELD)) as holder, gap(NftTraffic()):
        with entered(firewalled.public):
            send(payload, (PUBLIC, PORT), no_checksum=no_checksum)
        (right, other) = (daemon, holder) if goes_to == PORT else (holder, daemon)
        assert arrived(right, LONG) == payload
        assert arrived(other) is None


def test_what_leaves_no_daemon_is_not_refused(firewalled: Router) -> None:
    """Without a socket the kernel answers that the port is closed, and the peer's packet is lost."""
    traffic = NftTraffic()
    with closing(listener(HELD)) as holder, gap(traffic), entered(firewalled.public), listener(0) as peer:
        peer.connect((PUBLIC, PORT))
        peer.send(ESP)
        assert arrived(holder, LONG) == ESP
        assert arrived(peer) is None
        with entered(firewalled.router):
            traffic.apply(TrafficTable())
        peer.send(ESP)
        with pytest.raises(ConnectionRefusedError):
            arrived(peer)


def test_the_rest_is_as_before(net: Router) -> None:
    tool("ip", "addr", "add", f"{PUBLIC6}/64", "dev", "eth2", "nodad")
    with entered(net.public):
        tool("ip", "addr", "add", f"{PUBLIC6[:-1]}3/64", "dev", "eth0", "nodad")
    with entered(net.guest):
        behind = listener(PORT)
    others = {port: listener(port) for port in (500, PORT, PORT + 1)}
    sixth = listener(PORT, PUBLIC6)
    stream = socket.create_server((PUBLIC, PORT))
    holder = listener(HELD)
    try:
        with gap(NftTraffic()):
            with entered(net.public):
                send(ESP, (PUBLIC, 500))
                send(ESP, (PUBLIC, PORT + 1))
                send(ESP, (INNER, PORT))
                send(ESP, (PUBLIC6, PORT))
                socket.create_connection((PUBLIC, PORT), 2).close()
                send(ESP, (PUBLIC, HELD))  # the holder's port is not for clients
            assert {port: arrived(other, 0.2 if port == PORT else LONG) for port, other in others.items()} == {
                500: ESP,
                PORT: None,
                PORT + 1: ESP,
            }
            assert arrived(behind, LONG) == ESP, "what is passed on is not ours"
            assert arrived(sixth, LONG) == ESP
            assert arrived(holder) is None
    finally:
        for one in (behind, sixth, stream, holder, *others.values()):
            one.close()


def test_nothing_is_tracked(net: Router) -> None:
    """A tracked flow would lead to the holder's port when the gap is over."""
    with closing(listener(HELD)), gap(NftTraffic()):
        with entered(net.public):
            send(ESP, (PUBLIC, PORT))
        assert tool("conntrack", "-L", "-p", "udp", "--orig-port-src", str(PORT)) == ""


def test_the_gap_survives_a_flush_and_ends_with_its_table(net: Router) -> None:
    traffic = NftTraffic()
    with closing(listener(PORT)) as daemon, closing(listener(HELD)) as holder, gap(traffic):
        tool("nft", "flush", "ruleset")
        admit_ike()
        assert traffic.restore() or traffic.verify()
        with entered(net.public):
            send(ESP, (PUBLIC, PORT))
        assert arrived(holder, LONG) == ESP
        # The next supervisor has no socket, and begins with what it knows.
        NftTraffic().apply(TrafficTable())
        with entered(net.public):
            send(ESP, (PUBLIC, PORT))
        assert (arrived(daemon, LONG), arrived(holder)) == (ESP, None)


def test_a_holder_asks_the_kernel_to_decrypt(net: Router) -> None:
    holder = EncapsulationHolder()
    inside = holder.hold(PORT)
    assert inside
    assert holder.hold(PORT) == inside
    with pytest.raises(OSError, match="in use"):
        listener(inside)
    listener(PORT).close()  # the daemon's own port stays free
    assert holder._sockets[PORT].getsockopt(socket.IPPROTO_UDP, UDP_ENCAP) == 2
    NftTraffic().apply(TrafficTable(held_ports=(HeldPort(PORT, inside),)))
    with entered(net.public):
        for payload in (ESP, KEEP_ALIVE):
            send(payload, (PUBLIC, PORT))
    holder._sockets[PORT].settimeout(0.2)
    assert arrived(holder._sockets[PORT]) is None, "the kernel takes it, and drops what it has no key for"
    holder.release(PORT)
    holder.release(PORT)
    listener(inside).close()


def test_a_kernel_that_cannot_is_named_once(net: Router, caplog: pytest.LogCaptureFixture) -> None:
    holder = EncapsulationHolder()
    with exhausted_ports(), caplog.at_level(logging.WARNING):
        assert holder.hold(PORT) is None
        assert holder.hold(PORT) is None
    assert [record.getMessage() for record in caplog.records] == ["encapsulated traffic not held in takeovers"]
    assert holder.hold(PORT)
    holder.release(PORT)


@contextmanager
def exhausted_ports() -> Iterator[None]:
    """Take every free port of this namespace."""
    settings = "/proc/sys/net/ipv4/ip_local_port_range"
    with open(settings) as file:
        before = file.read()
    with open(settings, "w") as file:
        file.write("40000 40001")
    taken = [listener(port) for port in (40000, 40001)]
    try:
        yield
    finally:
        for one in taken:
            one.close()
        with open(settings, "w") as file:
            file.write(before)


def test_associations_are_deleted_by_their_numbers(net: Router) -> None:
    """This kernel may have no ESP; numbers it sets aside are associations without keys."""
    kernel = XfrmAssociations()
    way = ("src", PUBLIC, "dst", "203.0.113.200", "proto", "esp", "reqid", "1", "mode", "tunnel")
    numbers = []
    for _ in range(2):
        said = tool("ip", "xfrm", "state", "allocspi", *way)
        numbers.append(int(re.search(r"spi (0x[0-9a-f]+)", said)[1], 16))  # type: ignore[index]
    assert kernel.present() == (), "what has no keys carries nothing"
    first, second = (Association(PUBLIC, "203.0.113.200", "esp", number, 1, "tunnel") for number in numbers)
    kernel.delete((first, first))  # one that is gone already is no fault
    left = subprocess.run(("ip", "xfrm", "state"), check=True, capture_output=True, text=True).stdout
    assert f"{second.spi:#010x}" in left
    assert f"{first.spi:#010x}" not in left
