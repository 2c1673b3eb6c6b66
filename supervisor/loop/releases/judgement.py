"""Judges the services of a bundle by their definitions, before anything of it is loaded, and what is stored again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from supervisor.decisions.ceiling import excesses
from supervisor.loop.generations.ceiling import refuse_release_over_ceiling
from supervisor.loop.world import World
from supervisor.ports.media import OpenedBundle
from supervisor.values.errors import Fault, ManifestError
from supervisor.values.manifest import ServiceDefinition
from supervisor.values.names import Digest, ServiceName


def read_all(
    world: World, bundle: OpenedBundle
) -> tuple[dict[Digest, Mapping[str, bytes]], tuple[ServiceDefinition, ...]]:
    """Return the files of every definition by its digest, and what they mean.

    Raises BundleError: when a file is not the one that was signed. Raises ManifestError: when a definition cannot be
    read; OverCeilingError: when services ask for more than the settings allow.
    """
    files = {service.name: bundle.definition(service.name) for service in bundle.index.services}
    read = tuple(world.origin.read_definition(name, content) for name, content in files.items())
    refuse_release_over_ceiling(world.settings.ceiling, bundle.index.release, read)
    return {service.definition: files[service.name] for service in bundle.index.services}, read


class CeilingMarks:
    """Names the imported releases that ask for more than the settings allow: those were lowered since, or the store is
    another router's.

    Used from any thread. Neither definitions nor the settings change while the process lives, so each is judged once.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._known: dict[Digest, tuple[Fault, ...]] = {}

    def messages(self) -> Iterator[str]:
        """Yield a text for each release of which nothing new is started, with all reasons."""
        for release in self._world.store.releases():
            faults = [
                f"{service}: {fault}"
                for service, version in release.services
                for fault in self.excesses(service, version.definition)
            ]
            if faults:
                yield f"release {release.name} is over the ceiling of the settings: {'; '.join(faults)}"

    def excesses(self, service: ServiceName, digest: Digest) -> tuple[Fault, ...]:
        """Return what a stored definition asks for beyond the ceiling; empty, too, if it cannot be read."""
        if digest not in self._known:
            files = self._world.store.definition(digest)
            try:
                read = self._world.origin.read_definition(service, files) if files else None
            except ManifestError:  # nothing is started of that one either
                read = None
            self._known[digest] = excesses(read.manifest, self._world.settings.ceiling) if read else ()
        return self._known[digest]
