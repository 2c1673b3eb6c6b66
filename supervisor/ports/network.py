"""The router's kernel as the loop needs it: namespaces, traffic, connections, IPsec."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from supervisor.values.association import Association
from supervisor.values.state import (
    Connection,
    Endpoint,
    Instance,
    Link,
    TrafficTable,
)


class Links(Protocol):
    """Namespaces and interface pairs of isolated generations."""

    def ensure(self, link: Link) -> None:
        """Make the namespace, the pair, the addresses and the default route; what exists stays. NetworkError."""

    def remove(self, link: Link) -> None:
        """Nothing happens when it is gone already."""

    def present(self) -> tuple[str, ...]:
        """Names of the namespaces of ours that exist."""

    def taken(self) -> tuple[str, ...]:
        """Every network (CIDR) that addresses and routes of the router use now, ours left out."""


class Traffic(Protocol):
    """The nftables table."""

    def apply(self, table: TrafficTable) -> None:
        """Make the kernel's table say this, in one transaction (only the changed elements where that is enough)."""

    def verify(self) -> bool:
        """Is the kernel's table what was applied last?"""

    def insides(self) -> frozenset[str]:
        """Return the inside addresses and ports that new work is led to now, also by a former supervisor's table."""

    def remove(self) -> None: ...


class Connections(Protocol):
    """What clients have open: as connection tracking knows it, and as the sockets of an instance do."""

    def unfinished(self, instance: Instance) -> tuple[Connection, ...]:
        """TCP connections that it has not finished, tracked or not: tracking forgets what is flushed. NetworkError."""

    def open(self, instance: Instance) -> tuple[Connection, ...]:
        """Those that both ends agree on, as the sockets of its namespace tell: no program is run. NetworkError."""

    def delete(self, endpoints: Sequence[Endpoint]) -> None:
        """Forget every tracked flow whose reply comes from one of `endpoints`."""


class Encapsulation(Protocol):
    """Sockets that take UDP-encapsulated ESP in while no daemon has one; to release what is not held does nothing."""

    def hold(self, port: int) -> int | None:
        """Return the port of the socket that stands in for `port`. None: the kernel cannot; it is logged once."""

    def release(self, port: int) -> None: ...


class Associations(Protocol):
    """The kernel's security associations. NetworkError; to delete one that is gone already is none."""

    def present(self) -> tuple[Association, ...]:
        """Those that have their keys."""

    def delete(self, associations: Sequence[Association]) -> None: ...


class ReceiveBuffers(Protocol):
    def enlarge(self, pid: int, size: int) -> int:
        """Let every UDP socket of a process hold `size` bytes of datagrams; return how many were changed."""
