"""The signed index of a bundle as values: read and written by the bundle edge, used by imports."""

from __future__ import annotations

import re
from dataclasses import dataclass

from supervisor.values.names import Digest, ImageId, ServiceName

FORMAT = 1
VOLUME_ID = "VR_SERVICES"
ENTRY_BYTES = 4096  # of the disk for each file and folder of a layer: the part of its last block that stays empty
MOST_FOLD = 100  # times that a layer may grow when it is unpacked, besides the first
FIRST_BYTES = 16 << 20
MOST_SERVICES, MOST_LAYERS, MOST_LISTED = 64, 64, 4096  # per bundle, service and bundle
LARGEST_READ = 1 << 20  # bytes of a file that is held in memory: configurations and manifests of images
LARGEST_DEFINITIONS = 16 << 20  # bytes of all definitions together
LARGEST_LAYER = 256 << 20  # bytes of a layer where it is a difference, or the base of one: both are in memory


@dataclass(frozen=True, slots=True)
class BundleFile:
    """A file of the medium, by its path from the root.

    `unpacked` is the room in bytes that a layer takes on a disk: its archive without compression, and ENTRY_BYTES for
    each entry; None: the file is no layer, or the bundle was made before this was written down.
    """

    path: str
    sha256: str
    size: int
    unpacked: int | None = None

    @property
    def most_unpacked(self) -> int:
        """The room that the file may take as a layer; more is refused."""
        return most_unpacked(self.size) if self.unpacked is None else self.unpacked


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
    sbom: Digest | None = None  # of the image's bill of materials, a blob; None: the bundle has none


@dataclass(frozen=True, slots=True)
class LayerPatch:
    """A layer that a delta bundle has as a difference to a layer of its base.

    `layer` and `base` are digests of unpacked layers, as images' configurations have them; `patch` is the blob of the
    difference (a Zstandard frame, RFC 8878, whose prefix is the layer of the base), `size` is what it unpacks to.
    """

    layer: Digest
    base: Digest
    patch: Digest
    size: int


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
    base_identity: Digest | None = None  # of that release: `decisions.release_identity`
    patches: tuple[LayerPatch, ...] = ()
    minimum_release: str | None = None  # once this one is accepted, no release before that is started

    def service(self, name: str) -> BundledService | None:
        """Return the service of this name; None if the release has none."""
        return next((service for service in self.services if service.name == name), None)

    def file(self, path: str) -> BundleFile | None:
        """Return the file at this path; None if none is listed."""
        return next((file for file in self.files if file.path == path), None)

    def patch(self, layer: Digest) -> LayerPatch | None:
        """Return the difference that gives this unpacked layer; None: there is none."""
        return next((patch for patch in self.patches if patch.layer == layer), None)

    def is_older_than(self, other: BundleIndex) -> bool:
        """True if this release comes before `other`, by name and time of making."""
        return age(self.release, self.created) < age(other.release, other.created)


def blob_path(digest: Digest) -> str:
    """Return the path of a blob on the medium."""
    return f"oci/blobs/sha256/{digest.removeprefix('sha256:')}"


def most_unpacked(size: int) -> int:
    """Return the most room that a layer of `size` bytes may take, whatever an index says."""
    return FIRST_BYTES + MOST_FOLD * size


def age(release: str, created: str) -> tuple[tuple[int, ...], str]:
    """Return the key that orders releases: the numbers in the name first, then the time of making."""
    return tuple(int(number) for number in re.findall(r"\d+", release)), created
