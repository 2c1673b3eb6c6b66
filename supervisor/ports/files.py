"""Files that a generation is given, rendered and on the disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from supervisor.values.manifest import Probe, ServiceDefinition, ServiceManifest, StateVolume
from supervisor.values.router import RouterConfig
from supervisor.values.state import (
    Instance,
    RenderedFile,
    ResolvedFrontend,
    ResolvedProbe,
)
from supervisor.values.undertaking import ResolvedUndertaking


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
