"""The router's kernel as the loop needs it: namespaces, traffic, connections, IPsec.

Every method raises NetworkError when the kernel refuses; what was changed before stays, and an equal call completes
it. Every method may be repeated, and works in the network namespace of the supervisor.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from supervisor.values.association import Association
from supervisor.values.shares import Refusals, ShareTable
from supervisor.values.state import Endpoint, Instance, Link
from supervisor.values.traffic import Connection, Crowd, TrafficTable


class Links(Protocol):
    """Namespaces and interface pairs of isolated generations."""

    def ensure(self, link: Link) -> None:
        """Make the namespace, the pair, its addresses and the default route; a part that is missing is made anew."""

    def remove(self, link: Link) -> None:
        """Remove the pair and the namespace; nothing happens when they are gone already."""

    def present(self) -> tuple[str, ...]:
        """Return the names of this supervisor's namespaces that exist, sorted."""

    def taken(self) -> tuple[str, ...]:
        """Return the IPv4 networks (CIDR) that addresses and routes of the router use, without those of our links."""


class Traffic(Protocol):
    """The nftables table that leads clients to the active generations. A change of it is one transaction."""

    def apply(self, table: TrafficTable) -> None:
        """Make the kernel's table equal to `table`; only changed elements are written, an equal table changes nothing.

        A table that a former supervisor left is adopted when it has this supervisor's structure.
        """

    def verify(self) -> bool:
        """Return True if the kernel's table is the one applied last; before the first `apply`, if there is none."""

    def insides(self) -> frozenset[str]:
        """Return the inside addresses and inside ports, as text, that new connections are led to now.

        A former supervisor's table counts too; empty: there is no table, or it leads nowhere.
        """

    def remove(self) -> None:
        """Remove the table; nothing happens when it is gone already."""


class Shares(Protocol):
    """The nftables table that refuses new TCP connections of a source beyond its share. A change is one transaction."""

    def apply(self, table: ShareTable) -> None:
        """Make the kernel's table equal to `table`; what is as before stays, with all that it has counted.

        A table that a former supervisor left is adopted when it has this supervisor's structure.
        """

    def refusals(self) -> Refusals:
        """Return what was refused since the table was made; empty: there is no table."""

    def remove(self) -> None:
        """Remove the table; nothing happens when it is gone already."""


class Connections(Protocol):
    """TCP connections of clients, as connection tracking and the sockets of an instance list them."""

    def unfinished(self, instance: Instance) -> tuple[Connection, ...]:
        """Return the connections that the instance has not finished, tracked or not; empty when there is none.

        It runs a program for each address, which takes milliseconds; `open` runs none.
        """

    def open(self, instance: Instance) -> tuple[Connection, ...]:
        """Return the connections that are open at the instance's endpoints; empty if its namespace is gone.

        The socket tables of its namespace list them, or the router's own for a service in the router's namespace.
        """

    def crowd(self, instance: Instance) -> Crowd:
        """Return those of `open` that the daemon has accepted, and how many wait for it in the kernel."""

    def delete(self, endpoints: Sequence[Endpoint]) -> None:
        """Remove every tracked flow (UDP too) whose reply comes from one of `endpoints`; none is no error."""


class Encapsulation(Protocol):
    """Stand-in sockets that take in UDP-encapsulated ESP while no daemon has one. They end with the process."""

    def hold(self, port: int) -> int | None:
        """Return the port of the socket that stands in for `port`, and open it unless it is open.

        None: the kernel cannot do it, which is logged once; nothing is raised.
        """

    def release(self, port: int) -> None:
        """Close the socket that stands in for `port`; nothing happens when there is none."""


class Associations(Protocol):
    """The kernel's security associations (IPsec)."""

    def present(self) -> tuple[Association, ...]:
        """Return the associations that have their keys; empty when there is none."""

    def delete(self, associations: Sequence[Association]) -> None:
        """Delete these associations; one that is gone already is passed over."""


class ReceiveBuffers(Protocol):
    """The receive buffers of UDP sockets of other processes."""

    def enlarge(self, pid: int, size: int) -> int:
        """Give every UDP socket of a process a buffer of `size` bytes, and return how many were changed.

        0: all have one that large already, it has no such socket, or the process is gone.
        """
