"""Service definitions by digest, read once: the store keeps the files of every imported release."""

from __future__ import annotations

from supervisor.loop.world import ReadDefinition
from supervisor.ports.store import Store
from supervisor.values.errors import ManifestError, StateError
from supervisor.values.manifest import ServiceDefinition
from supervisor.values.names import Digest, ServiceName


class Definitions:
    """Lives on one worker's thread."""

    def __init__(self, store: Store, read: ReadDefinition, service: ServiceName) -> None:
        self._store, self._read, self._service = store, read, service
        self._known: dict[Digest, ServiceDefinition] = {}

    def __call__(self, digest: Digest) -> ServiceDefinition:
        """StateError when the store does not hold it; ManifestError when this supervisor cannot read it."""
        if digest not in self._known:
            files = self._store.definition(digest)
            if files is None:
                raise StateError(f"cannot find definition {digest} of {self._service}: the store does not hold it")
            self._known[digest] = self._read(self._service, files)
        return self._known[digest]

    def nearest(self, digest: Digest, other: ServiceDefinition) -> ServiceDefinition:
        """The definition, or another one of the service when this supervisor cannot read it."""
        try:
            return self(digest)
        except ManifestError:
            return other
