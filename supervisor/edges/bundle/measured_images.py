"""The images of a bundle judged whole, and the room that they take, before an engine gets any of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

from supervisor.documents import DocumentError, read_json
from supervisor.edges.bundle.images import BundledImages
from supervisor.edges.bundle.layers import Layer
from supervisor.edges.bundle.stream import verified
from supervisor.edges.bundle.tar_scan import BLOCK
from supervisor.edges.bundle.unpacking import Unpacked, UnpackMeter, metered
from supervisor.values.bundle import ENTRY_BYTES, BundledService, BundleIndex, blob_path, most_unpacked
from supervisor.values.errors import Fault, InvalidIndexError, LayerRefusedError, OtherArchitectureError
from supervisor.values.names import Digest


class MeasuredImages:
    """The images of an opened bundle, wherever their layers come from; `path` is the bundle's name in errors."""

    def __init__(self, path: str, index: BundleIndex, images: BundledImages, blob: Callable[[Digest], Layer]) -> None:
        self._path, self._index, self._images, self._blob = path, index, images, blob
        self._measured: dict[Digest, Unpacked] = {}  # by the digest in the index

    def layers(self, service: BundledService) -> list[Layer]:
        """Return the layers of the service's image. One that was not measured is, as it is read.

        Its chunks raise DigestMismatchError, LayerRefusedError; the last one is held back then.
        """
        found = zip(service.layers, self._images.layers(service), strict=True)
        return [layer if blob in self._measured else self._metered(blob, layer) for blob, layer in found]

    def check(self, service: BundledService) -> None:
        """Check that the image's configuration (machine, layers) and manifest (blobs) are those of the index.

        Its layers are measured unless they were. Raises InvalidIndexError, OtherArchitectureError, DigestMismatchError,
        LayerRefusedError.
        """
        manifest, config = self._document(service, service.image_manifest), self._document(service, service.image)
        if _blobs(manifest) != (service.image, *service.layers):
            raise self._invalid(service, "manifest", "names other blobs than the index")
        if (architecture := config.get("architecture")) != self._index.architecture:
            raise OtherArchitectureError(
                f"the image of {service.name}", str(architecture)[:80], self._index.architecture
            )
        if len(_diff_ids(config)) != len(service.layers):
            raise self._invalid(service, "image", "has another number of layers than the index")
        for blob, layer in zip(service.layers, self.layers(service), strict=True):
            if blob not in self._measured:
                for _ in layer.chunks():
                    pass
        if _diff_ids(config) != tuple(self._measured[blob].diff_id for blob in service.layers):
            raise self._invalid(service, "image", "names other layers than those that its blobs unpack to")

    def room(self, services: Collection[str]) -> int:
        """Return the bytes of disk that loading these images takes, as far as the index or a measurement knows it.

        What stays are their layers, each once. While an image is loaded, engines have its archive too, and its layers
        a second time (Podman: containers/image `docker/internal/tarfile`, `storage`; both below TMPDIR).
        """
        wanted = [service for service in self._index.services if service.name in services]
        stays = sum(self._room(layer) for layer in {layer for service in wanted for layer in service.layers})
        passes = (sum(self._size(layer) + self._room(layer) for layer in service.layers) for service in wanted)
        return stays + max(passes, default=0)

    def _metered(self, blob: Digest, layer: Layer) -> Layer:
        file = self._index.file(blob_path(blob))
        stated = file.unpacked if file else None
        name = blob_path(blob) if file else f"layer {layer.digest}"
        # What a base or a difference gives is not compressed: it cannot grow but by the room of its entries.
        limit = file.most_unpacked if file else max(most_unpacked(0), layer.size // BLOCK * (BLOCK + ENTRY_BYTES))

        def chunks() -> Iterator[bytes]:
            meter = UnpackMeter(name, limit)

            def approve() -> None:
                unpacked = meter.finish()
                if stated not in (None, unpacked.size):
                    raise LayerRefusedError(name, f"it unpacks to {unpacked.size} bytes, the index says {stated}")
                self._measured[blob] = unpacked

            return verified(name, layer.digest, metered(layer.chunks(), meter), approve)

        return Layer(layer.digest, layer.size, chunks)

    def _size(self, blob: Digest) -> int:
        """Return the size of a layer as an engine gets it; as it comes out if it is not on the medium."""
        file = self._index.file(blob_path(blob))
        return file.size if file else self._room(blob)

    def _room(self, blob: Digest) -> int:
        known, file = self._measured.get(blob), self._index.file(blob_path(blob))
        return known.size if known else (file.unpacked if file else 0) or 0

    def _document(self, service: BundledService, digest: Digest) -> Any:
        try:
            content = b"".join(verified(blob_path(digest), digest, self._blob(digest).chunks()))
            document = read_json(content, refuses_twins=True)
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
