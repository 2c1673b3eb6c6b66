"""What the loop needs of the world, as Protocols; the edges satisfy them. See tests/fakes for a world in memory."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from supervisor.ports.engine import Engine as Engine  # ports like those below
from supervisor.ports.engine import EngineMove as EngineMove
from supervisor.ports.probes import Prober as Prober
from supervisor.ports.probes import Session as Session
from supervisor.ports.store import Store as Store
from supervisor.values.association import Association
from supervisor.values.bundle import BundleIndex
from supervisor.values.errors import Fault
from supervisor.values.intake import Taken
from supervisor.values.manifest import Probe, ServiceDefinition, ServiceManifest, StateVolume
from supervisor.values.router import RouterConfig
from supervisor.values.state import (
    Connection,
    Endpoint,
    Instance,
    Link,
    RenderedFile,
    ResolvedFrontend,
    ResolvedProbe,
    TrafficTable,
)
from supervisor.values.undertaking import ResolvedUndertaking


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


class Renderer(Protocol):
    """Turns definitions and configuration into files, frontends and probes. RenderError names template and place."""

    def files(
        self, definition: ServiceDefinition, router: RouterConfig, instance: Instance
    ) -> tuple[RenderedFile, ...]: ...

    def frontends(
        self, manifest: ServiceManifest, router: RouterConfig, instance: Instance
    ) -> tuple[ResolvedFrontend, ...]: ...

    def probes(
        self, probes: Sequence[Probe], router: RouterConfig, instance: Instance
    ) -> tuple[ResolvedProbe, ...]: ...

    def each_probe(self, probes: Sequence[Probe], router: RouterConfig, instance: Instance) -> Iterator[ResolvedProbe]:
        """Give the same probes one by one: there may be ten thousand, and only some of them are asked at a time."""

    def undertakings(
        self, manifest: ServiceManifest, router: RouterConfig, instance: Instance
    ) -> tuple[ResolvedUndertaking, ...]: ...


class Folders(Protocol):
    """Rendered configuration, runtime folders and state volumes on the router's disk."""

    def config(self, instance: Instance) -> str:
        """Path of the instance's configuration folder, mounted at /config."""

    def write(self, instance: Instance, manifest: ServiceManifest, files: Sequence[RenderedFile]) -> None:
        """Make the configuration folder hold exactly these files; equal ones are left alone. Write, sync, rename."""

    def written(self, instance: Instance) -> Mapping[str, str]:
        """Digest of every file in the configuration folder, by path."""

    def sources(self, instance: Instance) -> Mapping[str, int]:
        """Return the index of the `config` entry that each written file came from, by path; a file may be missing."""

    def read(self, instance: Instance, manifest: ServiceManifest) -> tuple[RenderedFile, ...]:
        """The files of the configuration folder, as `write` takes them."""

    def keep(self, instance: Instance, files: Sequence[RenderedFile]) -> None:
        """Lay these files by, in place of others that were: a reload may be undone by a supervisor that comes later."""

    def kept(self, instance: Instance) -> tuple[RenderedFile, ...] | None:
        """The files that were laid by; None when none are."""

    def forget_kept(self, instance: Instance) -> None:
        """Nothing happens when none are."""

    def prepare(self, instance: Instance, manifest: ServiceManifest) -> None:
        """Make runtime folders and state volumes; what exists stays."""

    def runtime(self, instance: Instance, name: str) -> str: ...

    def state(self, instance: Instance, name: str) -> str: ...

    def copy_state(self, former: Instance, candidate: Instance, manifest: ServiceManifest) -> bool:
        """Copy of the copied volumes of `former` to `candidate` what has an owner in the candidate's configuration
        (`owned`); False when they were equal already."""

    def state_digest(self, instance: Instance, manifest: ServiceManifest, owner: Instance) -> str:
        """Return a digest of the instance's copied volumes as `owner` would be given them."""

    def read_state(self, instance: Instance, volume: StateVolume, file: str, owner: Instance) -> bytes:
        """Return a file of one of the instance's volumes as `owner` would be given it; nothing when it is not there."""

    def prune_state(self, instance: Instance, manifest: ServiceManifest) -> bool:
        """Take out of the instance's own copied volumes what has no owner in its configuration; its daemon does not
        run. False when there was nothing of the kind."""

    def spent(self, instance: Instance, volume: StateVolume) -> tuple[str, ...]:
        """Return what the daemon lists in the volume's folder `spent`, in order; empty when there is nothing.

        Bounded: of many items the first thousand come now, the others when these have been removed.
        """

    def remove_spent(self, instance: Instance, volume: StateVolume, names: Iterable[str]) -> None:
        """Remove these from the folder; one that is gone already is passed over."""

    def remove(self, instance: Instance, manifest: ServiceManifest, *, keep_state: bool = False) -> None:
        """Remove what belongs to this generation alone."""


class Clock(Protocol):
    def now(self) -> float:
        """Seconds since the epoch, for records."""

    def monotonic(self) -> float:
        """Seconds, for deadlines."""

    def sleep(self, seconds: float) -> None: ...


class ExitWatch(Protocol):
    """Tells at once when a process ends (a pidfd)."""

    def watch(self, pid: int, callback: Callable[[], None]) -> AbstractContextManager[None]: ...


class OpenedBundle(Protocol):
    """A bundle whose signature and index are trusted. Its files are hashed whenever they are read."""

    @property
    def index(self) -> BundleIndex: ...

    def verify_all(self, progress: Callable[[int, int], None] | None = None) -> None:
        """Hash every file; `progress` is told the bytes read so far and all there are. BundleError."""

    def image_stream(self, service: str) -> Iterable[bytes]:
        """The image as a docker-archive."""

    def definition(self, service: str) -> Mapping[str, bytes]: ...

    def close(self) -> None: ...


class Media(Protocol):
    def open(self, path: str, source_of: Callable[[str], str | None]) -> OpenedBundle:
        """Open an ISO in a file or block device. Every way this can fail is a BundleError of its own type.

        `source_of` tells where a release was imported from: a delta takes what it leaves out from its base there.
        """

    def fingerprint(self, path: str) -> str | None:
        """What stays the same as long as a file was not written again; None for a device, which may be exchanged."""


class MediaWatch(Protocol):
    """Notices media that come while the supervisor runs."""

    def start(self, offer: Callable[[Sequence[str]], None]) -> Sequence[str]:
        """Return paths that may hold a medium now; those of later ones are offered, on one thread, batch by batch."""

    def close(self) -> None:
        """Offer nothing any more; a batch that is being taken in gets some seconds."""


class Intake(Protocol):
    """Turns configuration files of a management server into the router's configuration."""

    def take(self, kept: str | None, files: Sequence[tuple[str, bytes]]) -> Taken:
        """Merge files, (name, content) in order, into what is kept. Files refused are named in the faults."""

    def interpret(self, kept: str | None) -> tuple[RouterConfig, tuple[Fault, ...]]:
        """A part that cannot be used is left out and named; it never blocks the rest."""

    def forget(self, kept: str | None, spent: Collection[str]) -> str | None:
        """Return what is kept without the items that a service has used up, each named by its offer.

        None: none of them is in it. May be repeated. ConfigurationError: `kept` cannot be read.
        """
