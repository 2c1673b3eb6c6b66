"""Streams an image as a docker-archive, the form that both engines load: blobs as they lie on the medium.

Layers stay compressed. Each blob's last chunk is held back until the blob was checked, so an engine never gets a
complete archive with a wrong blob in it.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Callable, Iterator

from supervisor.values.bundle import BundledService
from supervisor.values.errors import DigestMismatchError
from supervisor.values.names import Digest

Chunks = Callable[[Digest], Iterator[bytes]]
Size = Callable[[Digest], int]


def docker_archive(service: BundledService, size: Size, chunks: Chunks) -> Iterator[bytes]:
    """Yield the archive of the service's image. `chunks` gives blobs that are checked while they are read."""
    blobs = tuple(dict.fromkeys((service.image, *service.layers)))
    for digest in blobs:
        length = size(digest)
        yield _header(_member(digest), length)
        yield from chunks(digest)
        yield _padding(length)
    layers = [_member(layer) for layer in service.layers]
    listing = json.dumps([{"Config": _member(service.image), "RepoTags": None, "Layers": layers}]).encode()
    yield _header("manifest.json", len(listing)) + listing + _padding(len(listing)) + bytes(2 * tarfile.BLOCKSIZE)


def verified(
    name: str, expected: str, chunks: Iterator[bytes], approve: Callable[[], None] = lambda: None
) -> Iterator[bytes]:
    """Yield `chunks`, the last of them only if all together have the digest `expected` and `approve` raises nothing.

    Raises DigestMismatchError: when they have not.
    """
    total, held = hashlib.sha256(), b""
    for chunk in chunks:
        total.update(chunk)
        if held:
            yield held
        held = chunk
    digest = f"sha256:{total.hexdigest()}"
    if digest != expected:
        raise DigestMismatchError(name, expected, digest)
    approve()
    if held:
        yield held


def _member(digest: Digest) -> str:
    return f"blobs/sha256/{digest.removeprefix('sha256:')}"


def _header(name: str, size: int) -> bytes:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o644
    return member.tobuf(tarfile.USTAR_FORMAT)


def _padding(size: int) -> bytes:
    return bytes(-size % tarfile.BLOCKSIZE)
