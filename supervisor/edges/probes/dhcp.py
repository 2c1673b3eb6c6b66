"""DHCP probe: the offer of this generation to one network card. No lease is made, nothing leaves the router.

A generation that no client reaches yet is asked as a relay asks: a DISCOVER by unicast to its own port, from the
router, with one of the router's guest addresses as `giaddr`. The kernel delivers it over the loopback device but to
sockets bound to the guest interface too, since a local route leads to the interface of its address. A server answers a
relay at `giaddr` and at the *server's* port (RFC 2131 4.1), so the OFFER goes to the server's own socket: we read a
copy of it on the loopback device. A second socket on that port would take packets that clients sent to the server.
"""

from __future__ import annotations

import ctypes
import errno
import re
import secrets
import select
import socket
import struct
from ipaddress import IPv4Address

from supervisor.edges.probes.answer import Answer, no_answer
from supervisor.edges.probes.arguments import Arguments
from supervisor.edges.probes.bounded import BoundedSocket
from supervisor.edges.probes.dhcp_packet import (
    DhcpMessage,
    Direction,
    MalformedPacketError,
    MessageType,
    decode,
    discover,
    encode,
)
from supervisor.edges.probes.handler import Handler, Means
from supervisor.values.errors import ProbeError
from supervisor.values.manifest import ProbeKind, Use
from supervisor.values.state import ProbeTarget, ResolvedProbe

_MAC = re.compile(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}")
_ETH_P_IP = 0x0800
_SO_ATTACH_FILTER = 26  # asm-generic/socket.h; the socket module does not name it
_UDP_HEADER = 8


class NotOursError(ProbeError, word="not-ours"):
    """The relay's address is not an address of the router, at least not yet."""


def ask(probe: ResolvedProbe, target: ProbeTarget, _: Means) -> Answer:
    arguments = Arguments(probe, Use.ASK)
    relay, port, mac = arguments.ipv4("address"), arguments.port(), arguments.required("mac").lower()
    if not _MAC.fullmatch(mac):
        raise arguments.error(f"mac is {mac!r}, not an Ethernet address with colons")
    expect = str(arguments.ipv4("expect")) if arguments.text("expect") else "an address"
    question = f"DHCP DISCOVER of {mac} at {relay}:{port}"
    try:
        reply = exchange(relay, port, discover(mac, secrets.randbits(32), relay=relay), probe.timeout)
    except NotOursError as error:  # a network that is not up yet, say: that is no fault of the daemon
        return Answer(False, question, str(error), is_telling=False)
    except OSError as error:
        return no_answer(question, error, probe.timeout, f", expected an OFFER of {expect}")
    except MalformedPacketError as error:
        return Answer(False, question, f"not a DHCP answer ({error}), expected an OFFER of {expect}")
    came = f"answered {reply.type.name} of {reply.yiaddr}"
    if reply.type is not MessageType.OFFER or (arguments.text("expect") and str(reply.yiaddr) != expect):
        return Answer(False, question, f"{came}, expected an OFFER of {expect}")
    return Answer(True, question, came)


def exchange(relay: IPv4Address, port: int, message: DhcpMessage, timeout: float) -> DhcpMessage:
    """Send to the server's port; return the first reply to `message` that leaves from that port.

    Raises NotOursError when `relay` is not an address of the router.
    """
    with (
        BoundedSocket(socket.AF_PACKET, socket.SOCK_DGRAM, timeout) as replies,
        BoundedSocket(socket.AF_INET, socket.SOCK_DGRAM, timeout) as question,
    ):
        try:  # bound to a protocol only after the filter: nothing else is ever queued
            _keep_replies(replies, port, message.xid)
            replies.bind(("lo", _ETH_P_IP))
            question.bind((str(relay), 0))
        except OSError as error:
            kind = NotOursError if error.errno == errno.EADDRNOTAVAIL else ProbeError
            raise kind(f"cannot listen for DHCP answers to {relay}: {error.strerror}") from error
        question.connect((str(relay), port))
        question.sendall(encode(message))
        either = select.poll()
        either.register(replies, select.POLLIN)
        either.register(question, select.POLLIN)
        while replies.fileno() not in dict(either.poll(question.left() * 1000)):
            question.recv(65535)  # raises: the port is closed, or the time is up; relays get no answer here
        packet = replies.recv(65535)
    return decode(packet[(packet[0] & 0x0F) * 4 + _UDP_HEADER :])


def _keep_replies(packets: socket.socket, port: int, xid: int) -> None:
    """Attach a classic BPF program (kernel: networking/filter.rst): UDP, no fragment, from `port`, a reply to `xid`."""
    program = (
        (0x30, 0, 0, 9),  # ldb [9]                protocol
        (0x15, 0, 10, socket.IPPROTO_UDP),
        (0x28, 0, 0, 6),  # ldh [6]                flags, fragment offset
        (0x45, 8, 0, 0x1FFF),
        (0xB1, 0, 0, 0),  # ldxb 4*([0]&0xf)       length of the IP header
        (0x48, 0, 0, 0),  # ldh [x + 0]            source port
        (0x15, 0, 5, port),
        (0x50, 0, 0, _UDP_HEADER),  # ldb [x + 8]  direction
        (0x15, 0, 3, Direction.REPLY),
        (0x40, 0, 0, _UDP_HEADER + 4),  # ld [x + 12]
        (0x15, 0, 1, xid),
        (0x06, 0, 0, 0xFFFF),  # ret: keep
        (0x06, 0, 0, 0),  # ret: drop
    )
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *instruction) for instruction in program))
    pointer = struct.pack("HL", len(program), ctypes.addressof(code))  # `code` must outlive the call
    packets.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, pointer)


HANDLER = Handler(ProbeKind.DHCP, ask=ask)
