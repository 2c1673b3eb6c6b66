"""Media that hold bundles, and the watch for those that come later."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from supervisor.values.bundle import BundleIndex
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
        """Read and hash every file; `report` is called with the bytes read so far and the bytes of all files."""

    def image_stream(self, service: str) -> Iterable[bytes]:
        """Return the service's image as chunks of a docker-archive, read from the medium as they are taken.

        Raises UnknownServiceError: when the bundle has no such service.
        """

    def definition(self, service: str) -> Mapping[str, bytes]:
        """Return the files of the service's definition by path.

        Raises UnknownServiceError: when the bundle has no such service.
        """

    def close(self) -> None:
        """Release the medium; may be repeated."""


class Media(Protocol):
    """Files and block devices that may hold a bundle."""

    def open(self, path: str, source_of: Callable[[str], str | None]) -> OpenedBundle:
        """Open an ISO in a file or block device, and verify signature, index and fit.

        `source_of` returns the path that a release was imported from (None: it was not imported): a delta bundle takes
        the files that it leaves out from its base there.
        Raises BundleError: a type of its own for each reason why there is no bundle to use.
        """

    def fingerprint(self, path: str) -> str | None:
        """Return a text that stays the same until the file is written again; None: a device, or nothing is there."""


class MediaWatch(Protocol):
    """The watch for media that come while the supervisor runs. It raises nothing: without it media are not noticed."""

    def start(self, offer: Callable[[Sequence[str]], None]) -> Sequence[str]:
        """Start the watch and return the paths that may hold a medium now; once only.

        Later paths are given to `offer` on the watch's own thread, batch by batch; a path may come again.
        """

    def close(self) -> None:
        """Stop the watch; a batch that `offer` still handles is waited for, some seconds at most."""
