"""Clients of web services: the load balancer from the public side, metadata from the guests' side."""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.clients.base import Outcome, Probe
from lab.topology import VIP

PAUSE = Path(__file__).parent / "pause.lua"


@dataclass(frozen=True, slots=True)
class Wrk:
    """wrk: as many requests as it can over kept connections, or a hundred a second by each client over new ones.

    Without that pause it would be over the share that one source has of new connections (`fair` in the manifests).
    """

    url: str = f"http://{VIP}/"
    seconds: float = 10.0
    connections: int = 50
    keep_alive: bool = True
    threads: int = 1

    @property
    def name(self) -> str:
        return "wrk keep-alive" if self.keep_alive else "wrk one per connection"

    @property
    def interrupt(self) -> signal.Signals:
        return signal.SIGINT

    @property
    def limit(self) -> float:
        return self.seconds + 15

    def argv(self) -> list[str]:
        words = [
            "wrk",
            "-t",
            str(self.threads),
            "-c",
            str(self.connections),
            "-d",
            f"{round(self.seconds)}s",
            "--latency",
        ]
        words += [] if self.keep_alive else ["-H", "Connection: close", "-s", str(PAUSE)]
        return [*words, self.url]

    def stdin(self) -> str | None:
        return None

    def parse(self, output: str, seconds: float) -> Outcome:
        done = re.search(r"(\d+) requests in", output)
        if done is None:
            raise ValueError("requests")
        errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", output)
        socket_errors = sum(int(number) for number in errors.groups()) if errors else 0
        status = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
        refused = int(status[1]) if status else 0
        completed = int(done[1]) - refused
        rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
        latency = re.search(r"Latency\s+\S+\s+\S+\s+(\S+)", output)
        facts = (
            ("requests_per_second", float(rate[1]) if rate else 0.0),
            ("max_latency", latency[1] if latency else ""),
            ("socket_errors", errors[0] if errors else ""),
            ("bad_statuses", refused),
        )
        failed = socket_errors + refused
        return Outcome(self.name, completed + failed, completed, failed, seconds, None, facts)


@dataclass(frozen=True, slots=True)
class HttpProbe(Probe):
    """Requests at a constant rate from one source address, each answer compared with what it must be."""

    url: str
    expected: str | None = None
    source: str | None = None
    rate: float = 50.0
    seconds: float = 10.0
    keep_alive: bool = True
    timeout: float = 2.0
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        return "http keep-alive" if self.keep_alive else "http one per connection"

    @property
    def limit(self) -> float:
        return self.seconds + 15

    @property
    def module(self) -> str:
        return "http"

    def options(self) -> dict[str, Any]:
        return {
            "client": self.name,
            "url": self.url,
            "expected": self.expected,
            "source": self.source,
            "rate": self.rate,
            "seconds": self.seconds,
            "keep_alive": self.keep_alive,
            "timeout": self.timeout,
            "headers": dict(self.headers),
        }


@dataclass(frozen=True, slots=True)
class Download(Probe):
    """One download at a constant rate through the load balancer, over `http` or plain `tcp`, checked byte by byte."""

    transport: str = "http"
    seconds: float = 20.0
    rate: int = 200_000
    address: str = VIP
    port: int = 80
    source: str | None = None
    timeout: float = 10.0  # silence after which it is given up

    @property
    def name(self) -> str:
        return f"download {self.transport}"

    @property
    def limit(self) -> float:
        return self.seconds + self.timeout + 10

    @property
    def module(self) -> str:
        return "download"

    def options(self) -> dict[str, Any]:
        return {
            "client": self.name,
            "transport": self.transport,
            "seconds": self.seconds,
            "rate": self.rate,
            "address": self.address,
            "port": self.port,
            "source": self.source,
            "timeout": self.timeout,
        }


@dataclass(frozen=True, slots=True)
class LineEcho(Probe):
    """One long-lived TCP connection through the load balancer whose every line must come back."""

    address: str = VIP
    port: int = 2222
    rate: float = 50.0
    seconds: float = 10.0
    source: str | None = None
    timeout: float = 5.0
    name: str = "tcp echo"

    @property
    def limit(self) -> float:
        return self.seconds + 15

    @property
    def module(self) -> str:
        return "echo"

    def options(self) -> dict[str, Any]:
        return {
            "client": self.name,
            "address": self.address,
            "port": self.port,
            "rate": self.rate,
            "seconds": self.seconds,
            "source": self.source,
            "timeout": self.timeout,
        }
