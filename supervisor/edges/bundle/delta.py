"""The layers of a delta bundle: what its base lacks, as differences to what the base has where these are smaller."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from supervisor.edges.bundle import differences
from supervisor.edges.bundle.layers import unpacked
from supervisor.edges.bundle.reader import Bundle
from supervisor.values.bundle import LARGEST_LAYER, BundledService, LayerPatch, blob_path
from supervisor.values.errors import BundleBuildError
from supervisor.values.names import Digest

_WORTH_IT = 0.9  # of the size of the whole layer: a difference saves at least the rest


@dataclass(frozen=True, slots=True)
class NewLayer:
    """A blob that the bundle has for a layer: the layer itself, or with `patch` the difference that gives it."""

    digest: Digest
    content: Path | bytes
    patch: LayerPatch | None = None


class NewLayers:
    """Determines the blobs for the layers of a bundle: `base` None means that all of them go along whole."""

    def __init__(self, images: Path, base: Bundle | None) -> None:
        self._images, self._base = images, base
        self._held = {one.name: base.images.digests(one) for one in base.index.services} if base else {}
        self._known: dict[Digest, NewLayer] = {}  # by the digest of the unpacked layer: images share some

    def of(self, service: BundledService) -> Iterator[NewLayer]:
        """Yield the blobs for those layers of the service's image that the base lacks.

        Raises BundleBuildError: the image cannot be read.
        """
        if self._base is None:
            yield from (NewLayer(blob, self._place(blob)) for blob in service.layers)
            return
        try:
            config = json.loads(self._place(service.image).read_bytes())
            digests = [Digest(digest) for digest in config["rootfs"]["diff_ids"]]
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise BundleBuildError(f"cannot bundle {service.name}: {error!r} in its image's configuration") from error
        former = self._held.get(service.name, ())
        for number, (blob, digest) in enumerate(zip(service.layers, digests, strict=True)):
            if any(digest in held for held in self._held.values()):
                continue
            if digest not in self._known:
                patch = self._difference(service.name, blob, digest, former[number]) if number < len(former) else None
                self._known[digest] = patch or NewLayer(blob, self._place(blob))
            yield self._known[digest]

    def _difference(self, service: str, blob: Digest, digest: Digest, former: Digest) -> NewLayer | None:
        assert self._base is not None
        packed = self._place(blob).read_bytes()
        content = b"".join(unpacked(blob_path(blob), iter([packed])))
        layer = self._base.layer(service, former)
        before = b"".join(unpacked(str(former), layer.chunks()))
        if max(len(content), len(before)) > LARGEST_LAYER:
            return None
        patch = differences.make(before, content)
        if len(patch) > len(packed) * _WORTH_IT:
            return None
        name = Digest(f"sha256:{hashlib.sha256(patch).hexdigest()}")
        return NewLayer(name, patch, LayerPatch(digest, former, name, len(content)))

    def _place(self, blob: Digest) -> Path:
        return self._images / blob_path(blob)
