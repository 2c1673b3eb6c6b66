"""DHCPv4 messages (RFC 2131, 2132) as values: built for probes and replays, parsed from what a server answers."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Address

UNSPECIFIED = IPv4Address(0)

_FIXED = struct.Struct("!BBBBIHH4s4s4s4s16s64s128s4s")
_COOKIE = b"\x63\x82\x53\x63"
_MINIMUM = 300  # RFC 1542 2.1: relays and servers may drop anything shorter
_BROADCAST = 0x8000
_ETHERNET = 1


class MalformedPacketError(ValueError):
    """Bytes that are no DHCP message."""


class Direction(IntEnum):
    REQUEST = 1
    REPLY = 2


class MessageType(IntEnum):
    DISCOVER = 1
    OFFER = 2
    REQUEST = 3
    DECLINE = 4
    ACK = 5
    NAK = 6
    RELEASE = 7
    INFORM = 8


class Option(IntEnum):
    PAD = 0
    HOST_NAME = 12
    REQUESTED_ADDRESS = 50
    LEASE_TIME = 51
    OVERLOAD = 52
    MESSAGE_TYPE = 53
    SERVER = 54
    PARAMETERS = 55
    MESSAGE = 56
    CLIENT = 61
    END = 255


@dataclass(frozen=True, slots=True)
class DhcpMessage:
    """A DHCPv4 message. `options` leave out the message type, padding and overload, and are in order of appearance."""

    type: MessageType
    direction: Direction
    xid: int
    mac: str  # lower case, colons
    ciaddr: IPv4Address = UNSPECIFIED  # what the client uses already
    yiaddr: IPv4Address = UNSPECIFIED  # what the server gives
    siaddr: IPv4Address = UNSPECIFIED
    giaddr: IPv4Address = UNSPECIFIED  # the relay
    hops: int = 0
    wants_broadcast: bool = False
    options: tuple[tuple[int, bytes], ...] = ()

    def option(self, code: int) -> bytes | None:
        return dict(self.options).get(code)

    def address_option(self, code: int) -> IPv4Address | None:
        value = self.option(code)
        return IPv4Address(value) if value is not None and len(value) == 4 else None

    @property
    def server(self) -> IPv4Address | None:
        return self.address_option(Option.SERVER)

    @property
    def lease_seconds(self) -> int | None:
        value = self.option(Option.LEASE_TIME)
        return int.from_bytes(value, "big") if value is not None and len(value) == 4 else None


def discover(
    mac: str, xid: int, *, relay: IPv4Address = UNSPECIFIED, options: Iterable[tuple[int, bytes]] = ()
) -> DhcpMessage:
    """Ask what would be offered. With `relay` the answer goes to that address and to the server's port."""
    return DhcpMessage(
        MessageType.DISCOVER, Direction.REQUEST, xid, mac, giaddr=relay, hops=_hops(relay), options=tuple(options)
    )


def request(
    mac: str,
    xid: int,
    address: IPv4Address,
    *,
    server: IPv4Address | None = None,
    relay: IPv4Address = UNSPECIFIED,
    options: Iterable[tuple[int, bytes]] = (),
) -> DhcpMessage:
    """Ask for `address`: the one `server` offered, or (without `server`) the one held before a reboot."""
    asked: list[tuple[int, bytes]] = [(Option.REQUESTED_ADDRESS, address.packed)]
    if server is not None:
        asked.append((Option.SERVER, server.packed))
    return DhcpMessage(
        MessageType.REQUEST,
        Direction.REQUEST,
        xid,
        mac,
        giaddr=relay,
        hops=_hops(relay),
        options=(*asked, *options),
    )


def renewal(
    mac: str,
    xid: int,
    address: IPv4Address,
    *,
    relay: IPv4Address = UNSPECIFIED,
    options: Iterable[tuple[int, bytes]] = (),
) -> DhcpMessage:
    """Ask to keep `address`, which the client uses: no requested address, no server (RFC 2131 4.3.2)."""
    return DhcpMessage(
        MessageType.REQUEST,
        Direction.REQUEST,
        xid,
        mac,
        ciaddr=address,
        giaddr=relay,
        hops=_hops(relay),
        options=tuple(options),
    )


def encode(message: DhcpMessage) -> bytes:
    hardware = bytes.fromhex(message.mac.replace(":", ""))
    if len(hardware) != 6:
        raise ValueError(f"{message.mac!r} is not an Ethernet address")
    fixed = _FIXED.pack(
        message.direction,
        _ETHERNET,
        len(hardware),
        message.hops,
        message.xid,
        0,
        _BROADCAST if message.wants_broadcast else 0,
        message.ciaddr.packed,
        message.yiaddr.packed,
        message.siaddr.packed,
        message.giaddr.packed,
        hardware,
        b"",
        b"",
        _COOKIE,
    )
    options = b"".join(
        bytes((code, len(value))) + value
        for code, value in ((Option.MESSAGE_TYPE, bytes((message.type,))), *message.options)
    )
    return (fixed + options + bytes((Option.END,))).ljust(_MINIMUM, b"\0")


def decode(packet: bytes) -> DhcpMessage:
    if len(packet) < _FIXED.size:
        raise MalformedPacketError(f"{len(packet)} bytes are too few")
    (
        operation,
        _,
        hardware_size,
        hops,
        xid,
        _,
        flags,
        ciaddr,
        yiaddr,
        siaddr,
        giaddr,
        hardware,
        sname,
        file,
        cookie,
    ) = _FIXED.unpack_from(packet)
    if cookie != _COOKIE:
        raise MalformedPacketError("the DHCP cookie is missing")
    options = _joined(packet[_FIXED.size :], file, sname)
    try:
        direction = Direction(operation)
        kind = MessageType(int.from_bytes(options.pop(Option.MESSAGE_TYPE, b""), "big"))
    except ValueError as error:
        raise MalformedPacketError(str(error)) from None
    return DhcpMessage(
        type=kind,
        direction=direction,
        xid=xid,
        mac=hardware[: min(hardware_size, 16)].hex(":"),
        ciaddr=IPv4Address(ciaddr),
        yiaddr=IPv4Address(yiaddr),
        siaddr=IPv4Address(siaddr),
        giaddr=IPv4Address(giaddr),
        hops=hops,
        wants_broadcast=bool(flags & _BROADCAST),
        options=tuple(options.items()),
    )


def _joined(area: bytes, file: bytes, sname: bytes) -> dict[int, bytes]:
    """Collect the options of all areas; the parts of one that was split are put together (RFC 3396)."""
    options: dict[int, bytes] = {}
    for code, value in _parts(area):
        options[code] = options.get(code, b"") + value
    overload = int.from_bytes(options.pop(Option.OVERLOAD, b"\0"), "big")
    for bit, more in ((1, file), (2, sname)):
        for code, value in _parts(more) if overload & bit else ():
            options[code] = options.get(code, b"") + value
    return options


def _parts(area: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(area) and area[at] != Option.END:
        if area[at] == Option.PAD:
            at += 1
            continue
        if at + 1 >= len(area) or at + 2 + area[at + 1] > len(area):
            raise MalformedPacketError(f"option {area[at]} is cut short")
        yield area[at], area[at + 2 : at + 2 + area[at + 1]]
        at += 2 + area[at + 1]


def _hops(relay: IPv4Address) -> int:
    return 0 if relay == UNSPECIFIED else 1
