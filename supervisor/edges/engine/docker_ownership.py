"""The containers of a Docker daemon that are ours: others use it as well, and another supervisor may be among them.

A label alone does not decide. Images pass their labels on, so a container made from a committed one of ours has its
labels too. Each container of ours therefore also has a label with its name, and is ours only while it is called so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

OWNER_LABEL = "io.vr-supervisor.owner"
NAME_LABEL = "io.vr-supervisor.name"
HOLDER_LABEL = "io.vr-supervisor.holder"  # its value: the container it is for
NETWORK_LABEL = "io.vr-supervisor.network"  # path of the namespace that a container joins
OWNER = "vr"


@dataclass(frozen=True, slots=True)
class Ownership:
    """The labels and names that distinguish containers of one supervisor from all others."""

    owner: str = OWNER
    prefix: str = ""  # begins the names that the daemon knows; the port's names are without it

    @property
    def filter(self) -> str:
        return f"{OWNER_LABEL}={self.owner}"

    def called(self, name: str) -> str:
        return f"{self.prefix}{name}"

    def labels(self, name: str) -> dict[str, str]:
        return {OWNER_LABEL: self.owner, NAME_LABEL: name}

    def name_of(self, called: str, labels: Mapping[str, str]) -> str | None:
        """Return the port's name of a container or holder that the daemon calls `called`; None: it is not ours."""
        name = labels.get(NAME_LABEL)
        is_ours = name is not None and labels.get(OWNER_LABEL) == self.owner and called == self.called(name)
        return name if is_ours else None


def holder_name(container: str) -> str:
    return f"{container}.net"


def held(name: str, labels: Mapping[str, str]) -> str | None:
    """Return the container that this one of ours is the holder of; None: it is no holder."""
    container = labels.get(HOLDER_LABEL)
    return container if container is not None and name == holder_name(container) else None
