"""Replays leases: those that one DHCP server has granted and another one lacks are requested of the other one.

A lease file has a line a lease (docs/manifest.md, `replay`): `expiry mac address name client-id`, where expiry is
seconds since the epoch or 0 for a lease that never ends, and `*` stands for nothing. Each missing lease is requested as
a relay would for a client that was rebooted (INIT-REBOOT, RFC 2131 4.3.2): an authoritative server grants it, to the
same client and of the full length, and no guest notices anything of it.
"""

from __future__ import annotations

import math
import re
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from supervisor.edges.probes.answer import silence
from supervisor.edges.probes.arguments import Arguments
from supervisor.edges.probes.dhcp import exchange
from supervisor.edges.probes.dhcp_packet import MalformedPacketError, MessageType, Option, request
from supervisor.edges.probes.handler import Handler
from supervisor.values.errors import ProbeError
from supervisor.values.manifest import ProbeKind, Use
from supervisor.values.state import ProbeTarget, ResolvedProbe

MOST = 2000
SECONDS = 5.0  # for all of them

_LINE = re.compile(
    rb"(?P<expiry>\d{1,12}) (?P<mac>(?:[0-9a-f]{2}:){5}[0-9a-f]{2}) (?P<address>[0-9.]{7,15})"
    rb" (?P<name>\*|[A-Za-z0-9._-]{1,253}) (?P<client>\*|[0-9a-f]{2}(?::[0-9a-f]{2}){0,254})\s*"
)


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease as a line of the file has it."""

    expiry: int  # seconds since the epoch; 0: never
    mac: str
    address: IPv4Address
    name: str  # empty: none
    client: bytes  # empty: none

    @property
    def holder(self) -> tuple[str, bytes]:
        return self.mac, self.client

    @property
    def ends(self) -> float:
        return self.expiry or math.inf


def parse(content: bytes) -> Iterator[Lease]:
    """Yield the leases in a file; lines of another kind (IPv6, other hardware) are passed over."""
    for line in content.splitlines():
        match = _LINE.fullmatch(line)
        if match is None:
            continue
        expiry, mac, address, name, client = (part.decode() for part in match.groups())
        try:
            ip = IPv4Address(address)
        except ValueError:
            continue
        known_as = "" if name == "*" else name
        yield Lease(int(expiry), mac, ip, known_as, b"" if client == "*" else bytes.fromhex(client.replace(":", "")))


def missing(granted: bytes, known: bytes, network: IPv4Network, now: float) -> tuple[Lease, ...]:
    """Return the leases that hold and that `known` lacks, or lets end earlier.

    An address that is leased to another client in `known` was leased later, and stays as it is.
    """
    there = tuple(parse(known))
    holders = {lease.address: lease for lease in there}
    clients = {lease.holder for lease in there}

    def is_missing(lease: Lease) -> bool:
        same = holders.get(lease.address)
        if same is None:
            return lease.holder not in clients
        return same.holder == lease.holder and same.ends < lease.ends

    return tuple(
        lease for lease in parse(granted) if lease.address in network and lease.ends > now and is_missing(lease)
    )


def replay(source: ResolvedProbe, granted: bytes, known: bytes, target: ProbeTarget) -> int:
    """Return how many leases the server has granted anew. ProbeError: how many it has not, and why."""
    arguments = Arguments(source, Use.REPLAY)
    relay, port = arguments.ipv4("address"), arguments.port()
    try:
        network = IPv4Network(arguments.required("network"))
    except ValueError:
        raise arguments.error(f"network is {arguments.text('network')!r}, not an IPv4 network") from None
    leases = missing(granted, known, network, time.time())
    end = time.monotonic() + SECONDS
    for done, lease in enumerate(leases):
        left = f"cannot replay {len(leases) - done} of {len(leases)} leases of {network} at {target.container}"
        if done == MOST or time.monotonic() > end:
            raise ProbeError(f"{left}: there are too many")
        if refusal := _request(lease, relay, port, source.timeout):
            raise ProbeError(f"{left}: {lease.address} for {lease.mac}: {refusal}")
    return len(leases)


def _request(lease: Lease, relay: IPv4Address, port: int, timeout: float) -> str:
    """Request one lease; return why it was not granted, empty: it was."""
    options = [(Option.CLIENT, lease.client)] if lease.client else []
    options += [(Option.HOST_NAME, lease.name.encode())] if lease.name else []
    message = request(lease.mac, secrets.randbits(32), lease.address, relay=relay, options=options)
    try:
        reply = exchange(relay, port, message, timeout)
    except OSError as error:
        return silence(error, timeout)
    except MalformedPacketError as error:
        return f"not a DHCP answer ({error})"
    is_granted = reply.type is MessageType.ACK and reply.yiaddr == lease.address
    return "" if is_granted else f"answered {reply.type.name} of {reply.yiaddr}"


HANDLER = Handler(ProbeKind.LEASES, replay=replay)
