"""Streams an image as a docker-archive, the form that both engines load: blobs as they lie on the medium.

Layers stay compressed, but for those that a delta bundle takes from its base. Each blob's last chunk is held back until
it was checked, so an engine never gets a complete archive with a wrong blob in it.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Callable, Iterator, Sequence

from supervisor.edges.bundle.layers import Layer
from supervisor.values.bundle import blob_path
from supervisor.values.errors import DigestMismatchError
from supervisor.values.names import Digest


def docker_archive(config: Layer, layers: Sequence[Layer]) -> Iterator[bytes]:
    """Yield the archive of an image: its configuration and its layers, lowest first, packed or not."""
    for blob in {blob.digest: blob for blob in (config, *layers)}.values():
        yield _header(_member(blob.digest), blob.size)
        yield from verified(blob_path(blob.digest), blob.digest, blob.chunks())
        yield _padding(blob.size)
    members = [_member(layer.digest) for layer in layers]
    listing = json.dumps([{"Config": _member(config.digest), "RepoTags": None, "Layers": members}]).encode()
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
