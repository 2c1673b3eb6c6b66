"""Images as a bundle has them: each is judged whole, and says what room it takes, before an engine gets any of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

from supervisor.documents import DocumentError, read_json
from supervisor.edges.bundle.stream import verified
from supervisor.edges.bundle.unpacking import Unpacked, UnpackMeter, metered
from supervisor.values.bundle import BundledService, BundleFile, BundleIndex, blob_path
from supervisor.values.errors import (
    Fault,
    InvalidIndexError,
    LayerRefusedError,
    MissingFileError,
    OtherArchitectureError,
)
from supervisor.values.names import Digest

Chunks = Callable[[Digest], Iterator[bytes]]
Listed = Callable[[Digest], BundleFile | None]
"""Returns what the index of the bundle or of its base lists for a blob."""


class MeasuredImages:
    """The images of an opened bundle, which may leave layers to its base; `path` is the bundle's name in errors."""

    def __init__(self, path: str, index: BundleIndex, chunks: Chunks, listed: Listed) -> None:
        self._path, self._index, self._chunks, self._listed = path, index, chunks, listed
        self._layers = {layer for service in index.services for layer in service.layers}
        self._measured: dict[Digest, Unpacked] = {}

    def blob(self, digest: Digest) -> Iterator[bytes]:
        """Yield a blob of an image, hashed, and measured if it is a layer that was not: its digest stands for the rest.

        Raises DigestMismatchError, LayerRefusedError: the last chunk is held back then.
        """
        if digest in self._layers and digest not in self._measured:
            return self._layer(digest)
        return verified(blob_path(digest), digest, self._chunks(digest))

    def is_layer(self, digest: Digest) -> bool:
        return digest in self._layers

    def check(self, service: BundledService) -> None:
        """Check that the image's configuration (machine, layers) and manifest (blobs) are those of the index.

        Its layers are measured unless they were. Raises InvalidIndexError, OtherArchitectureError, and as `blob` does.
        """
        manifest, config = self._document(service, service.image_manifest), self._document(service, service.image)
        if _blobs(manifest) != (service.image, *service.layers):
            raise self._invalid(service, "manifest", "names other blobs than the index")
        if (architecture := config.get("architecture")) != self._index.architecture:
            raise OtherArchitectureError(
                f"the image of {service.name}", str(architecture)[:80], self._index.architecture
            )
        if _diff_ids(config) != tuple(self.measured(layer).diff_id for layer in service.layers):
            raise self._invalid(service, "image", "names other layers than those that its blobs unpack to")

    def measured(self, layer: Digest) -> Unpacked:
        """Return what a layer unpacks to; it is read unless it was. Raises as `blob` does."""
        if layer not in self._measured:
            for _ in self.blob(layer):
                pass
        return self._measured[layer]

    def room(self, services: Collection[str]) -> int:
        """Return the bytes of disk that loading these images takes, as far as the index or a measurement knows it.

        What stays are their layers, each once. While an image is loaded, engines have its archive too, and its layers
        a second time (Podman: containers/image `docker/internal/tarfile`, `storage`; both below TMPDIR).
        """
        wanted = [service for service in self._index.services if service.name in services]
        stays = sum(self._room(layer) for layer in {layer for service in wanted for layer in service.layers})
        passes = (sum(self._size(layer) + self._room(layer) for layer in service.layers) for service in wanted)
        return stays + max(passes, default=0)

    def _layer(self, layer: Digest) -> Iterator[bytes]:
        file = self._file(layer)
        meter = UnpackMeter(file.path, file.most_unpacked)

        def approve() -> None:
            unpacked = meter.finish()
            if file.unpacked not in (None, unpacked.size):
                cause = f"it unpacks to {unpacked.size} bytes, the index says {file.unpacked}"
                raise LayerRefusedError(file.path, cause)
            self._measured[layer] = unpacked

        return verified(file.path, layer, metered(self._chunks(layer), meter), approve)

    def _file(self, digest: Digest) -> BundleFile:
        file = self._listed(digest)
        if file is None:
            raise MissingFileError(blob_path(digest))
        return file

    def _size(self, layer: Digest) -> int:
        return self._file(layer).size

    def _room(self, layer: Digest) -> int:
        known = self._measured.get(layer)
        return known.size if known else self._file(layer).unpacked or 0

    def _document(self, service: BundledService, digest: Digest) -> Any:
        try:
            document = read_json(b"".join(self.blob(digest)), refuses_twins=True)
        except DocumentError as error:
            raise self._invalid(service, "image", f"is not an image ({error})") from error
        if not isinstance(document, dict):
            raise self._invalid(service, "image", "is not an image (no mapping)")
        return document

    def _invalid(self, service: BundledService, key: str, problem: str) -> InvalidIndexError:
        return InvalidIndexError(self._path, [Fault(f"services.{service.name}.{key}", problem)])


def _blobs(manifest: dict[str, Any]) -> tuple[object, ...]:
    """Return the digests that an image manifest names: configuration, then layers (OCI image specification)."""
    return (_digest(manifest.get("config")), *map(_digest, _items(manifest.get("layers"))))


def _diff_ids(config: dict[str, Any]) -> tuple[object, ...]:
    """Return the digests of the layers without compression, as a configuration names them."""
    rootfs = config.get("rootfs")
    return tuple(_items(rootfs.get("diff_ids"))) if isinstance(rootfs, dict) else ()


def _digest(blob: object) -> object:
    return blob.get("digest") if isinstance(blob, dict) else None


def _items(value: object) -> Iterable[object]:
    return value if isinstance(value, list) else ()
