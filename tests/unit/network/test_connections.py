"""What a line of connection tracking and a line of the socket table tell of a client's connection."""

from __future__ import annotations

import sys
from ipaddress import ip_address

import pytest

from supervisor.edges.network.connections import open_connections, tracked_connection
from supervisor.values.manifest import Protocol
from supervisor.values.state import Endpoint, SocketAddress
from supervisor.values.traffic import Connection

INSIDE = Endpoint(ip_address("198.18.0.2"), Protocol.TCP, 8001)  # type: ignore[arg-type]
NAMES = Endpoint(None, Protocol.TCP, 1053)
ENDS = {
    INSIDE: Endpoint(ip_address("203.0.113.10"), Protocol.TCP, 80),  # type: ignore[arg-type]
    NAMES: Endpoint(None, Protocol.TCP, 53),
}


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
        (("ESTABLISHED", "fd00::20:40000", "fd00::1:53", "fd00::1:1053", "fd00::20:40000"), NAME6),
        (("TIME_WAIT", "10.1.1.20:40000", "10.1.1.1:53", "10.1.1.1:1053", "10.1.1.20:40000"), None),
        (("ESTABLISHED", "203.0.113.200:40000", "203.0.113.10:80", "198.18.0.6:8001", "203.0.113.200:40000"), None),
        (("ESTABLISHED", "198.18.0.1:40000", "198.18.0.2:8001", "198.18.0.2:8001", "198.18.0.1:40000"), None),
        (("ESTABLISHED", "10.1.1.20:40000", "192.0.2.9:1053", "192.0.2.9:1053", "10.1.1.20:40000"), None),
        (("ESTABLISHED", "192.0.2.9:40000", "203.0.113.2:8053", "10.1.1.20:1053", "192.0.2.9:40000"), None),
        (("ESTABLISHED", "10.1.1.20:1053", "192.0.2.9:1053", "192.0.2.9:1053", "203.0.113.2:1053"), None),
    ],
    ids=[
        "isolated",
        "isolated, the service spoke first after a flush",
        "router mode",
        "IPv6",
        "over",
        "another generation's",
        "the supervisor's own probe",
        "passes through to somebody else's port",
        "a guest's port that the router forwards to",
        "passes through, with the router's address",
    ],
)
def test_a_tracked_flow(told: tuple[str, str, str, str, str], expected: Connection | None) -> None:
    assert tracked_connection(line(*told), ENDS) == expected


def hexadecimal(text: str) -> str:
    address, port = end(text)
    packed = address.packed
    words = (int.from_bytes(packed[at : at + 4], sys.byteorder) for at in range(0, len(packed), 4))
    return "".join(f"{word:08X}" for word in words) + f":{port:04X}"


def socket(state: str, local: str, remote: str, inode: int = 1609) -> str:
    """As the kernel prints it."""
    ends = f"{hexadecimal(local)} {hexadecimal(remote)}"
    return (
        f"   0: {ends} {state} 00000000:00000000 00:00000000 00000000     0        0 {inode} 1 0000000059076026 100 0"
    )


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (("01", "198.18.0.2:8001", "203.0.113.200:40000"), WEB),
        (("01", "::ffff:198.18.0.2:8001", "::ffff:203.0.113.200:40000"), WEB),
        (("01", "10.1.1.1:1053", "10.1.1.20:40000"), NAME),
        (("01", "fd00::1:1053", "fd00::20:40000"), NAME6),
        (("08", "10.1.1.1:1053", "10.1.1.20:40000"), NAME),
        (("05", "10.1.1.1:1053", "10.1.1.20:40000"), NAME),
        (("05", "10.1.1.1:1053", "10.1.1.20:40000", 0), None),
        (("03", "10.1.1.1:1053", "10.1.1.20:40000", 0), None),
        (("06", "10.1.1.1:1053", "10.1.1.20:40000", 0), None),
        (("0A", "10.1.1.1:1053", "0.0.0.0:0"), None),
        (("01", "fd00::1:1053", "::ffff:10.1.1.20:40000"), None),
        (("01", "198.18.0.6:8001", "203.0.113.200:40000"), None),
        (("01", "10.1.1.1:22", "10.1.1.20:40000"), None),
    ],
    ids=[
        "isolated",
        "IPv4 in a socket for IPv6",
        "router mode",
        "IPv6",
        "the client has said all",
        "the service has said all, and still listens",
        "nobody has it any more",
        "half a handshake",
        "over",
        "it listens",
        "a client that calls itself one of IPv4",
        "another generation's",
        "another service's",
    ],
)
def test_a_socket(told: tuple[str, str, str] | tuple[str, str, str, int], expected: Connection | None) -> None:
    assert list(open_connections([socket(*told)], ENDS)) == ([expected] if expected else [])
