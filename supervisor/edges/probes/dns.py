"""DNS probe: one question over UDP or TCP, and an address that must be among the answers."""

from __future__ import annotations

import socket
import struct
from ipaddress import IPv4Address, IPv6Address, ip_address

import dns.exception
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype

from supervisor.edges.probes.answer import Answer, no_answer
from supervisor.edges.probes.arguments import Arguments
from supervisor.edges.probes.bounded import BoundedSocket, inet_socket
from supervisor.edges.probes.handler import Handler, Means
from supervisor.values.listing import listed
from supervisor.values.manifest import ProbeKind, Use
from supervisor.values.state import ProbeTarget, ResolvedProbe

ANY_CODE = "ANY"


def ask(probe: ResolvedProbe, target: ProbeTarget, _: Means) -> Answer:
    arguments = Arguments(probe, Use.ASK)
    address, port = arguments.address(target), arguments.port()
    name, kind = arguments.required("name"), arguments.text("type", "A").upper()
    protocol, expect = arguments.word("protocol"), arguments.text("expect")
    codes = tuple(code.strip().upper() for code in arguments.text("codes", "NOERROR").split(","))
    try:
        query = dns.message.make_query(dns.name.from_text(name), dns.rdatatype.from_text(kind))
    except (dns.exception.DNSException, ValueError) as error:
        raise arguments.error(f"{name!r} {kind} is not a DNS question: {error}") from None
    if size := arguments.number("edns", 0, 65535, default=0):
        query.use_edns(0, payload=size)
    via = "" if protocol == "udp" else " by TCP"
    question = f"DNS {name} {kind}{' with EDNS' if size else ''} at {address}:{port}{via}"
    wanted = f", expected {expect}" if expect else ""
    exchange = _by_tcp if protocol == "tcp" else _by_udp
    try:
        response = exchange(query, address, port, probe.timeout)
    except OSError as error:
        return no_answer(question, error, probe.timeout, wanted)
    except dns.exception.DNSException as error:
        return Answer(False, question, f"not a DNS answer ({type(error).__name__}){wanted}")
    return _judge(question, response, expect, codes)


def _judge(question: str, response: dns.message.Message, expect: str, codes: tuple[str, ...]) -> Answer:
    code = dns.rcode.to_text(response.rcode())
    texts = [record.to_text() for records in response.answer for record in records]
    came = f"answered {code}" if code != "NOERROR" else f"answered {listed(texts, ', ') or 'nothing'}"
    if expect and _canonical(expect) not in map(_canonical, texts):
        return Answer(False, question, f"{came}, expected {expect}")
    if code not in codes and codes != (ANY_CODE,):
        return Answer(False, question, f"{came}, expected {' or '.join(codes)}")
    return Answer(True, question, came)


def _canonical(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        return text.rstrip(".").lower()


def _by_udp(
    query: dns.message.Message, address: IPv4Address | IPv6Address, port: int, timeout: float
) -> dns.message.Message:
    """Ask over a connected socket, so that a closed port is noticed at once and packets of strangers are not read."""
    with inet_socket(address, socket.SOCK_DGRAM, timeout) as connection:
        connection.connect((str(address), port))
        connection.sendall(query.to_wire())
        while True:  # until the deadline: an answer to an older question may share our port
            response = dns.message.from_wire(connection.recv(65535))
            if query.is_response(response):
                return response


def _by_tcp(
    query: dns.message.Message, address: IPv4Address | IPv6Address, port: int, timeout: float
) -> dns.message.Message:
    with inet_socket(address, socket.SOCK_STREAM, timeout) as connection:
        connection.connect((str(address), port))
        wire = query.to_wire()
        connection.sendall(struct.pack("!H", len(wire)) + wire)
        (length,) = struct.unpack("!H", _exactly(connection, 2))
        response = dns.message.from_wire(_exactly(connection, length))
    if not query.is_response(response):
        raise dns.exception.FormError  # it answers another question
    return response


def _exactly(connection: BoundedSocket, count: int) -> bytes:
    received = b""
    while len(received) < count:
        chunk = connection.recv(count - len(received))
        if not chunk:
            raise ConnectionResetError
        received += chunk
    return received


HANDLER = Handler(ProbeKind.DNS, ask=ask)
