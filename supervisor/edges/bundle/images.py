"""The images in a bundle: which layers each has, where these are, and what they record of packages."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial

from supervisor.edges.bundle import differences
from supervisor.edges.bundle.layers import Layer, LayerRecords, LayerSource, merged, records, unpacked
from supervisor.edges.bundle.sbom import judge
from supervisor.edges.bundle.stream import verified
from supervisor.values.bundle import BundledService, BundleIndex, LayerPatch, blob_path
from supervisor.values.errors import BundleError, Fault, InvalidIndexError, MissingFileError, SbomError
from supervisor.values.names import Digest


class BundledImages:
    """The images of a bundle whose index is trusted.

    `blob` returns a blob of the medium; `base` has the layers that a delta leaves out, None where it is none.
    """

    def __init__(
        self, path: str, index: BundleIndex, blob: Callable[[Digest], Layer], base: LayerSource | None
    ) -> None:
        self._path, self._index, self._blob, self._base = path, index, blob, base
        self._unpacked: dict[str, tuple[Digest, ...]] = {}
        self._records: dict[Digest, LayerRecords] = {}

    def digests(self, service: BundledService) -> tuple[Digest, ...]:
        """Return the digests of the unpacked layers of a service's image, lowest first, as its configuration has them.

        Raises InvalidIndexError: the image's configuration cannot be read, or has other layers than the index.
        """
        if service.name not in self._unpacked:
            at = f"services.{service.name}"
            try:
                config = b"".join(verified(blob_path(service.image), service.image, self._blob(service.image).chunks()))
                found = tuple(Digest(str(digest)) for digest in json.loads(config)["rootfs"]["diff_ids"])
            except (ValueError, LookupError, TypeError) as error:
                raise InvalidIndexError(self._path, [Fault(f"{at}.image", f"is not an image ({error!r})")]) from error
            if len(found) != len(service.layers):
                fault = Fault(f"{at}.layers", f"are {len(service.layers)}, the image has {len(found)}")
                raise InvalidIndexError(self._path, [fault])
            self._unpacked[service.name] = found
        return self._unpacked[service.name]

    def layers(self, service: BundledService) -> list[Layer]:
        """Return the layers of the service's image, lowest first, from the medium or from the base."""
        digests = self.digests(service)
        return [self._layer(service, blob, digest) for blob, digest in zip(service.layers, digests, strict=True)]

    def find(self, name: str, digest: Digest) -> Layer:
        """Return the layer that unpacks to `digest`; the image of the service `name` is looked at first.

        Raises BundleError: no image has it.
        """
        for service in sorted(self._index.services, key=lambda service: service.name != name):
            for blob, unpacks_to in zip(service.layers, self.digests(service), strict=True):
                if unpacks_to == digest:
                    return self._layer(service, blob, digest)
        raise BundleError(f"cannot find layer {digest}: no image of release {self._index.release} has it")

    def check_packages(self, service: BundledService, sbom: bytes | None) -> None:
        """Check that layers unpack to what the image's configuration says, and the bill of materials against them.

        A release without any was built before there were bills of materials. Raises BundleError: they do not, it is
        not that of the image, or others of the release have one.
        """
        for layer, digest in zip(self.layers(service), self.digests(service), strict=True):
            if digest not in self._records:
                name = f"layer {digest} of {service.name}"
                self._records[digest] = records(name, digest, unpacked(name, layer.chunks()))
        recorded = merged([self._records[digest] for digest in self.digests(service)])
        if sbom is not None:
            judge(sbom, service, recorded)
        elif recorded and any(other.sbom for other in self._index.services):
            raise SbomError(service.name, f"there is none, and the image records {len(recorded)} packages")

    def _layer(self, service: BundledService, blob: Digest, digest: Digest) -> Layer:
        if self._index.file(blob_path(blob)) is not None:
            return self._blob(blob)
        if self._base is None:
            raise MissingFileError(blob_path(blob))
        patch = self._index.patch(digest)
        if patch is None:
            return self._base.layer(service.name, digest)
        base = self._base.layer(service.name, patch.base)  # now: an engine saves no image while it loads one
        return Layer(digest, patch.size, partial(self._patched, patch, base))

    def _patched(self, patch: LayerPatch, base: Layer) -> Iterator[bytes]:
        name = blob_path(patch.patch)
        former = b"".join(verified(f"layer {patch.base}", patch.base, unpacked(name, base.chunks())))
        difference = verified(name, patch.patch, self._blob(patch.patch).chunks())
        yield from differences.apply(name, former, difference, patch.size)
