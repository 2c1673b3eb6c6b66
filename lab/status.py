"""The state of the lab, read from the machine: which parts of it are there."""

from __future__ import annotations

from dataclasses import dataclass

from lab import backends, firewall, network, peer
from lab.commands import WEB_GUESTS
from lab.topology import Lab


@dataclass(frozen=True, slots=True)
class Status:
    prefix: str
    namespaces: dict[str, bool]
    processes: dict[str, bool]
    firewall: str
    tunnel: peer.Tunnel

    @property
    def is_whole(self) -> bool:
        """True if all namespaces exist and everything that was started still runs, servers and peer among it."""
        return all(self.namespaces.values()) and len(self.processes) > len(WEB_GUESTS) and all(self.processes.values())


def read(lab: Lab) -> Status:
    return Status(
        lab.prefix,
        network.is_up(lab),
        backends.status(lab),
        firewall.remembered(network.folder(lab)),
        peer.status(lab),
    )


def render(status: Status) -> str:
    lines = [f"{name:20} {'up' if there else 'missing'}" for name, there in status.namespaces.items()]
    lines += [f"{name:20} {'runs' if alive else 'dead'}" for name, alive in status.processes.items()]
    lines += [f"{'firewall':20} {status.firewall}"]
    lines += [f"{'tunnel':20} {'established' if status.tunnel.is_established else 'down'}"]
    return "\n".join(lines)
