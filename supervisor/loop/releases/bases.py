"""The releases that delta bundles may build upon: those that were imported, and those on attached media."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from supervisor.decisions.release_identity import identity_of_release
from supervisor.loop.world import World
from supervisor.values.names import Digest, ServiceName
from supervisor.values.release import Release


class KnownBases:
    """Satisfies `ports.media.Bases`.

    `attached` are the paths of media that may hold a base that was removed since; with `is_engine_good` false the
    engine's storage is damaged, and nothing is taken from it.
    """

    def __init__(self, world: World, attached: Sequence[str] = (), *, is_engine_good: bool = True) -> None:
        self._world, self._attached, self._is_engine_good = world, tuple(attached), is_engine_good

    def media(self, release: str) -> Sequence[str]:
        known = self._release(release)
        return tuple(dict.fromkeys((*((known.source,) if known else ()), *self._attached)))

    def identity(self, release: str) -> Digest | None:
        known = self._release(release)
        return identity_of_release(known) if known and self._is_engine_good else None

    def services(self, release: str) -> Sequence[str]:
        known = self._release(release)
        return tuple(name for name, _ in known.services) if known else ()

    def image(self, release: str, service: str) -> Iterable[bytes] | None:
        known = self._release(release)
        version = known.version_of(ServiceName(service)) if known else None
        if version is None or version.image not in self._world.engine.images():
            return None
        return self._world.engine.save(version.image)

    def _release(self, name: str) -> Release | None:
        return next((release for release in self._world.store.releases() if release.name == name), None)
