"""Questions that the daemons of a router answer to anybody whom they hear: names, leases, key exchange."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address


def name_question(name: str) -> bytes:
    """Return a DNS question for the address of `name`."""
    labels = b"".join(bytes((len(label),)) + label.encode() for label in name.split("."))
    return struct.pack("!6H", 7, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", 1, 1)


def lease_question(address: str, mac: str) -> bytes:
    """Return a DHCPINFORM (RFC 2131, 4.4.3): it asks for options and makes no lease; the answer goes to `address`."""
    client = IPv4Address(address).packed
    fixed = struct.pack("!4BIHH4s4s4s4s", 1, 1, 6, 0, 0x5EA1, 0, 0, client, *([bytes(4)] * 3))
    hardware = bytes.fromhex(mac.replace(":", "")).ljust(16, b"\0")
    options = bytes((53, 1, 8, 55, 3, 1, 3, 6, 255))
    return fixed + hardware + bytes(192) + bytes((99, 130, 83, 99)) + options


def key_question() -> bytes:
    """Return an IKE_SA_INIT request (RFC 7296, 1.2): AES-CBC-256, SHA2-256, and Diffie-Hellman group 14."""
    transforms = (
        _transform(1, 12, struct.pack("!HH", 0x800E, 256)),
        _transform(2, 5),
        _transform(3, 12),
        _transform(4, 14, is_last=True),
    )
    inner = b"".join(transforms)
    proposal = struct.pack("!BBHBBBB", 0, 0, 8 + len(inner), 1, 1, 0, len(transforms)) + inner
    exchange = struct.pack("!HH", 14, 0) + b"\x00" + bytes(range(255))
    payloads = _payload(34, proposal) + _payload(40, exchange) + _payload(0, bytes(range(32)))
    return struct.pack("!8s8sBBBBII", b"sidetest", bytes(8), 33, 0x20, 34, 0x08, 0, 28 + len(payloads)) + payloads


def _transform(kind: int, number: int, attribute: bytes = b"", *, is_last: bool = False) -> bytes:
    return struct.pack("!BBHBBH", 0 if is_last else 3, 0, 8 + len(attribute), kind, 0, number) + attribute


def _payload(following: int, content: bytes) -> bytes:
    return struct.pack("!BBH", following, 0, 4 + len(content)) + content
