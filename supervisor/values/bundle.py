"""What a bundle says it carries: its signed index as values. Read and written by the bundle edge, used by import."""

from __future__ import annotations

import re
from dataclasses import dataclass

from supervisor.values.names import Digest, ImageId, ServiceName

FORMAT = 1
VOLUME_ID = "VR_SERVICES"


@dataclass(frozen=True, slots=True)
class BundleFile:
    """One file of the medium, by its path from the root."""

    path: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class BundledService:
    """One service of a release. `image` is the digest of its configuration: the image's id in both engines."""

    name: ServiceName
    version: str
    image: ImageId
    manifest: Digest
    layers: tuple[Digest, ...]
    definition: Digest
    requires: tuple[ServiceName, ...] = ()


@dataclass(frozen=True, slots=True)
class BundleIndex:
    """bundle.json. `files` lists everything else on the medium but the signature."""

    format: int
    release: str
    created: str  # UTC, 2025-01-31T00:00:00Z
    supervisor_minimum: str
    architecture: str
    services: tuple[BundledService, ...]
    files: tuple[BundleFile, ...]
    base: str | None = None  # the release whose blobs this one leaves out

    def service(self, name: str) -> BundledService | None:
        return next((service for service in self.services if service.name == name), None)

    def file(self, path: str) -> BundleFile | None:
        return next((file for file in self.files if file.path == path), None)

    def is_older_than(self, other: BundleIndex) -> bool:
        return age(self.release, self.created) < age(other.release, other.created)


def blob_path(digest: Digest) -> str:
    """Return where a blob lies on the medium."""
    return f"oci/blobs/sha256/{digest.removeprefix('sha256:')}"


def age(release: str, created: str) -> tuple[tuple[int, ...], str]:
    """Return what orders releases: the numbers in the name first, then the time it was made."""
    return tuple(int(number) for number in re.findall(r"\d+", release)), created
