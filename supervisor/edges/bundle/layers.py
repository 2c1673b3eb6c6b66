"""Layers of images: unpacked, compared with the digest that the image's configuration has of each, and looked into.

A layer may be on the medium, be what the base of a delta bundle has, or be a difference to that (`differences`).
"""

from __future__ import annotations

import hashlib
import posixpath
import re
import tarfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol, Self

from supervisor.edges.bundle.tar_scan import LayerFormError
from supervisor.edges.bundle.unpacking import Inflater
from supervisor.values.bundle import LARGEST_LAYER
from supervisor.values.errors import BundleError, DigestMismatchError
from supervisor.values.names import Digest

_BUFFER = 64 * tarfile.BLOCKSIZE
_STATUS, _STATUS_FOLDER = "var/lib/dpkg/status", "var/lib/dpkg/status.d"
_LARGEST_STATUS = 16 << 20  # bytes, of all such files of a layer
_MOST_ENTRIES = 50_000
_LARGEST_HEADER = 1 << 16  # bytes of a header that extends another one (a long name, say): it is read into memory
_EXTENSIONS = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME)
_EXTENDING = frozenset({*_EXTENSIONS, tarfile.GNUTYPE_LONGLINK, tarfile.GNUTYPE_SPARSE})
_REMOVED, _EMPTIED = ".wh.", ".wh..wh..opq"  # whiteouts: OCI image specification, layer.md

Recorded = tuple[str, str, str]
"""A package that an image records: name, version, architecture."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer as it can be given to an engine: its bytes, packed or not, and the digest and size of these bytes."""

    digest: Digest
    size: int
    chunks: Callable[[], Iterator[bytes]]


class LayerSource(Protocol):
    """Something that has layers of a release: an opened bundle, or an engine's storage."""

    def layer(self, service: str, digest: Digest) -> Layer:
        """Return the layer that unpacks to `digest`; `service` is the one whose image most likely has it.

        Raises BundleError: it has no such layer, or it cannot be read.
        """

    def close(self) -> None:
        """Release what is held; may be repeated."""


@dataclass(slots=True)
class LayerRecords:
    """The packages that one layer records, by file, and the paths that it removes from the layers below."""

    files: dict[str, tuple[Recorded, ...]] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)


def unpacked(name: str, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the tar of a layer, which may be compressed with gzip.

    Raises BundleError: when it is damaged, or unpacks to more than LARGEST_LAYER.
    """
    first = next(chunks, b"")
    if not first.startswith(b"\x1f\x8b"):
        yield from _bounded(name, _again(first, chunks))
        return
    yield from _bounded(name, _inflated(name, _again(first, chunks)))


def records(name: str, expected: Digest, chunks: Iterator[bytes]) -> LayerRecords:
    """Return the packages that a layer records, after it was read whole; `chunks` are those of its tar.

    Raises DigestMismatchError: when it has another digest than `expected`. Raises BundleError: when it is no tar.
    """
    stream = ChunkReader(chunks)
    found = LayerRecords()
    try:
        with tarfile.open(fileobj=stream, mode="r|", bufsize=_BUFFER, tarinfo=_Header) as archive:  # type: ignore[call-overload]
            room = _LARGEST_STATUS
            for number, member in enumerate(archive):
                archive.members.clear()  # it would remember all of them
                if number >= _MOST_ENTRIES:
                    raise BundleError(f"cannot accept {name}: it has more than {_MOST_ENTRIES} entries")
                path = posixpath.normpath("/" + member.name).lstrip("/")
                folder, _, base = path.rpartition("/")
                if base == _EMPTIED:
                    found.removed.add(folder + "/")
                elif base.startswith(_REMOVED):
                    found.removed.add(f"{folder}/{base.removeprefix(_REMOVED)}".lstrip("/"))
                elif member.isfile() and (path == _STATUS or folder == _STATUS_FOLDER):
                    room -= member.size
                    content = archive.extractfile(member) if room >= 0 else None
                    if content is None:
                        raise BundleError(f"cannot accept {name}: its records of packages are larger than any")
                    found.files[path] = _recorded(content.read())
    except (tarfile.TarError, ValueError, EOFError) as error:
        raise BundleError(f"cannot accept {name}: it is no tar ({error})") from error
    if (digest := stream.finished()) != expected:
        raise DigestMismatchError(name, expected, digest)
    return found


def merged(layers: list[LayerRecords]) -> frozenset[Recorded]:
    """Return the packages that an image records whose layers are these, lowest first."""
    files: dict[str, tuple[Recorded, ...]] = {}
    for layer in layers:
        files = {path: those for path, those in files.items() if not any(_is_at(path, at) for at in layer.removed)}
        files |= layer.files
    return frozenset(package for those in files.values() for package in those)


class ChunkReader:
    """A stream of chunks to read a tar from; hashes what passes."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._chunk, self._at, self._total = chunks, b"", 0, hashlib.sha256()

    def read(self, size: int) -> bytes:
        """Return the next `size` bytes; fewer at the end."""
        parts, missing = [], size
        while missing and self._has_more():
            part = self._chunk[self._at : self._at + missing]
            self._at += len(part)
            missing -= len(part)
            parts.append(part)
        return b"".join(parts)

    def finished(self) -> Digest:
        """Return the digest of all chunks; those that nobody has read are read now."""
        while self._has_more():
            self._at = len(self._chunk)
        return Digest(f"sha256:{self._total.hexdigest()}")

    def _has_more(self) -> bool:
        while self._at >= len(self._chunk):
            chunk = next(self._chunks, None)
            if chunk is None:
                return False
            self._total.update(chunk)
            self._chunk, self._at = chunk, 0
        return True


class _Header(tarfile.TarInfo):
    """A header of a tar, of which none may be large or unusual: those that extend others are read into memory."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        header = super().frombuf(buf, encoding, errors)
        if header.type in _EXTENDING and not 0 <= header.size <= _LARGEST_HEADER:
            raise BundleError(f"cannot accept a layer: a header of its tar has {header.size} bytes")
        return header


def _recorded(status: bytes) -> tuple[Recorded, ...]:
    """Return the packages of a status file that are installed; a paragraph without Status is one that is."""
    found = []
    for paragraph in re.split(r"\n\s*\n", status.decode("utf-8", "replace")):
        fields = dict(re.findall(r"^([A-Za-z-]+):[ \t]*(.*?)[ \t]*$", paragraph, re.MULTILINE))
        if "Package" in fields and fields.get("Status", "install ok installed").endswith(" installed"):
            found.append((fields["Package"], fields.get("Version", ""), fields.get("Architecture", "")))
    return tuple(found)


def _is_at(path: str, removed: str) -> bool:
    return path == removed or path.startswith(removed if removed.endswith("/") else removed + "/")


def _again(first: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from chunks


def _inflated(name: str, chunks: Iterator[bytes]) -> Iterator[bytes]:
    inflater = Inflater()
    try:
        for chunk in chunks:
            yield from inflater.feed(chunk)
    except (zlib.error, LayerFormError) as error:
        raise BundleError(f"cannot unpack {name}: {error}") from error
    if not inflater.is_whole:
        raise BundleError(f"cannot unpack {name}: it ends early")


def _bounded(name: str, chunks: Iterator[bytes]) -> Iterator[bytes]:
    total = 0
    for chunk in chunks:
        total += len(chunk)
        if total > LARGEST_LAYER:
            raise BundleError(f"cannot unpack {name}: it has more than {LARGEST_LAYER >> 20} MiB")
        yield chunk
