"""The way in: a bundle is opened, its signature and index are checked, and only then is anything taken from it."""

from __future__ import annotations

import platform
import re
from collections.abc import Callable, Collection, Iterator
from functools import partial
from pathlib import Path
from types import TracebackType

import supervisor
from supervisor.decisions.release_identity import identity_of_index
from supervisor.edges.bundle import index as index_file
from supervisor.edges.bundle.definition import definition_digest, listing_digest
from supervisor.edges.bundle.images import BundledImages
from supervisor.edges.bundle.layers import Layer, LayerSource
from supervisor.edges.bundle.measured_images import MeasuredImages
from supervisor.edges.bundle.medium import Medium
from supervisor.edges.bundle.papers import SIGNATURE, papers_of
from supervisor.edges.bundle.stream import docker_archive, verified
from supervisor.edges.trust.judging import Judge, PlainFolder
from supervisor.edges.trust.papers import INDEX, is_paper
from supervisor.values.bundle import BundledService, BundleIndex, blob_path
from supervisor.values.errors import (
    DigestMismatchError,
    MissingBaseError,
    MissingFileError,
    OtherArchitectureError,
    SupervisorTooOldError,
    UnknownServiceError,
    UnlistedFileError,
)
from supervisor.values.names import Digest
from supervisor.values.trust import Judgement

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}

Report = Callable[[int, int], None]
"""Called with the bytes read so far and all there are."""


class Bundle:
    """An opened bundle whose index is trusted. Its files are hashed whenever they are read. Close it, or use `with`."""

    def __init__(self, medium: Medium, index: BundleIndex, judgement: Judgement, base: LayerSource | None) -> None:
        self._medium, self._base = medium, base
        self.index, self.judgement = index, judgement
        self.images = BundledImages(str(medium.path), index, self._blob, base)
        self._measured = MeasuredImages(str(medium.path), index, self.images, self._blob)

    @classmethod
    def open(
        cls,
        path: Path,
        trust: Path | Judge,
        *,
        base: LayerSource | None = None,
        architecture: str | None = None,
        supervisor_version: str = supervisor.__version__,
    ) -> Bundle:
        """Open the ISO in a file or block device. Every way this can fail is a BundleError of its own type.

        A delta bundle needs `base`, the layers of the release that it leaves blobs out of. A base that is a bundle has
        to be that very release; of another one (an engine's storage) the caller has made sure.
        """
        medium = Medium(path)
        try:
            index, judgement = _trusted_index(medium, trust)
            _check_fit(str(path), index, architecture or host_architecture(), supervisor_version)
            _check_files(medium, index)
            if index.base is not None:
                _check_base(index, index.base, base)
            return cls(medium, index, judgement, base)
        except BaseException:
            medium.close()
            raise

    @property
    def path(self) -> Path:
        return self._medium.path

    @property
    def signer(self) -> str:
        """The names of the keys that signed the release, as one text."""
        return ", ".join(key.name for key in self.judgement.signing.keys)

    def verify_all(self, report: Report | None = None) -> None:
        """Hash every file, and check that images and definitions are those of the index.

        Layers are unpacked to nowhere, those that a base has too.
        """
        total, done = sum(file.size for file in self.index.files), 0
        for file in self.index.files:
            for chunk in verified(file.path, f"sha256:{file.sha256}", self._medium.chunks(file.path)):
                done += len(chunk)
                if report:
                    report(done, total)
        for service in self.index.services:
            self._check_definition(service)
            self._measured.check(service)
            self.images.check_packages(service, self.sbom(service.name))

    def room(self, services: Collection[str]) -> int:
        """Return the bytes of disk that loading the images of these services takes; see `MeasuredImages.room`."""
        return self._measured.room(services)

    def image_stream(self, service: str) -> Iterator[bytes]:
        """Yield the service's image as a docker-archive; its id in an engine will be `index.service(service).image`."""
        bundled = self._service(service)
        return docker_archive(self._blob(bundled.image), self._measured.layers(bundled))

    def sbom(self, service: str) -> bytes | None:
        """Return the bill of materials of the service's image; None: the bundle has none."""
        digest = self._service(service).sbom
        return b"".join(verified(blob_path(digest), digest, self._blob(digest).chunks())) if digest else None

    def layer(self, service: str, digest: Digest) -> Layer:
        """Return the layer that unpacks to `digest`, whichever image has it. Raises BundleError: none has it."""
        return self.images.find(service, digest)

    def definition(self, service: str) -> dict[str, bytes]:
        """Return the files of the service's definition by their path below `services/<name>/`."""
        bundled = self._service(service)
        prefix = f"services/{service}/"
        files = {
            file.path.removeprefix(prefix): b"".join(
                verified(file.path, f"sha256:{file.sha256}", self._medium.chunks(file.path))
            )
            for file in self.index.files
            if file.path.startswith(prefix)
        }
        if (digest := definition_digest(files)) != bundled.definition:
            raise DigestMismatchError(prefix, bundled.definition, digest)
        return files

    def close(self) -> None:
        """Close the bundle and the base that it was opened with; may be repeated."""
        self._medium.close()
        if self._base is not None:
            self._base.close()

    def __enter__(self) -> Bundle:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _service(self, name: str) -> BundledService:
        service = self.index.service(name)
        if service is None:
            raise UnknownServiceError(name, [service.name for service in self.index.services])
        return service

    def _check_definition(self, service: BundledService) -> None:
        prefix = f"services/{service.name}/"
        sums = {
            file.path.removeprefix(prefix): file.sha256 for file in self.index.files if file.path.startswith(prefix)
        }
        if (digest := listing_digest(sums)) != service.definition:
            raise DigestMismatchError(prefix, service.definition, digest)

    def _blob(self, digest: Digest) -> Layer:
        path = blob_path(digest)
        return Layer(digest, self._medium.size(path), partial(self._medium.chunks, path))


def host_architecture() -> str:
    """Return this machine's architecture in the words of images."""
    machine = platform.machine()
    return _ARCHITECTURES.get(machine, machine)


def _trusted_index(medium: Medium, trust: Path | Judge) -> tuple[BundleIndex, Judgement]:
    """Return the index and who signed it; `trust` is a folder of keys, or what judges in its place."""
    path, papers = str(medium.path), papers_of(medium)
    judgement = (PlainFolder(trust) if isinstance(trust, Path) else trust).judge(path, papers)
    return index_file.decode(papers.index, path), judgement


def _check_base(index: BundleIndex, release: str, base: LayerSource | None) -> None:
    found = identity_of_index(base.index) if isinstance(base, Bundle) else index.base_identity
    if base is None or (isinstance(base, Bundle) and base.index.release != release):
        raise MissingBaseError(index.release, release, index.base_identity)
    if found != index.base_identity:
        raise MissingBaseError(index.release, release, index.base_identity, found)


def _check_fit(path: str, index: BundleIndex, architecture: str, supervisor_version: str) -> None:
    if index.architecture != architecture:
        raise OtherArchitectureError(path, index.architecture, architecture)
    if _numbers(index.supervisor_minimum) > _numbers(supervisor_version):
        raise SupervisorTooOldError(path, index.supervisor_minimum, supervisor_version)


def _check_files(medium: Medium, index: BundleIndex) -> None:
    """Check that the medium has the files that the index lists, in the right sizes, and no others."""
    listed = {file.path: file.size for file in index.files}
    present = {name for name in medium.files() if name not in (INDEX, SIGNATURE) and not is_paper(name)}
    for name in sorted(set(listed) - present):
        raise MissingFileError(name)
    for name in sorted(present - set(listed)):
        raise UnlistedFileError(name)
    for name, size in listed.items():
        if medium.size(name) != size:
            raise DigestMismatchError(name, f"{size} bytes", f"{medium.size(name)} bytes")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])
