"""Reads service definitions by digest, each once: the store has the files of every imported release."""

from __future__ import annotations

from supervisor.loop.world import ReadDefinition
from supervisor.ports.store import Store
from supervisor.values.errors import ManifestError, StateError
from supervisor.values.manifest import ServiceDefinition
from supervisor.values.names import Digest, ServiceName


class Definitions:
    """The definitions of one service, on its worker's thread."""

    def __init__(self, store: Store, read: ReadDefinition, service: ServiceName) -> None:
        self._store, self._read, self._service = store, read, service
        self._known: dict[Digest, ServiceDefinition] = {}

    def __call__(self, digest: Digest) -> ServiceDefinition:
        """Return the definition.

        Raises StateError: when it is not stored; ManifestError: when this supervisor cannot read it.
        """
        if digest not in self._known:
            files = self._store.definition(digest)
            if files is None:
                raise StateError(f"cannot find definition {digest} of {self._service}: the store does not have it")
            self._known[digest] = self._read(self._service, files)
        return self._known[digest]

    def nearest(self, digest: Digest, other: ServiceDefinition) -> ServiceDefinition:
        """Return the definition, or `other` if this supervisor cannot read it.

        Raises StateError: when it is not stored.
        """
        try:
            return self(digest)
        except ManifestError:
            return other
