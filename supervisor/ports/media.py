"""Media that hold bundles, and the watch for those that come later."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from supervisor.values.bundle import BundleIndex


class OpenedBundle(Protocol):
    """A bundle whose signature and index are trusted. Its files are hashed whenever they are read."""

    @property
    def index(self) -> BundleIndex: ...

    def verify_all(self, progress: Callable[[int, int], None] | None = None) -> None:
        """Hash every file; `progress` is told the bytes read so far and all there are. BundleError."""

    def image_stream(self, service: str) -> Iterable[bytes]:
        """The image as a docker-archive."""

    def definition(self, service: str) -> Mapping[str, bytes]: ...

    def close(self) -> None: ...


class Media(Protocol):
    def open(self, path: str, source_of: Callable[[str], str | None]) -> OpenedBundle:
        """Open an ISO in a file or block device. Every way this can fail is a BundleError of its own type.

        `source_of` tells where a release was imported from: a delta takes what it leaves out from its base there.
        """

    def fingerprint(self, path: str) -> str | None:
        """What stays the same as long as a file was not written again; None for a device, which may be exchanged."""


class MediaWatch(Protocol):
    """Notices media that come while the supervisor runs."""

    def start(self, offer: Callable[[Sequence[str]], None]) -> Sequence[str]:
        """Return paths that may hold a medium now; those of later ones are offered, on one thread, batch by batch."""

    def close(self) -> None:
        """Offer nothing any more; a batch that is being taken in gets some seconds."""
