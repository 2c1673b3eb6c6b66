"""The packages inside releases: what their bills of materials say, what differs, and what of it is alive."""

from __future__ import annotations

from supervisor.decisions.package_changes import Packages, changes, means
from supervisor.loop.releases.bases import KnownBases
from supervisor.loop.world import World
from supervisor.ports.media import Media
from supervisor.values.errors import RequestError, UnknownReleaseError
from supervisor.values.packages import Package
from supervisor.values.status import ContainedPackage, PackageChange, ServiceSbom


class ReleaseContents:
    """Answers questions about packages. Nothing is changed; used from any thread.

    A release is named by its number, or by the path of a medium that holds it, which is opened as if to import it.
    """

    def __init__(self, world: World, media: Media) -> None:
        self._world, self._media = world, media

    def sboms(self, release: str) -> tuple[ServiceSbom, ...]:
        """Return the bill of materials of every service's image, by service.

        Raises UnknownReleaseError: no release has this name. Raises BundleError: the medium cannot be used.
        """
        if "/" in release:
            return self._on_medium(release)
        known = next((one for one in self._world.store.releases() if one.name == release), None)
        if known is None:
            raise UnknownReleaseError(release, [one.name for one in self._world.store.releases()])
        return tuple(
            ServiceSbom(name, version.version, version.image, _text(self._world.store.sbom(version.image)))
            for name, version in known.services
        )

    def changes(self, former: str, later: str) -> tuple[PackageChange, ...]:
        """Return the packages that differ between two releases.

        Raises UnknownReleaseError, BundleError: as `sboms`. Raises RequestError: one has no bill of materials.
        """
        return changes(self._packages(former), self._packages(later))

    def contained(self, word: str) -> tuple[ContainedPackage, ...]:
        """Return where packages that `word` means are alive, and the generations that nothing is known of."""
        found: list[ContainedPackage] = []
        for instance, state in self._world.store.instances():
            alive = (instance.service, instance.version, instance.generation, str(state))
            document = self._world.store.sbom(instance.image)
            if document is None:
                found.append(ContainedPackage(*alive, None, None))
                continue
            packages = self._media.packages(document, instance.service)
            found += (ContainedPackage(*alive, one.name, one.version) for one in packages if means(word, one))
        return tuple(found)

    def _on_medium(self, path: str) -> tuple[ServiceSbom, ...]:
        bundle = self._media.open(path, KnownBases(self._world))
        try:
            return tuple(
                ServiceSbom(one.name, one.version, one.image, _text(bundle.sbom(one.name)))
                for one in bundle.index.services
            )
        finally:
            bundle.close()

    def _packages(self, release: str) -> Packages:
        return {one.service: self._listed(release, one) for one in self.sboms(release)}

    def _listed(self, release: str, sbom: ServiceSbom) -> tuple[Package, ...]:
        if not sbom.document:
            raise RequestError(f"cannot compare {release}: it has no bill of materials of {sbom.service}")
        return self._media.packages(sbom.document.encode(), sbom.service)


def _text(document: bytes | None) -> str:
    return (document or b"").decode("utf-8", "replace")
