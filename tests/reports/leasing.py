"""Network cards of guests, played from the guests' namespace, and what the router answers to them."""

from __future__ import annotations

import contextlib
import secrets
import select
import socket
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from typing import Any, Self

import dns.message
import dns.query
import dns.rcode
import dns.reversename

from lab.clients.probes.dhcp import SERVER_PORT, udp_socket
from lab.commands import dhcp_entry
from lab.topology import DOMAIN, ROUTER_GUEST_IP, Guest
from supervisor.edges.network.namespace import call_inside
from supervisor.edges.probes import dhcp_packet as dhcp
from supervisor.edges.probes.dhcp_packet import DhcpMessage, MessageType, Option
from supervisor.surface.api.client import RemoteControl
from supervisor.values.status import ServiceStatus
from tests.kit.live.router import LiveRouter

SERVICE = "dnsmasq"
AGAIN_SECONDS = 0.1  # a guest of ours is impatient
SILENT_SECONDS = 0.35  # for which a guest that should be offered nothing asks
NOTHING = "nothing"


def leasing(live: LiveRouter) -> ServiceStatus:
    """The service that leases, as the supervisor sees it."""
    with contextlib.closing(RemoteControl.on_socket(str(live.router.socket), 20.0)) as control:
        return next(service for service in control.status().services if service.name == SERVICE)


def generation(live: LiveRouter) -> int:
    """The generation that has traffic."""
    number = leasing(live).generation
    assert number is not None
    return number


@dataclass(frozen=True, slots=True)
class Card:
    """One guest with one card, as its reservation names it."""

    mac: str
    address: str
    name: str
    lease_seconds: int = 0

    def entry(self, **changes: object) -> dict[str, Any]:
        """The command that makes its reservation."""
        guest = Guest(self.name, self.mac, self.address, "", self.lease_seconds, "")
        return {**dhcp_entry(guest), **changes}

    def removal(self) -> dict[str, Any]:
        return self.entry(remove=True)


class Cards:
    """Asks by broadcast, for whatever card."""

    def __init__(self, namespace: str, interface: str = "eth0", router: str = ROUTER_GUEST_IP) -> None:
        self._router = router
        self._dhcp = call_inside(namespace, lambda: udp_socket("", interface))
        self._dns = call_inside(namespace, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        self._dns.setblocking(False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._dhcp.close()
        self._dns.close()

    # ------------------------------------------------------------ addresses

    def offers(
        self, cards: Iterable[Card], silent: Iterable[Card] = (), seconds: float = 1.0
    ) -> dict[Card, tuple[str, float]]:
        """What each card is offered, and after how many seconds; one that gets no answer is not there.

        Those that should get none (`silent`) are given a moment only.
        """
        unheard = set(silent)
        asked = {card: dhcp.discover(card.mac, secrets.randbits(32)) for card in (*cards, *unheard)}
        return self._answers(asked, seconds, unheard)

    def offer(self, card: Card, seconds: float = 1.0) -> str:
        """The address that is offered, or that there is none."""
        return self.offers([card], seconds=seconds).get(card, (NOTHING, seconds))[0]

    def take(self, card: Card, client: bytes = b"") -> str:
        """Ask for the card's address until it is leased; return what became of it."""
        options = [(int(Option.CLIENT), client)] if client else []
        server, xid = IPv4Address(self._router), secrets.randbits(32)
        wanted = dhcp.request(card.mac, xid, IPv4Address(card.address), server=server, options=options)
        return self._answers({card: wanted}, 3.0).get(card, (NOTHING, 0.0))[0]

    def renew(self, card: Card) -> str:
        """Ask to keep an address that the card has."""
        renewal = dhcp.renewal(card.mac, secrets.randbits(32), IPv4Address(card.address))
        return self._answers({card: renewal}, 0.5).get(card, (NOTHING, 0.0))[0]

    def _answers(
        self, asked: Mapping[Card, DhcpMessage], seconds: float, silent: Collection[Card] = ()
    ) -> dict[Card, tuple[str, float]]:
        began, found = time.monotonic(), dict[Card, tuple[str, float]]()
        by_xid, again = {message.xid: card for card, message in asked.items()}, 0.0
        while (now := time.monotonic() - began) < seconds:
            if asked.keys() - found.keys() <= set(silent) and (not silent or now > SILENT_SECONDS):
                break
            if now >= again:
                again = now + AGAIN_SECONDS
                for message in (asked[card] for card in asked if card not in found):
                    packet = dhcp.encode(replace(message, wants_broadcast=True))
                    self._dhcp.sendto(packet, ("255.255.255.255", SERVER_PORT))
            if select.select([self._dhcp], [], [], 0.01)[0]:
                reply = _reply(self._dhcp.recv(2048))
                if reply is not None and reply.xid in by_xid:
                    is_refused = reply.type is MessageType.NAK
                    said = "NAK" if is_refused else str(reply.yiaddr)
                    found.setdefault(by_xid[reply.xid], (said, time.monotonic() - began))
        return found

    # ------------------------------------------------------------ names

    def address_of(self, name: str) -> str:
        return self._ask(f"{name}.{DOMAIN}", "A")

    def name_of(self, address: str) -> str:
        return self._ask(str(dns.reversename.from_address(address)), "PTR")

    def _ask(self, name: str, kind: str) -> str:
        """Return the answer, or the code of a refusal."""
        query = dns.message.make_query(name, kind)
        answer = dns.query.udp(query, self._router, 2.0, sock=self._dns, ignore_unexpected=True, ignore_errors=True)
        found = [record.to_text() for records in answer.answer for record in records]
        return " ".join(found) or str(dns.rcode.to_text(answer.rcode()))


def _reply(packet: bytes) -> DhcpMessage | None:
    try:
        return dhcp.decode(packet)
    except dhcp.MalformedPacketError:
        return None
