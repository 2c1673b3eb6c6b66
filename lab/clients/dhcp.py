"""Clients of the router's DHCP."""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass
from typing import Any

from lab.clients.base import Outcome, Probe
from lab.topology import ROUTER_GUEST_IP, guests_of_lab

SECTION = re.compile(r"\*\*\*Statistics for: ([A-Z-]+)\*\*\*\n(.*?)(?=\n\*\*\*|\Z)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Perfdhcp:
    """perfdhcp: complete exchanges at a constant rate, playing the lab's 200 guests by their MACs as a relay would."""

    rate: int = 60
    seconds: int = 10
    guests: int = 200
    interface: str = "eth0"
    name: str = "perfdhcp"

    @property
    def interrupt(self) -> signal.Signals:
        return signal.SIGINT

    @property
    def limit(self) -> float:
        return self.seconds + 15.0

    def argv(self) -> list[str]:
        # -W: answers to the last requests are waited for, so that what is unanswered then is a loss.
        words = ["perfdhcp", "-4", "-l", self.interface, "-R", str(self.guests), "-r", str(self.rate)]
        return [*words, "-p", str(self.seconds), "-W", "1500000"]

    def stdin(self) -> str | None:
        return None

    def parse(self, output: str, seconds: float) -> Outcome:
        sections = dict(SECTION.findall(output))
        offers, acks = _counts(sections["DISCOVER-OFFER"]), _counts(sections["REQUEST-ACK"])
        # A discover without an offer never becomes a request: both stages count as exchanges that were tried.
        sent = offers["sent packets"] + acks["sent packets"]
        received = offers["received packets"] + acks["received packets"]
        rejected = acks["rejected leases"]
        facts = (
            ("offers", offers["received packets"]),
            ("acks", acks["received packets"]),
            ("drops", offers["drops"] + acks["drops"]),
            ("orphans", offers["orphans"] + acks["orphans"]),
            ("rejected", rejected),
            ("max_delay_ms", max(offers["max delay"], acks["max delay"])),
        )
        return Outcome(self.name, sent, received, rejected, seconds, None, facts)


def _counts(section: str) -> dict[str, int]:
    counts = re.findall(r"^([a-z ]+): ([\d.]+)", section, re.MULTILINE)
    return {key: round(float(value)) for key, value in counts if key != "drops ratio"} | (
        {} if "max delay" in section else {"max delay": 0}
    )


@dataclass(frozen=True, slots=True)
class Udhcpc:
    """udhcpc: one lease, asked for by broadcast from an extra guest's namespace; nothing is configured with it."""

    interface: str = "eth0"
    tries: int = 5
    name: str = "udhcpc"

    @property
    def interrupt(self) -> signal.Signals:
        return signal.SIGTERM

    @property
    def limit(self) -> float:
        return self.tries + 10.0

    def argv(self) -> list[str]:
        words = ["udhcpc", "-i", self.interface, "-n", "-q", "-f", "-t", str(self.tries), "-T", "1"]
        return [*words, "-s", "/bin/true"]

    def stdin(self) -> str | None:
        return None

    def parse(self, output: str, seconds: float) -> Outcome:
        lease = re.search(r"lease of (\S+) obtained from (\S+), lease time (\d+)", output)
        if lease is None:
            return Outcome(self.name, 1, 0, int("nak" in output.lower()), seconds)
        facts = (("address", lease[1]), ("server", lease[2]), ("lease_seconds", int(lease[3])))
        return Outcome(self.name, 1, 1, 0, seconds, None, facts)


@dataclass(frozen=True, slots=True)
class RenewingGuests(Probe):
    """Guests that take a lease by broadcast and then renew it by unicast, as after half of its time, over and over."""

    first: int = 100  # position among the lab's guests
    count: int = 20
    interval: float = 0.5
    seconds: float = 10.0
    timeout: float = 3.0  # a client asks again after 4 s, give or take 1 (RFC 2131, 4.1)
    server: str = ROUTER_GUEST_IP
    interface: str = "eth0"
    name: str = "dhcp renewal"

    @property
    def limit(self) -> float:
        return self.seconds + 20

    @property
    def module(self) -> str:
        return "dhcp"

    def options(self) -> dict[str, Any]:
        chosen = guests_of_lab()[self.first : self.first + self.count]
        return {
            "client": self.name,
            "guests": [[guest.name, guest.mac, guest.address] for guest in chosen],
            "interval": self.interval,
            "seconds": self.seconds,
            "timeout": self.timeout,
            "server": self.server,
            "interface": self.interface,
        }
