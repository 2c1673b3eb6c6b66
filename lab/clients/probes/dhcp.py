"""Guests that renew by unicast from their own address (RFC 2131, RENEWING), after taking the lease by broadcast."""

from __future__ import annotations

import ipaddress
import secrets
import select
import socket
import time
from dataclasses import dataclass, field
from typing import Any

from lab.clients.probes.dhcp_packet import ACK, DISCOVER, NAK, OFFER, REQUEST, Reply, build, parse
from lab.clients.probes.tally import Tally, options

CLIENT_PORT, SERVER_PORT = 68, 67


@dataclass(slots=True)
class Guest:
    name: str
    mac: bytes
    address: str
    socket: socket.socket
    next_at: float
    asked: dict[int, float] = field(default_factory=dict)  # what was not answered yet: transaction -> when


def udp_socket(address: str, interface: str) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
    made.bind((address, CLIENT_PORT))
    return made


def exchange(sock: socket.socket, packet: bytes, xid: int, wanted: tuple[int, ...], timeout: float) -> Reply | None:
    """Broadcast and wait for the answer to exactly this transaction."""
    sock.sendto(packet, ("255.255.255.255", SERVER_PORT))
    limit = time.monotonic() + timeout
    while (left := limit - time.monotonic()) > 0:
        if not select.select([sock], [], [], left)[0]:
            return None
        reply = parse(sock.recv(2048))
        if reply is not None and reply.xid == xid and reply.kind in wanted:
            return reply
    return None


def take_lease(sock: socket.socket, mac: bytes, timeout: float) -> Reply | None:
    """Take a lease, from DISCOVER to ACK; None when the server refused or stayed silent."""
    xid = secrets.randbits(32)
    offer = exchange(sock, build(DISCOVER, xid, mac), xid, (OFFER,), timeout)
    if offer is None:
        return None
    chosen = ((50, ipaddress.IPv4Address(offer.address).packed), (54, offer.server))
    reply = exchange(sock, build(REQUEST, xid, mac, options=chosen), xid, (ACK, NAK), timeout)
    return reply if reply is not None and reply.kind == ACK else None


class Renewals:
    """All guests renewing, each by its own clock and from its own address, answered or not."""

    def __init__(self, given: dict[str, Any], tally: Tally) -> None:
        self.server, self.interval, self.timeout = given["server"], given["interval"], given["timeout"]
        self.tally = tally
        self.acks = self.naks = self.changed = 0
        start = time.monotonic()
        step = self.interval / max(1, len(given["guests"]))
        self.guests = [
            Guest(
                name,
                bytes.fromhex(mac.replace(":", "")),
                address,
                udp_socket(address, given["interface"]),
                start + step * index,
            )
            for index, (name, mac, address) in enumerate(given["guests"])
        ]

    def run(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        by_socket = {guest.socket: guest for guest in self.guests}
        while not (self.tally.is_stopped or time.monotonic() > end):
            self._send_due(time.monotonic())
            for sock in select.select(list(by_socket), [], [], 0.005)[0]:
                self._receive(by_socket[sock])
        self.tally.end()
        limit = time.monotonic() + self.timeout
        while any(guest.asked for guest in self.guests) and time.monotonic() < limit:
            for sock in select.select(list(by_socket), [], [], 0.05)[0]:
                self._receive(by_socket[sock])
        for guest in self.guests:
            for _ in guest.asked:
                self.tally.miss("no answer")
            guest.socket.close()

    def _send_due(self, now: float) -> None:
        for guest in self.guests:
            for xid in [xid for xid, asked_at in guest.asked.items() if now - asked_at > self.timeout]:
                del guest.asked[xid]
                self.tally.miss("no answer")
            if now >= guest.next_at:
                self._send(guest, now)

    def _send(self, guest: Guest, now: float) -> None:
        xid, guest.next_at = secrets.randbits(32), now + self.interval
        self.tally.sent += 1
        try:
            guest.socket.sendto(build(REQUEST, xid, guest.mac, ciaddr=guest.address), (self.server, SERVER_PORT))
            guest.asked[xid] = now
        except OSError as error:
            self.tally.fail(type(error).__name__)

    def _receive(self, guest: Guest) -> None:
        try:
            reply = parse(guest.socket.recv(2048))
        except OSError as error:  # a refused port arrives as an error on the socket
            if guest.asked:
                guest.asked.popitem()
                self.tally.fail(type(error).__name__)
            return
        if reply is None or guest.asked.pop(reply.xid, None) is None:
            return
        if reply.kind == NAK:
            self.naks += 1
            self.tally.fail("NAK")
        elif reply.address != guest.address:
            self.changed += 1
            self.tally.fail("address changed")
        else:
            self.acks += 1
            self.tally.succeed()


def main() -> None:
    given = options()
    tally = Tally(given["client"])
    first = udp_socket("", given["interface"])
    leases = {name: take_lease(first, bytes.fromhex(mac.replace(":", "")), 3.0) for name, mac, _ in given["guests"]}
    first.close()
    tally.facts["leases"] = sum(reply is not None for reply in leases.values())
    tally.facts["infinite_leases"] = sum(
        reply is not None and reply.lease_seconds == 0xFFFFFFFF for reply in leases.values()
    )
    for name, _, address in given["guests"]:
        reply = leases[name]
        tally.sent += 1
        if reply is None:
            tally.miss("no lease")
        elif reply.address != address:
            tally.fail("foreign lease")
        else:
            tally.completed += 1
    tally.last = time.monotonic()
    renewals = Renewals(given, tally)
    renewals.run(given["seconds"])
    tally.facts |= {"acks": renewals.acks, "naks": renewals.naks, "changed_addresses": renewals.changed}
    tally.report()


if __name__ == "__main__":
    main()
