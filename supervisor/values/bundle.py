"""The signed index of a bundle as values: read and written by the bundle edge, used by imports."""

from __future__ import annotations

import re
from dataclasses import dataclass

from supervisor.values.names import Digest, ImageId, ServiceName

FORMAT = 1
VOLUME_ID = "VR_SERVICES"


@dataclass(frozen=True, slots=True)
class BundleFile:
    """A file of the medium, by its path from the root."""

    path: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class BundledService:
    """A service of a release.

    `image` is the digest of the image's configuration, its id in both engines; `image_manifest` that of the list of its
    blobs (OCI), which is called `manifest` in the index.
    """

    name: ServiceName
    version: str
    image: ImageId
    image_manifest: Digest
    layers: tuple[Digest, ...]
    definition: Digest
    requires: tuple[ServiceName, ...] = ()


@dataclass(frozen=True, slots=True)
class BundleIndex:
    """The content of bundle.json. `files` lists everything else on the medium but the signature."""

    format: int
    release: str
    created: str  # UTC, 2025-01-31T00:00:00Z
    supervisor_minimum: str
    architecture: str
    services: tuple[BundledService, ...]
    files: tuple[BundleFile, ...]
    base: str | None = None  # the release whose blobs this one leaves out
    minimum_release: str | None = None  # once this one is accepted, no release before that is started

    def service(self, name: str) -> BundledService | None:
        """Return the service of this name; None if the release has none."""
        return next((service for service in self.services if service.name == name), None)

    def file(self, path: str) -> BundleFile | None:
        """Return the file at this path; None if none is listed."""
        return next((file for file in self.files if file.path == path), None)

    def is_older_than(self, other: BundleIndex) -> bool:
        """True if this release comes before `other`, by name and time of making."""
        return age(self.release, self.created) < age(other.release, other.created)


def blob_path(digest: Digest) -> str:
    """Return the path of a blob on the medium."""
    return f"oci/blobs/sha256/{digest.removeprefix('sha256:')}"


def age(release: str, created: str) -> tuple[tuple[int, ...], str]:
    """Return the key that orders releases: the numbers in the name first, then the time of making."""
    return tuple(int(number) for number in re.findall(r"\d+", release)), created
