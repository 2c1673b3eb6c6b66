"""Layers that an engine's storage has of a release: images as it saves them, compared with the digests that are asked.

So a router needs neither the medium of a base nor a second copy of its layers on the disk. What the engine saves is
kept in files without names until it is not needed, and goes with the process.
"""

from __future__ import annotations

import hashlib
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import IO

from supervisor.edges.bundle.layers import ChunkReader, Layer, unpacked
from supervisor.values.errors import BundleError
from supervisor.values.names import Digest

RESERVE = 128 << 20  # bytes that stay free on the disk
_STEP = 1 << 20


class EngineLayers:
    """Satisfies `layers.LayerSource`.

    `save` returns the image of a service of the base as an archive (docker-archive, or OCI in a tar); None: the engine
    has none. `folder` is where layers are kept meanwhile; `services` are those of the base.
    """

    def __init__(
        self, save: Callable[[str], Iterable[bytes] | None], folder: Path, services: Sequence[str] = ()
    ) -> None:
        self._save, self._folder, self._services = save, folder, tuple(services)
        self._known: dict[Digest, tuple[IO[bytes], int]] = {}
        self._read: set[str] = set()

    def layer(self, service: str, digest: Digest) -> Layer:
        for one in (service, *self._services):  # images share layers, and a service may be new
            if digest not in self._known and one not in self._read:
                self._read.add(one)
                self._keep(one)
        if digest not in self._known:
            raise BundleError(f"cannot find layer {digest} of {service}: the engine has no image of the base with it")
        file, size = self._known[digest]
        return Layer(digest, size, partial(_chunks, file))

    def close(self) -> None:
        for file, _ in self._known.values():
            file.close()
        self._known.clear()
        self._read.clear()

    def _keep(self, service: str) -> None:
        """Keep every layer of the image: whatever its archive calls it, its digest says what it is."""
        archive = self._save(service)
        if archive is None:
            return
        try:
            with tarfile.open(fileobj=ChunkReader(iter(archive)), mode="r|") as members:  # type: ignore[call-overload]
                for member in members:
                    stream = members.extractfile(member) if member.isfile() else None
                    if stream is not None:
                        self._keep_one(member.name, member.size, stream)
        except (tarfile.TarError, EOFError, OSError) as error:
            raise BundleError(f"cannot read the image of {service} in the engine: {error}") from error

    def _keep_one(self, name: str, size: int, stream: IO[bytes]) -> None:
        if shutil.disk_usage(self._folder).free - size < RESERVE:
            raise BundleError(f"cannot read {name} of the engine: {RESERVE >> 20} MiB must stay free on the disk")
        file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 - closed with the source
        total, length = hashlib.sha256(), 0
        for chunk in unpacked(name, iter(partial(stream.read, _STEP), b"")):
            total.update(chunk)
            length += file.write(chunk)
        digest = Digest(f"sha256:{total.hexdigest()}")
        if digest in self._known:
            file.close()
        else:
            self._known[digest] = (file, length)


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    file.flush()
    position = 0
    while chunk := _read_at(file, position):
        position += len(chunk)
        yield chunk


def _read_at(file: IO[bytes], position: int) -> bytes:
    file.seek(position)
    return file.read(_STEP)
