"""What a line of connection tracking and a line of the socket table tell of a client's connection."""

from __future__ import annotations

import sys
from ipaddress import ip_address

import pytest

from supervisor.edges.network.connections import _connection, _end
from supervisor.values.manifest import Protocol
from supervisor.values.state import Connection, Endpoint, SocketAddress

INSIDE = Endpoint(ip_address("198.18.0.2"), Protocol.TCP, 8001)  # type: ignore[arg-type]
NAMES = Endpoint(None, Protocol.TCP, 1053)
WANTED = frozenset({INSIDE, NAMES})


def end(text: str) -> SocketAddress:
    address, _, port = text.rpartition(":")
    return ip_address(address), int(port)


def line(state: str, asking: str, asked: str, answering: str, answered: str) -> str:
    """As conntrack(8) prints it: each way names source and destination before the ports."""
    ways = [(end(asking), end(asked)), (end(answering), end(answered))]
    told = " ".join(f"src={a[0]} dst={b[0]} sport={a[1]} dport={b[1]}" for a, b in ways)
    return f"tcp      6 431999 {state} {told} [ASSURED] mark=0 use=1"


WEB = Connection(end("203.0.113.200:40000"), end("203.0.113.10:80"), end("198.18.0.2:8001"))
NAME = Connection(end("10.1.1.20:40000"), end("10.1.1.1:53"), end("10.1.1.1:1053"))
NAME6 = Connection(end("fd00::20:40000"), end("fd00::1:53"), end("fd00::1:1053"))


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (("ESTABLISHED", "203.0.113.200:40000", "203.0.113.10:80", "198.18.0.2:8001", "203.0.113.200:40000"), WEB),
        (("ESTABLISHED", "198.18.0.2:8001", "203.0.113.200:40000", "203.0.113.200:40000", "203.0.113.10:80"), WEB),
        (("LAST_ACK", "10.1.1.20:40000", "10.1.1.1:53", "10.1.1.1:1053", "10.1.1.20:40000"), NAME),
        (("ESTABLISHED", "10.1.1.1:1053", "10.1.1.20:40000", "10.1.1.20:40000", "10.1.1.1:53"), NAME),
        (("ESTABLISHED", "fd00::20:40000", "fd00::1:53", "fd00::1:1053", "fd00::20:40000"), NAME6),
        (("TIME_WAIT", "10.1.1.20:40000", "10.1.1.1:53", "10.1.1.1:1053", "10.1.1.20:40000"), None),
        (("ESTABLISHED", "203.0.113.200:40000", "203.0.113.10:80", "198.18.0.6:8001", "203.0.113.200:40000"), None),
        (("ESTABLISHED", "198.18.0.1:40000", "198.18.0.2:8001", "198.18.0.2:8001", "198.18.0.1:40000"), None),
        (("ESTABLISHED", "10.1.1.20:40000", "192.0.2.9:1053", "192.0.2.9:1053", "10.1.1.20:40000"), None),
    ],
    ids=[
        "isolated",
        "isolated, the service spoke first after a flush",
        "router mode",
        "router mode, the service spoke first after a flush",
        "IPv6",
        "over",
        "another generation's",
        "the supervisor's own probe",
        "passes through to somebody else's port",
    ],
)
def test_a_tracked_flow(told: tuple[str, str, str, str, str], expected: Connection | None) -> None:
    assert _connection(line(*told), WANTED) == expected


def words(address: str) -> str:
    packed = ip_address(address).packed
    return "".join(f"{int.from_bytes(packed[at : at + 4], sys.byteorder):08X}" for at in range(0, len(packed), 4))


@pytest.mark.parametrize(
    ("address", "expected"),
    [("10.1.1.20", "10.1.1.20"), ("fd00::20", "fd00::20"), ("::ffff:10.1.1.20", "10.1.1.20"), ("::", "::")],
)
def test_an_end_of_a_socket(address: str, expected: str) -> None:
    assert _end(f"{words(address)}:0401") == (ip_address(expected), 1025)
