"""The files of a generation: rendered, on the disk, and those that its daemon writes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from supervisor.values.manifest import Probe, ServiceDefinition, ServiceManifest, StateVolume
from supervisor.values.router import RouterConfig
from supervisor.values.state import Instance, RenderedFile, ResolvedFrontend, ResolvedProbe
from supervisor.values.undertaking import ResolvedUndertaking


class ConfigurationFolders(Protocol):
    """The folder of each generation with its rendered configuration, and the backup of it while a reload runs."""

    def config(self, instance: Instance) -> str:
        """Return the path of the instance's configuration folder, mounted at /config; it may not exist yet."""

    def write(self, instance: Instance, manifest: ServiceManifest, files: Sequence[RenderedFile]) -> None:
        """Make the configuration folder hold exactly these files; files that are equal already are not touched.

        Each file is written beside, synced and renamed in, so a daemon never sees half of one.
        """

    def written(self, instance: Instance) -> Mapping[str, str]:
        """Return the digest of every file in the configuration folder, by path; empty without a folder."""

    def sources(self, instance: Instance) -> Mapping[str, int]:
        """Return the index of the manifest's `config` entry that each file came from, by path.

        A file is missing from it when that was not recorded.
        """

    def read(self, instance: Instance, manifest: ServiceManifest) -> tuple[RenderedFile, ...]:
        """Return the files of the configuration folder as `write` takes them; empty without a folder."""

    def save_backup(self, instance: Instance, files: Sequence[RenderedFile]) -> None:
        """Store these files beside the configuration, over an earlier backup, so that any later process can undo."""

    def backup(self, instance: Instance) -> tuple[RenderedFile, ...] | None:
        """Return the files of the backup; None: there is none."""

    def remove_backup(self, instance: Instance) -> None:
        """Remove the backup; nothing happens when there is none."""


class StateFolders(Protocol):
    """Runtime folders (sockets) and state volumes, which daemons write to.

    A volume is shared by all generations of its service or copied from one to the next. `owner` in a signature is the
    instance whose configuration says which items of a volume have an owner; items without one are left out.
    """

    def prepare(self, instance: Instance, manifest: ServiceManifest) -> None:
        """Make the runtime folders and state volumes with their owners and modes; existing content stays."""

    def runtime(self, instance: Instance, name: str) -> str:
        """Return the path of a runtime folder; it may not exist yet."""

    def state(self, instance: Instance, name: str) -> str:
        """Return the path of a state volume: the generation's own copy if there is one, else the shared one."""

    def copy_state(self, former: Instance, candidate: Instance, manifest: ServiceManifest) -> bool:
        """Make the candidate's copied volumes equal to those of `former`; False: they were equal already.

        Items without an owner in the candidate's configuration are not copied.
        """

    def state_digest(self, instance: Instance, manifest: ServiceManifest, owner: Instance) -> str:
        """Return a digest of the instance's copied volumes, of the items that have an owner in `owner`."""

    def read_state(self, instance: Instance, volume: StateVolume, file: str, owner: Instance) -> bytes:
        """Return a file of a volume, of the items that have an owner in `owner`; empty: there is no such file."""

    def prune_state(self, instance: Instance, manifest: ServiceManifest) -> bool:
        """Remove items without an owner from the instance's copied volumes; False: there were none.

        Only while its daemon does not run.
        """

    def spent(self, instance: Instance, volume: StateVolume) -> tuple[str, ...]:
        """Return the used-up items that the daemon lists in the volume's folder `spent`, sorted; empty: none.

        At most a thousand are returned; the others follow when these have been removed.
        """

    def remove_spent(self, instance: Instance, volume: StateVolume, names: Iterable[str]) -> None:
        """Remove these items from the folder `spent`; one that is gone already is passed over."""


class Folders(ConfigurationFolders, StateFolders, Protocol):
    """Every folder on the router's disk that belongs to a generation. Every method may be repeated.

    Raises StateError: when a folder cannot be read or written; NoSpaceError, a StateError: when the disk is full.
    """

    def remove(self, instance: Instance, manifest: ServiceManifest, *, with_state: bool = True) -> None:
        """Remove what belongs to this generation alone, and its copied volumes `with_state`.

        Nothing happens when it is gone already.
        """


class Renderer(Protocol):
    """Turns definitions and configuration into files, frontends, probes and undertakings; changes nothing.

    Raises RenderError: when a template or expression cannot be rendered; it names the template and the place.
    """

    def files(
        self, definition: ServiceDefinition, router: RouterConfig, instance: Instance
    ) -> tuple[RenderedFile, ...]:
        """Return every configuration file of the instance, sorted by path."""

    def frontends(
        self, manifest: ServiceManifest, router: RouterConfig, instance: Instance
    ) -> tuple[ResolvedFrontend, ...]:
        """Return the addresses and ports at which clients reach the instance; empty: it serves none now."""

    def probes(
        self, manifest: ServiceManifest, probes: Sequence[Probe], router: RouterConfig, instance: Instance
    ) -> tuple[ResolvedProbe, ...]:
        """Return the probes to ask, in order; empty: every one of them is for something that is not configured."""

    def each_probe(
        self, manifest: ServiceManifest, probes: Sequence[Probe], router: RouterConfig, instance: Instance
    ) -> Iterator[ResolvedProbe]:
        """Yield the same probes, each rendered when it is taken: there may be ten thousand."""

    def undertakings(
        self, manifest: ServiceManifest, router: RouterConfig, instance: Instance
    ) -> tuple[ResolvedUndertaking, ...]:
        """Return what the instance has to bring about (tunnels, name servers to reach); empty: nothing."""

    def gap_port(self, manifest: ServiceManifest, router: RouterConfig, instance: Instance) -> int | None:
        """Return the port that is to be held while no daemon of the service listens; None: no port is."""
