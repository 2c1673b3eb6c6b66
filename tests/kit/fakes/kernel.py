"""The router's kernel in memory: namespaces and links, the traffic table, connection tracking, watched processes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from ipaddress import IPv4Address

from supervisor.decisions.traffic import endpoints
from supervisor.values.association import Association
from supervisor.values.errors import NetworkError
from supervisor.values.shares import Refusals, ShareTable
from supervisor.values.state import Endpoint, Instance, Link, SocketAddress
from supervisor.values.traffic import Connection, Crowd, TrafficTable

CLIENT, ROUTER = IPv4Address("10.1.1.100"), IPv4Address("10.1.1.1")


class Impossible(BaseException):
    """A call that a real machine has no sensible answer to. Never caught by the code under test."""


def never_torn(what: str) -> None:
    """Do nothing: the hook of a fake whose actions are never torn."""


class FakeLinks:
    """Satisfies `ports.network.Links`.

    Each takes several actions of the kernel; `tear` is called before the later ones.
    """

    def __init__(self, tear: Callable[[str], None] = never_torn) -> None:
        self.namespaces: set[str] = set()
        self.interfaces: set[str] = set()
        self._tear = tear

    def ensure(self, link: Link) -> None:
        self.namespaces.add(link.namespace)
        self._tear("links.pair")
        self.interfaces.add(link.interface)

    def remove(self, link: Link) -> None:
        self.interfaces.discard(link.interface)
        self._tear("links.namespace")
        self.namespaces.discard(link.namespace)

    def present(self) -> tuple[str, ...]:
        return tuple(sorted(self.namespaces))

    def taken(self) -> tuple[str, ...]:
        return ("10.1.1.0/24", "203.0.113.0/24")


class FakeTraffic:
    """Satisfies `ports.network.Traffic`: one table, changed whole."""

    def __init__(self) -> None:
        self.table = TrafficTable()

    def apply(self, table: TrafficTable) -> None:
        self.table = table

    def verify(self) -> bool:
        return True

    def insides(self) -> frozenset[str]:
        addresses = (str(switch.inside.address) for switch in self.table.active_addresses)
        return frozenset((*addresses, *(str(switch.inside) for switch in self.table.active_ports)))

    def remove(self) -> None:
        self.table = TrafficTable()


class FakeShares:
    """Satisfies `ports.network.Shares`: one table, and what a test says that it refused."""

    def __init__(self) -> None:
        self.table = ShareTable()
        self.refused = Refusals()
        self.failure: NetworkError | None = None

    def apply(self, table: ShareTable) -> None:
        if self.failure:
            raise self.failure
        self.table = table

    def refusals(self) -> Refusals:
        return self.refused

    def remove(self) -> None:
        self.table, self.refused = ShareTable(), Refusals()


@dataclass(frozen=True, slots=True)
class Flow:
    """A tracked connection; the container that holds its other end."""

    endpoint: Endpoint
    container: str
    until: float
    outside: Endpoint
    client_port: int


def _at(endpoint: Endpoint) -> SocketAddress:
    return endpoint.address or ROUTER, endpoint.port


class FakeConnections:
    """Satisfies `ports.network.Connections`. Flows that are deleted before their end are `broken`."""

    def __init__(self) -> None:
        self.flows: list[Flow] = []
        self.broken: list[Flow] = []
        self._made = 0

    def make(self, outside: Endpoint, endpoint: Endpoint, container: str, until: float) -> None:
        self._made += 1
        self.flows.append(Flow(endpoint, container, until, outside, 20_000 + self._made % 40_000))

    def unfinished(self, instance: Instance) -> tuple[Connection, ...]:
        return self.open(instance)

    def open(self, instance: Instance) -> tuple[Connection, ...]:
        return tuple(
            Connection((CLIENT, flow.client_port), _at(flow.outside), _at(flow.endpoint))
            for flow in self.flows
            if flow.endpoint in endpoints(instance)
        )

    def crowd(self, instance: Instance) -> Crowd:
        return Crowd(frozenset(self.open(instance)))

    def delete(self, endpoints: Sequence[Endpoint]) -> None:
        self._break(lambda flow: flow.endpoint in endpoints)

    def lose(self, container: str) -> None:
        """Break the connections of a container whose process has ended."""
        self._break(lambda flow: flow.container == container)

    def expire(self, now: float) -> None:
        self.flows = [flow for flow in self.flows if flow.until > now]

    def _break(self, is_broken: Callable[[Flow], bool]) -> None:
        self.broken += [flow for flow in self.flows if is_broken(flow)]
        self.flows = [flow for flow in self.flows if not is_broken(flow)]


class FakeBuffers:
    """Satisfies `ports.network.ReceiveBuffers`."""

    def __init__(self) -> None:
        self.enlarged: set[int] = set()

    def enlarge(self, pid: int, size: int) -> int:
        self.enlarged.add(pid)
        return 1


class FakeAssociations:
    """Satisfies `ports.network.Associations`. What a daemon made outlives it."""

    def __init__(self) -> None:
        self.established: list[Association] = []
        self._made = 0

    def make(self, source: str, destination: str) -> tuple[Association, Association]:
        """Make one association for each way, as a daemon that negotiated keys. Every daemon numbers requests from 1."""
        self._made += 1
        there = Association(source, destination, "esp", 2 * self._made, 1, "tunnel")
        back = Association(destination, source, "esp", 2 * self._made + 1, 1, "tunnel")
        self.established += [there, back]
        return there, back

    def present(self) -> tuple[Association, ...]:
        return tuple(self.established)

    def delete(self, associations: Sequence[Association]) -> None:
        self.established = [made for made in self.established if made not in associations]


class FakeEncapsulation:
    """Satisfies `ports.network.Encapsulation`. Its sockets are part of a supervisor's process and end with it."""

    def __init__(self) -> None:
        self.held: dict[int, int] = {}

    def hold(self, port: int) -> int | None:
        return self.held.setdefault(port, 40_000 + port)

    def release(self, port: int) -> None:
        self.held.pop(port, None)


class FakeExits:
    """Satisfies `ports.system.ExitWatch`. It is part of a supervisor's process and ends with it."""

    def __init__(self) -> None:
        self.watched: dict[int, Callable[[], None]] = {}
        self.failures: list[NetworkError] = []  # of the next calls

    def watch(self, pid: int, callback: Callable[[], None]) -> AbstractContextManager[None]:
        if self.failures:
            raise self.failures.pop(0)
        return _Watch(self.watched, pid, callback)

    def ended(self, pid: int) -> None:
        if callback := self.watched.get(pid):
            callback()


class _Watch(AbstractContextManager[None]):
    def __init__(self, watched: dict[int, Callable[[], None]], pid: int, callback: Callable[[], None]) -> None:
        self._watched, self._pid, self._callback = watched, pid, callback

    def __enter__(self) -> None:
        if self._pid in self._watched:
            raise Impossible(f"process {self._pid} is watched twice")
        self._watched[self._pid] = self._callback

    def __exit__(self, *_: object) -> None:
        self._watched.pop(self._pid, None)
