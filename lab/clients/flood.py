"""A client that means harm: it takes all the connections that it gets, and asks as slowly as servers let it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from lab.clients.base import Probe

FloodKind = Literal["idle", "slow headers", "slow bodies", "storm", "hogs"]
"""What it does with a connection: nothing; a request, or its body, a byte at a time; close it at once and open the
next; ask over it again and again without an end."""
FLOODS: tuple[FloodKind, ...] = get_args(FloodKind)
Speech = Literal["http", "dns"]


@dataclass(frozen=True, slots=True)
class Flood(Probe):
    """Holds `connections`, from its addresses in turn, and opens another for each that is closed.

    Completed are the connections that came about; what the others met is among the facts. `rate` bounds how many are
    opened in a second.
    """

    kind: FloodKind
    address: str
    port: int
    speech: Speech = "http"
    sources: tuple[str, ...] = ("",)
    connections: int = 400
    rate: float = 500.0
    seconds: float = 10.0

    @property
    def name(self) -> str:
        return f"flood of {self.kind}"

    @property
    def limit(self) -> float:
        return self.seconds + 15

    @property
    def module(self) -> str:
        return "flood"

    def options(self) -> dict[str, Any]:
        return {
            "client": self.name,
            "kind": self.kind,
            "address": self.address,
            "port": self.port,
            "speech": self.speech,
            "sources": list(self.sources),
            "connections": self.connections,
            "rate": self.rate,
            "seconds": self.seconds,
        }
