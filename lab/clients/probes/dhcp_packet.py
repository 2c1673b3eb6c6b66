"""DHCP messages as bytes: just what a guest needs to take a lease and to renew it (RFC 2131)."""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass

COOKIE = b"\x63\x82\x53\x63"
DISCOVER, OFFER, REQUEST, ACK, NAK = 1, 2, 3, 5, 6
HEADER = struct.Struct("!BBBBIHH4s4s4s4s16s64s128s4s")
BROADCAST = 0x8000


@dataclass(frozen=True, slots=True)
class Reply:
    kind: int
    xid: int
    mac: bytes
    address: str
    server: bytes
    lease_seconds: int


def build(
    kind: int, xid: int, mac: bytes, *, ciaddr: str = "0.0.0.0", options: tuple[tuple[int, bytes], ...] = ()
) -> bytes:
    """Build a request; it asks for a broadcast answer unless the client has an address to be answered at."""
    flags = BROADCAST if ciaddr == "0.0.0.0" else 0
    none = bytes(4)
    own = ipaddress.IPv4Address(ciaddr).packed
    head = HEADER.pack(1, 1, 6, 0, xid, 0, flags, own, none, none, none, mac, b"", b"", COOKIE)
    body = bytes((53, 1, kind)) + bytes((61, 7, 1)) + mac
    body += b"".join(bytes((code, len(value))) + value for code, value in options)
    return (head + body + b"\xff").ljust(300, b"\0")


def parse(data: bytes) -> Reply | None:
    """Read a server's reply; None when the bytes are anything else."""
    if len(data) < HEADER.size or data[0] != 2 or data[HEADER.size - 4 : HEADER.size] != COOKIE:
        return None
    fields = HEADER.unpack_from(data)
    options = _options(data[HEADER.size :])
    if 53 not in options:
        return None
    lease = int.from_bytes(options.get(51, b""), "big")
    yiaddr = str(ipaddress.IPv4Address(fields[8]))
    return Reply(options[53][0], fields[4], fields[11][:6], yiaddr, options.get(54, b""), lease)


def _options(data: bytes) -> dict[int, bytes]:
    options, at = {}, 0
    while at + 1 < len(data) and data[at] != 255:
        if data[at] == 0:
            at += 1
            continue
        options[data[at]] = data[at + 2 : at + 2 + data[at + 1]]
        at += 2 + data[at + 1]
    return options
