"""Bounds of the configuration, as the manifests of the versions declare them that run or are to run."""

from __future__ import annotations

from supervisor.loop.world import ReadDefinition
from supervisor.ports.store import DesiredVersions, Releases
from supervisor.values.bounds import BUILT_IN_BOUNDS, Bounds, narrowest
from supervisor.values.errors import ManifestError
from supervisor.values.names import Digest, ServiceName


class ReleaseBounds:
    """The bounds of the desired versions together; of a service without one, those of its oldest release.

    An import alone changes no bounds. Used from any thread. Definitions never change, so each is read once.
    """

    def __init__(self, releases: Releases, desired: DesiredVersions, read_definition: ReadDefinition) -> None:
        self._releases, self._desired, self._read_definition = releases, desired, read_definition
        self._known: dict[Digest, Bounds] = {}

    def __call__(self) -> Bounds:
        """Return the narrowest bounds of these versions; those that are built in before a release is imported."""
        services = {
            service: version for release in reversed(self._releases.releases()) for service, version in release.services
        }
        wanted = {service: self._desired.desired(service) or version for service, version in services.items()}
        known = [self._of(service, version.definition) for service, version in wanted.items()]
        return narrowest(known) if known else BUILT_IN_BOUNDS

    def _of(self, service: ServiceName, digest: Digest) -> Bounds:
        if digest not in self._known:
            files = self._releases.definition(digest)
            try:
                read = self._read_definition(service, files).manifest.bounds if files else BUILT_IN_BOUNDS
            except ManifestError:  # a version that this supervisor cannot run, but perhaps leaves running
                read = BUILT_IN_BOUNDS
            self._known[digest] = read
        return self._known[digest]
