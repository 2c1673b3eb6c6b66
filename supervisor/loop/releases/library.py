"""The releases of a router: imported from a medium into the engine and the store, removed when nothing needs them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from supervisor.loop.generations.doubts import doubt_about
from supervisor.loop.releases.acceptance import offer_of, record, refuse_untrusted, sign_again, take_papers, versions_of
from supervisor.loop.releases.bases import KnownBases
from supervisor.loop.releases.contents import ReleaseContents
from supervisor.loop.releases.examination import examine
from supervisor.loop.world import World
from supervisor.ports.media import Media, OpenedBundle
from supervisor.values.bundle import BundledService, BundleIndex, age
from supervisor.values.errors import BundleError, EngineError, EngineUnavailableError, StateError
from supervisor.values.listing import listed
from supervisor.values.names import Digest, ImageId, ServiceName
from supervisor.values.release import InstanceState, Release
from supervisor.values.router import RouterConfig
from supervisor.values.status import EventRecord, Progress

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Refilled:
    """The images that were loaded again, and those that could not be, in words."""

    loaded: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()


class Library:
    """Imports, loads again and removes releases.

    May be used from any thread.

    `images` is locked while images are loaded or removed: there is one import at a time, and no image that is loaded
    and not yet recorded is pruned, or left behind by a router that moves to another engine. `contents` answers which
    packages are in the releases.
    """

    def __init__(self, world: World, media: Media) -> None:
        self._world, self._media, self._bases = world, media, KnownBases(world)
        self.contents = ReleaseContents(world, media)
        self.images = threading.Lock()

    def by_age(self) -> list[Release]:
        """Return the releases, oldest first by their own numbers, whenever they were imported."""
        return sorted(self._world.store.releases(), key=lambda release: age(release.name, release.created))

    def doubt(self, release: Release) -> str:
        """Return why nothing of a release is started anew; empty: it may be."""
        return doubt_about(self._world, release)

    def trusted(self) -> list[Release]:
        """Return the releases that are in no doubt, oldest first by their own numbers."""
        return [release for release in self.by_age() if not self.doubt(release)]

    def verify(
        self, path: str, router: RouterConfig, *, allow_downgrade: bool, accepts_clock: bool = False
    ) -> Iterator[Progress]:
        """Judge a medium as `take_in` does when it does not know the release, and change nothing.

        Raises what `take_in` raises before it loads anything.
        """
        bundle = self._media.open(path, self._bases)
        try:
            yield from examine(
                self._world, bundle, path, router, allow_downgrade=allow_downgrade, accepts_clock=accepts_clock
            )
        finally:
            bundle.close()
        text = f"release {bundle.index.release}: signature and {len(bundle.index.files)} files are good"
        yield Progress("", "verified", text, 1.0, is_final=True)

    def attach(self, path: str, router: RouterConfig) -> Iterator[Progress]:
        """Import an offered medium, at boot or later, unless it is the very file that was imported before.

        Raises BundleError: when the medium cannot be used. Raises EngineError, StateError: as `take_in`.
        """
        mark, store = self._media.fingerprint(path), self._world.store
        present = set(self._world.engine.images())
        is_whole = all(version.image in present for release in store.releases() for _, version in release.services)
        if mark is not None and mark == store.medium_fingerprint(path) and is_whole:
            return
        yield from self.take_in(path, router, allow_downgrade=not store.releases())
        if mark is not None:
            store.set_medium_fingerprint(path, mark)

    def take_in(
        self, path: str, router: RouterConfig, *, allow_downgrade: bool, accepts_clock: bool = False
    ) -> Iterator[Progress]:
        """Verify everything, then load images, then record: a medium that is bad anywhere changes no release.

        The root documents and revocations on it, which have signatures of their own, count from the start. May be
        repeated; a release that is there already is only reported. Raises BundleError, ManifestError: as `examine`
        does. Raises EngineError, StateError: when an image has no room or cannot be loaded, or the release not be
        recorded; the images that were loaded are removed then.
        """
        bundle = self._media.open(path, self._bases)
        try:
            take_papers(self._world, bundle, path)
            index = bundle.index
            known = {release.name: release for release in self._world.store.releases()}
            versions = versions_of(index)
            if index.release in known and dict(known[index.release].services) == dict(versions) and self._holds(index):
                with self.images:
                    sign_again(self._world, bundle, path, accepts_clock=accepts_clock)
                text = f"release {index.release} is imported already"
                yield Progress("", "nothing", text, 1.0, is_final=True)
                return
            definitions = yield from examine(
                self._world, bundle, path, router, allow_downgrade=allow_downgrade, accepts_clock=accepts_clock
            )
            with self.images, self._undone():
                yield from self._load(bundle)
                for service in index.services:
                    if (document := bundle.sbom(service.name)) is not None:
                        self._world.store.save_sbom(service.image, document)
                now = self._world.clock.now()
                refuse_untrusted(self._world, bundle, path, accepts_clock=accepts_clock)  # others were imported since
                release = Release(index.release, index.created, path, now, versions)
                record(self._world, offer_of(bundle), release, definitions)
            self._world.store.log_event(EventRecord(now, "", "imported", f"release {index.release} from {path}"))
        finally:
            bundle.close()
        yield Progress("", "imported", f"release {index.release} is imported", 1.0, is_final=True)

    def refill(self, media: Sequence[str]) -> Refilled:
        """Load the images that the engine lacks of the releases that are known. May be repeated.

        Raises EngineError, StateError: when the lacking images cannot be determined.
        """
        loaded: list[str] = []
        failed: list[str] = []
        with self.images:
            for release in self._world.store.releases():
                lacking = _lacking(release, set(self._world.engine.images()))
                for source in _sources(release, media) if lacking else ():
                    loaded += self._load_from(source, lacking, media)
                    lacking = _lacking(release, set(self._world.engine.images()))
                    if not lacking:
                        break
                if lacking:
                    failed.append(_lacks(release, lacking.values()))
        return Refilled(tuple(loaded), tuple(failed))

    def unavailable(self, media: Sequence[str]) -> str:
        """Return, in words, which images of what runs or is to run no medium has; empty: all can be loaded again."""
        store = self._world.store
        needed = {instance.image for instance, state in store.instances() if state is InstanceState.ACTIVE}
        for release in store.releases():
            wanted = {
                image: name
                for image, name in _lacking(release, set()).items()
                if image in needed or store.desired(name) == release.version_of(name)
            }
            if wanted and not any(self._has(source, wanted, media) for source in _sources(release, media)):
                return _lacks(release, wanted.values())
        return ""

    def _has(self, source: str, wanted: Mapping[ImageId, ServiceName], media: Sequence[str]) -> bool:
        try:
            bundle = self._media.open(source, KnownBases(self._world, media, is_engine_good=False))
        except BundleError:
            return False
        try:
            if not set(wanted) <= {service.image for service in bundle.index.services}:
                return False
            bundle.verify_all()
        except BundleError as error:
            log.error("medium refused", extra={"medium": source, "reason": str(error)})
            return False
        finally:
            bundle.close()
        return True

    def _load_from(self, source: str, lacking: Mapping[ImageId, ServiceName], media: Sequence[str]) -> Iterator[str]:
        try:
            bundle = self._media.open(source, KnownBases(self._world, media))
        except BundleError as error:
            log.debug("nothing loaded", extra={"medium": source, "reason": str(error)})
            return
        try:
            for service in bundle.index.services:
                if service.image in lacking:
                    with self._undone():
                        self._load_one(bundle, service)
                    log.warning("image loaded again", extra={"service": service.name, "medium": source})
                    yield f"the image of {service.name} {service.version} was missing and is loaded from {source}"
        except BundleError as error:
            log.error("medium refused", extra={"medium": source, "reason": str(error)})
        finally:
            bundle.close()

    def prune(self) -> tuple[str, ...]:
        """Remove releases that nothing runs or may go back to, and images of none; return the releases' names.

        May be repeated. Raises EngineUnavailableError, StateError: when it is not finished.
        """
        with self.images:
            return self._prune()

    def _prune(self) -> tuple[str, ...]:
        store = self._world.store
        needed: set[Digest] = {instance.image for instance, _ in store.instances()}
        releases = store.releases()
        services = {service for release in releases for service, _ in release.services}
        for service in services:
            needed |= {version.image for version in (store.desired(service), store.previous(service)) if version}
        gone = [
            release
            for release in releases
            if release.name != store.current_release()
            and not any(version.image in needed for _, version in release.services)
        ]
        for release in gone:
            store.remove_release(release.name)
        needed |= {version.image for release in store.releases() for _, version in release.services}
        store.remove_sboms(kept=needed)
        for image in self._world.engine.images():
            if image not in needed:
                self._remove(image)
        return tuple(release.name for release in gone)

    def _remove(self, image: ImageId) -> None:
        try:
            self._world.engine.remove_image(image)
        except EngineUnavailableError:
            raise
        except EngineError as error:  # another program's container was made of it: the other images are removed
            log.warning("image stays", extra={"image": image, "reason": str(error)})

    def _holds(self, index: BundleIndex) -> bool:
        present = set(self._world.engine.images())
        return all(
            service.image in present and (service.sbom is None or self._world.store.sbom(service.image) is not None)
            for service in index.services
        )

    @contextmanager
    def _undone(self) -> Iterator[None]:
        """Remove the images that the block has loaded when it ends with an error.

        Where it is broken off they stay, for whoever goes on.
        """
        present, store = set(self._world.engine.images()), self._world.store
        try:
            yield
        except Exception as error:
            try:
                for image in self._world.engine.images():
                    if image not in present:
                        self._remove(image)
                known = {version.image for release in store.releases() for _, version in release.services}
                store.remove_sboms(kept=present | known)
            except (EngineError, StateError) as failure:  # the former error is the one to report
                log.warning("image stays", extra={"image": "", "reason": f"{failure}; after: {error}"})
            raise

    def _load(self, bundle: OpenedBundle) -> Iterator[Progress]:
        present = set(self._world.engine.images())
        services = bundle.index.services
        for number, service in enumerate(services):
            if service.image in present:
                continue
            yield Progress(service.name, "load", f"loading {service.name} {service.version}", number / len(services))
            self._load_one(bundle, service)

    def _load_one(self, bundle: OpenedBundle, service: BundledService) -> None:
        self._world.engine.require_room(bundle.room([service.name]))  # what others have taken meanwhile counts too
        image = self._world.engine.load(bundle.image_stream(service.name))
        if image != service.image:
            raise BundleError(f"cannot import {service.name}: the engine made {image} of image {service.image}")


def _lacking(release: Release, present: set[ImageId]) -> dict[ImageId, ServiceName]:
    return {version.image: service for service, version in release.services if version.image not in present}


def _sources(release: Release, media: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((release.source, *media)))


def _lacks(release: Release, services: Iterable[ServiceName]) -> str:
    return f"no attached medium has the images of {listed(sorted(services), ', ')} of release {release.name}"
