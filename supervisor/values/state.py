"""Containers as the engine reports them, instances as the supervisor made them, and probes of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address

from supervisor.values.manifest import Fair, Protocol
from supervisor.values.names import Digest, ImageId, ServiceName
from supervisor.values.router import GuestNetwork, Host

# ---------------------------------------------------------------- containers


@dataclass(frozen=True, slots=True)
class Mount:
    """A folder or file of the router seen inside a container."""

    source: str
    target: str
    read_only: bool


@dataclass(frozen=True, slots=True)
class Tmpfs:
    """A folder in memory seen inside a container."""

    target: str
    size_bytes: int
    mode: int


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """Everything about a container that is to be made; engines must carry out every field or refuse.

    Always: read-only root, all capabilities dropped but `capabilities`, no new privileges, seccomp, a control group
    namespace of its own, first to be ended when the router's memory is full, folders from which nothing is executed,
    no health check and no restart policy of the engine's own (restarting is the supervisor's work), logs kept in
    bounded files.
    """

    name: str
    image: ImageId
    command: tuple[str, ...]
    labels: tuple[tuple[str, str], ...]
    uid: int
    gid: int
    network: str | None  # path of a network namespace; None: that of the engine
    memory_bytes: int
    pids: int
    nofile: int
    cpu: float | None = None  # processors; None: as many as there are
    cpu_weight: int = 100
    seccomp: str | None = None  # profile, in JSON as both engines read it; None: the engine's own
    capabilities: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    mounts: tuple[Mount, ...] = ()
    tmpfs: tuple[Tmpfs, ...] = ()
    stop_signal: str = "SIGTERM"
    stop_timeout: int = 10


class ContainerState(StrEnum):
    """The state of a container in words that all engines share."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    EXITED = "exited"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Container:
    """A container as the engine reports it."""

    id: str
    name: str
    image: ImageId
    state: ContainerState
    pid: int | None  # of its first process, in the router's process namespace; None when it does not run
    exit_code: int | None
    labels: tuple[tuple[str, str], ...]
    started: float | None = field(default=None, compare=False)  # seconds since the epoch, if it runs and that is known

    def label(self, key: str) -> str | None:
        """Return the value of a label; None: there is no such label."""
        return dict(self.labels).get(key)


@dataclass(frozen=True, slots=True)
class Usage:
    """The resources of the router that all processes of a container use."""

    memory_bytes: int
    memory_limit: int | None  # None: as much as there is
    cpu_seconds: float  # since it was started
    pids: int
    oom_kills: int = 0  # processes that the kernel has ended because the memory limit was reached


@dataclass(frozen=True, slots=True)
class ExecResult:
    """The end of a command that was run in a container."""

    exit_code: int
    stdout: bytes
    stderr: bytes


# ---------------------------------------------------------------- instances


SocketAddress = tuple[IPv4Address | IPv6Address, int]
OWN_NAME = "guest.supervisor.invalid"  # below a domain that nobody can have (RFC 6761)
SMALLEST_PREFIX = 31  # from here on all addresses of a network are guests'
NO_MAC = "02:00:00:00:00:00"  # of generations from before there was one


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address, a protocol and a port: one end of traffic on the router."""

    address: IPv4Address | None  # None: any address of the router (replies of router-mode services)
    protocol: Protocol
    port: int

    def __str__(self) -> str:
        return f"{self.address or '*'}:{self.port}/{self.protocol}"


Sides = tuple[str, ...] | None
"""The interfaces at which clients may call a frontend; None: at any. They change while an instance goes on."""


@dataclass(frozen=True, slots=True)
class Share:
    """The limits of one entry of a manifest's frontends: all frontends that come of it have one share together."""

    entry: int  # its position among them
    fair: Fair


@dataclass(frozen=True, slots=True)
class AddressFrontend:
    """A frontend of an isolated service: an outside endpoint and the port inside the namespace."""

    name: str
    outside: Endpoint
    inside_port: int
    item: object = field(default=None, compare=False)  # what `each` gave, for templates; not kept
    is_open: bool = field(default=True, compare=False)  # False: nothing is led there for now
    sides: Sides = field(default=None, compare=False)
    share: Share | None = None  # None: a source may have all of it


@dataclass(frozen=True, slots=True)
class PortFrontend:
    """A frontend of a router-mode service: a port on some interfaces, and the generation's own port.

    Where both ports are the same nothing is rewritten: there are no `interfaces`, and `sides` says who may call it.
    """

    name: str
    protocol: Protocol
    port: int
    inside_port: int
    interfaces: tuple[str, ...]
    item: object = field(default=None, compare=False)
    is_open: bool = field(default=True, compare=False)
    sides: Sides = field(default=None, compare=False)
    share: Share | None = None


ResolvedFrontend = AddressFrontend | PortFrontend


@dataclass(frozen=True, slots=True)
class Link:
    """The place of an isolated generation in the network: a namespace, a pair of interfaces, a /30.

    `outer` is the router's end, `inner` the service's; `namespace` is a name below /run/netns.
    """

    namespace: str
    interface: str  # the router's end, `vrs<number>`
    outer: IPv4Address
    inner: IPv4Address
    prefix: int = 30


@dataclass(frozen=True, slots=True)
class Instance:
    """A generation of a service with all that was allocated for it; `instance` in templates."""

    service: ServiceName
    generation: int
    version: str
    release: str
    image: ImageId
    definition: Digest
    link: Link | None  # isolated only
    ports: tuple[tuple[str, int], ...]  # inside ports by name
    frontends: tuple[ResolvedFrontend, ...] = ()
    masquerades: bool = False  # may connect to others, with the router's address
    mac: str = NO_MAC  # of a guest of the supervisor's own; random, so that no client can pass for it
    sync_port: int | None = None  # where other generations of the service may reach it
    former: int | None = None  # the generation that was active when it was made
    former_address: IPv4Address | None = None  # where that is, or was

    @property
    def container_name(self) -> str:
        return f"vrs-{self.service}-{self.generation}"

    @property
    def address(self) -> IPv4Address | None:
        """The address at which the supervisor's probes reach it (isolated); None: the router's own addresses."""
        return self.link.inner if self.link else None

    def port(self, name: str) -> int:
        """Return the number of an inside port. Raises KeyError: when none is called so."""
        return dict(self.ports)[name]

    def guests(self, networks: Iterable[GuestNetwork]) -> tuple[Host, ...]:
        """Return the supervisor's own guest in each network, for its probes.

        It has the address of the network, which no client can have; one of two addresses or fewer has none to spare.
        """
        return tuple(
            Host(self.mac, network.network.network_address, OWN_NAME, 120, is_default=True, interface=network.interface)
            for network in networks
            if network.network.prefixlen < SMALLEST_PREFIX
        )


@dataclass(frozen=True, slots=True)
class RenderedFile:
    """A configuration file, whole."""

    path: str  # below /config
    content: bytes
    is_secret: bool
    source: int  # index of the `config` entry it came from


@dataclass(frozen=True, slots=True)
class ResolvedProbe:
    """A probe with its templates filled in, ready to be asked."""

    kind: str
    arguments: tuple[tuple[str, str], ...]
    timeout: float
    alternative: int | None = None  # among probes with the same number, one that holds is enough

    def argument(self, name: str, default: str | None = None) -> str | None:
        """Return the text of an argument, or `default`."""
        return dict(self.arguments).get(name, default)


@dataclass(frozen=True, slots=True)
class ProbeTarget:
    """The place where a probe finds its instance."""

    container: str
    address: IPv4Address | None  # None: the router's own namespace
    runtime: tuple[tuple[str, str], ...]  # runtime folder name -> path on the router
    config: str = ""  # path of its configuration folder on the router


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """The outcome of one probe."""

    is_good: bool
    message: str
    seconds: float
    is_telling: bool = True  # False: it could not be asked, so nothing was learnt of the daemon
    is_silent: bool = False  # no answer came, although something listens there: the daemon hangs, or is full
