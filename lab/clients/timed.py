"""A client that times every connection and request, and counts as lost what was too slow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lab.clients.base import Probe
from lab.topology import VIP


@dataclass(frozen=True, slots=True)
class TimedRequests(Probe):
    """Half of the workers keep their connection, half open one for each request; each sends `rate` a second."""

    address: str = VIP
    port: int = 80
    path: str = "/"
    workers: int = 20
    rate: float = 5.0
    seconds: float = 10.0
    bound: float = 1.0  # an answer that takes longer counts as lost
    patience: float = 10.0  # and is waited for so long, to be able to say how slow it was
    name: str = "timed requests"

    @property
    def limit(self) -> float:
        return self.seconds + self.patience + 15

    @property
    def module(self) -> str:
        return "timed"

    def options(self) -> dict[str, Any]:
        return {
            "client": self.name,
            "address": self.address,
            "port": self.port,
            "path": self.path,
            "workers": self.workers,
            "rate": self.rate,
            "seconds": self.seconds,
            "bound": self.bound,
            "patience": self.patience,
        }
