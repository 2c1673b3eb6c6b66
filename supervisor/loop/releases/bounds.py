"""Bounds of the configuration that the imported releases have together, as their manifests declare them."""

from __future__ import annotations

from supervisor.loop.world import ReadDefinition
from supervisor.ports.store import Releases
from supervisor.values.bounds import NO_BOUNDS, Bounds, narrowest
from supervisor.values.errors import ManifestError
from supervisor.values.names import Digest, ServiceName


class ReleaseBounds:
    """The bounds of all imported releases together.

    Used from any thread. Definitions never change, so each is read once.
    """

    def __init__(self, store: Releases, read_definition: ReadDefinition) -> None:
        self._store, self._read_definition = store, read_definition
        self._known: dict[Digest, Bounds] = {}

    def __call__(self) -> Bounds:
        """Return the narrowest bounds of all versions that may come to run; none before a release is imported."""
        versions = [pair for release in self._store.releases() for pair in release.services]
        return narrowest([self._of(service, version.definition) for service, version in versions])

    def _of(self, service: ServiceName, digest: Digest) -> Bounds:
        if digest not in self._known:
            files = self._store.definition(digest)
            try:
                self._known[digest] = self._read_definition(service, files).manifest.bounds if files else NO_BOUNDS
            except ManifestError:  # a version that this supervisor cannot run
                self._known[digest] = NO_BOUNDS
        return self._known[digest]
