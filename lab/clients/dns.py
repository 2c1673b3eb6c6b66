"""Clients of the router's DNS."""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass
from typing import Any

from lab.clients.base import Fact, Outcome, Probe
from lab.topology import DOMAIN, ROUTER_GUEST_IP, guests_of_lab


@dataclass(frozen=True, slots=True)
class Dnsperf:
    """dnsperf: a constant rate of UDP queries for the guests' names."""

    rate: int = 10_000
    seconds: float = 10.0
    sockets: int = 20
    server: str = ROUTER_GUEST_IP
    source: str | None = None
    name: str = "dnsperf"

    @property
    def interrupt(self) -> signal.Signals:
        return signal.SIGINT

    @property
    def limit(self) -> float:
        return self.seconds + 15

    def argv(self) -> list[str]:
        # Many may be outstanding: what the server leaves unanswered shall show as loss, not as a lower rate.
        words = ["dnsperf", "-s", self.server, "-Q", str(self.rate), "-l", f"{self.seconds:g}", "-c", str(self.sockets)]
        words += ["-q", str(max(1000, self.rate * 3)), "-t", "5", "-W"]
        return [*words, "-a", self.source] if self.source else words

    def stdin(self) -> str | None:
        return "".join(f"{guest.name}.{DOMAIN} A\n" for guest in guests_of_lab())

    def parse(self, output: str, seconds: float) -> Outcome:
        sent = _number(r"Queries sent:\s+(\d+)", output)
        completed = _number(r"Queries completed:\s+(\d+)", output)
        interrupted = _number(r"Queries interrupted:\s+(\d+)", output, 0)  # in flight when it was told to stop
        good = _number(r"NOERROR (\d+)", output, 0)
        latency = re.search(r"Average Latency \(s\):\s+([\d.]+) \(min [\d.]+, max ([\d.]+)\)", output)
        facts: tuple[tuple[str, Fact], ...] = ()
        if latency:
            facts = (("average_latency", float(latency[1])), ("max_latency", float(latency[2])))
        return Outcome(self.name, sent - interrupted, good, completed - good, seconds, None, facts)


@dataclass(frozen=True, slots=True)
class DnsProbe(Probe):
    """Queries one by one: over `udp` from one source port, over `tcp` with a connection each, or `tcp-kept` open."""

    transport: str = "udp"
    rate: float = 50.0
    seconds: float = 10.0
    source: str = "10.1.1.30"
    source_port: int = 20053  # below those that the kernel gives to the clients beside it
    server: str = ROUTER_GUEST_IP
    timeout: float = 2.0
    queries_per_connection: int = 90  # dnsmasq closes a connection after 100

    @property
    def name(self) -> str:
        return f"dns {self.transport}"

    @property
    def limit(self) -> float:
        return self.seconds + 15

    @property
    def module(self) -> str:
        return "dns"

    def options(self) -> dict[str, Any]:
        return {
            "client": self.name,
            "transport": self.transport,
            "rate": self.rate,
            "seconds": self.seconds,
            "source": self.source,
            "source_port": self.source_port if self.transport == "udp" else 0,
            "server": self.server,
            "timeout": self.timeout,
            "queries_per_connection": self.queries_per_connection,
            "names": {f"{guest.name}.{DOMAIN}": guest.address for guest in guests_of_lab()},
        }


def _number(pattern: str, text: str, default: int | None = None) -> int:
    match = re.search(pattern, text)
    if match is None:
        if default is None:
            raise ValueError(pattern)
        return default
    return int(match[1])
