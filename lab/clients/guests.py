"""All 200 guests at once: each must see its own metadata and get its own password, and nothing of another guest's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lab.clients.base import Probe
from lab.topology import ROUTER_GUEST_IP, guests_of_lab


@dataclass(frozen=True, slots=True)
class MetadataIsolation(Probe):
    """Every guest, in turn and again and again, fetches its instance-id from its own address."""

    rate: float = 100.0
    seconds: float = 10.0
    server: str = ROUTER_GUEST_IP
    port: int = 80
    path: str = "/latest/meta-data/instance-id"
    timeout: float = 2.0
    name: str = "metadata of 200 guests"

    @property
    def limit(self) -> float:
        return self.seconds + 20

    @property
    def module(self) -> str:
        return "metadata"

    def options(self) -> dict[str, Any]:
        return {
            "client": self.name,
            "url": f"http://{self.server}:{self.port}{self.path}",
            "rate": self.rate,
            "seconds": self.seconds,
            "timeout": self.timeout,
            "guests": [[guest.address, guest.instance] for guest in guests_of_lab()],
        }


@dataclass(frozen=True, slots=True)
class PasswordExchange(Probe):
    """Every guest asks, acknowledges a third of the run later, and asks again another third later."""

    seconds: float = 6.0
    server: str = ROUTER_GUEST_IP
    port: int = 8080
    timeout: float = 2.0
    name: str = "passwords of 200 guests"

    @property
    def limit(self) -> float:
        return self.seconds + 20

    @property
    def module(self) -> str:
        return "passwords"

    def options(self) -> dict[str, Any]:
        return {
            "client": self.name,
            "server": self.server,
            "port": self.port,
            "seconds": self.seconds,
            "timeout": self.timeout,
            "guests": [[guest.address, guest.password] for guest in guests_of_lab()],
        }
