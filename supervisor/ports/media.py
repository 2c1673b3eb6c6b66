"""Media that hold bundles, and the watch for those that come later."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Protocol

from supervisor.values.bundle import BundleIndex
from supervisor.values.names import Digest
from supervisor.values.packages import Package
from supervisor.values.trust import Judgement


class OpenedBundle(Protocol):
    """A bundle whose signature and index were verified when it was opened. Its files are hashed whenever they are read.

    Every method that reads raises a BundleError: when a file is missing, is not the one that the index lists, or the
    medium cannot be read any more. Every method may be repeated until `close`.
    """

    @property
    def index(self) -> BundleIndex:
        """The contents of the bundle, as its signed index lists them."""

    @property
    def judgement(self) -> Judgement:
        """Who signed the release, and the trust documents on the medium that are news here."""

    def verify_all(self, report: Callable[[int, int], None] | None = None) -> None:
        """Hash every file, and judge every image and definition; no engine is needed.

        `report` is called with the bytes read so far and the bytes of all files.
        """

    def room(self, services: Collection[str]) -> int:
        """Return the bytes of disk that loading the images of these services takes at most.

        Layers of which the index does not say it (of bundles made before it did) count once `verify_all` has measured
        them.
        """

    def image_stream(self, service: str) -> Iterable[bytes]:
        """Return the service's image as chunks of a docker-archive, read from the medium as they are taken.

        Raises UnknownServiceError: when the bundle has no such service.
        """

    def sbom(self, service: str) -> bytes | None:
        """Return the bill of materials of the service's image (CycloneDX, JSON); None: the bundle has none.

        Raises UnknownServiceError: when the bundle has no such service.
        """

    def definition(self, service: str) -> Mapping[str, bytes]:
        """Return the files of the service's definition by path.

        Raises UnknownServiceError: when the bundle has no such service.
        """

    def close(self) -> None:
        """Release the medium; may be repeated."""


class Bases(Protocol):
    """Releases that a delta bundle may take from what it leaves out. Nothing is changed; every call may be repeated."""

    def media(self, release: str) -> Sequence[str]:
        """Return the paths of media that may hold the release's bundle, best first; empty: none is known."""

    def identity(self, release: str) -> Digest | None:
        """Return the identity of the release that was imported under this name; None: none was."""

    def services(self, release: str) -> Sequence[str]:
        """Return the services of the release that was imported under this name; empty: none was."""

    def image(self, release: str, service: str) -> Iterable[bytes] | None:
        """Return the image of a service of an imported release as the engine saves it; None: it has none.

        Raises EngineError: when the engine cannot save it.
        """


class Media(Protocol):
    """Files and block devices that may hold a bundle."""

    def open(self, path: str, bases: Bases) -> OpenedBundle:
        """Open an ISO in a file or block device, and verify signature, index and fit.

        A delta bundle takes what it leaves out from its base in `bases`: from a medium, or else from the engine.
        Raises BundleError: a type of its own for each reason why there is no bundle to use.
        """

    def fingerprint(self, path: str) -> str | None:
        """Return a text that stays the same until the file is written again; None: a device, or nothing is there."""

    def packages(self, sbom: bytes, service: str) -> tuple[Package, ...]:
        """Return the Debian packages that a bill of materials lists; `service` is its name in errors.

        Raises SbomError: when it cannot be read.
        """


class MediaWatch(Protocol):
    """The watch for media that come while the supervisor runs. It raises nothing: without it media are not noticed."""

    def start(self, offer: Callable[[Sequence[str]], None]) -> Sequence[str]:
        """Start the watch and return the paths that may hold a medium now; once only.

        Later paths are given to `offer` on the watch's own thread, batch by batch; a path may come again.
        """

    def close(self) -> None:
        """Stop the watch; a batch that `offer` still handles is waited for, some seconds at most."""
