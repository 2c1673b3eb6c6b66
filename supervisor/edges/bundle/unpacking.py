"""Measures what a layer unpacks to before and while an engine gets it: a small file can become one that fills the disk.

Memory stays the same however much comes out (zlib manual: `decompress` with `max_length`), and reading ends at the
first byte too many.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from supervisor.edges.bundle.tar_scan import LayerFormError, TarScan
from supervisor.values.bundle import ENTRY_BYTES
from supervisor.values.errors import LayerRefusedError
from supervisor.values.names import Digest

_PIECE = 256 * 1024
_BITE = 16 * 1024  # of compressed data: what is left after a gzip member is copied for each of them
_MOST_MEMBERS = 100_000  # of a gzip file (RFC 1952, 2.2); each costs time and may have no content
_GZIP = b"\x1f\x8b"
_OTHERS = {b"\x28\xb5\x2f\xfd": "zstd", b"\xfd7zX": "xz", b"BZh": "bzip2"}
_AS_GZIP = zlib.MAX_WBITS | 16


@dataclass(frozen=True, slots=True)
class Unpacked:
    """A layer as it comes out: `size` is the room that it takes (see `values.bundle.BundleFile.unpacked`)."""

    size: int
    diff_id: Digest


class Inflater:
    """Unpacks a gzip file of one member or several (RFC 1952, 2.2), in pieces of bounded length."""

    def __init__(self) -> None:
        self._members = 0
        self._decoder = zlib.decompressobj(_AS_GZIP)

    @property
    def is_whole(self) -> bool:
        """True if what was fed ends with a member."""
        return self._decoder.eof

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what the next bytes come to. Raises zlib.error, LayerFormError: they are no such file."""
        for start in range(0, len(data), _BITE):
            rest = data[start : start + _BITE]
            while rest:
                if self._decoder.eof:
                    self._members += 1
                    if self._members > _MOST_MEMBERS:
                        raise LayerFormError(f"it has more than {_MOST_MEMBERS} gzip members")
                    self._decoder = zlib.decompressobj(_AS_GZIP)
                yield from self._member(rest)
                rest = self._decoder.unused_data

    def _member(self, data: bytes) -> Iterator[bytes]:
        """Yield what the data come to, up to the end of the member."""
        while True:
            piece = self._decoder.decompress(data, _PIECE)
            data = self._decoder.unconsumed_tail
            yield piece
            if self._decoder.eof or (not data and len(piece) < _PIECE):
                return


class UnpackMeter:
    """Feed it a layer's bytes as they lie on the medium, then call `finish`.

    `limit` is in bytes of room; `name` is the layer's in errors. A layer that takes more is refused at once, and what
    is wrong otherwise at the end: where the medium is damaged, its digest says so better.
    """

    def __init__(self, name: str, limit: int) -> None:
        self._name, self._limit = name, limit
        self._scan, self._digest = TarScan(), hashlib.sha256()
        self._length = 0
        self._head = b""  # until it shows how the layer is compressed
        self._is_plain: bool | None = None
        self._inflater = Inflater()
        self._fault = ""

    def feed(self, chunk: bytes) -> None:
        """Take in the next bytes. Raises LayerRefusedError: the layer takes more room than it may."""
        if self._fault:
            return
        try:
            self._feed(chunk)
        except zlib.error as error:
            self._fault = f"it cannot be unpacked ({error})"
        except LayerFormError as error:
            self._fault = str(error)

    def _feed(self, chunk: bytes) -> None:
        if self._is_plain is None:
            self._head += chunk
            if len(self._head) < len(b"four"):
                return
            self._is_plain = not self._head.startswith(_GZIP)
            for mark, word in _OTHERS.items():
                if self._head.startswith(mark):
                    raise LayerFormError(f"it is compressed with {word}; gzip is read, or none")
            chunk, self._head = self._head, b""
        if self._is_plain:
            self._take(chunk)
        else:
            for piece in self._inflater.feed(chunk):
                self._take(piece)

    def finish(self) -> Unpacked:
        """Return what the layer comes to.

        Raises LayerRefusedError: it is compressed in a way that not all engines know, damaged, or no archive that may
        be unpacked.
        """
        is_whole = self._is_plain or (self._inflater.is_whole and self._is_plain is not None)
        try:
            if self._fault or not is_whole:
                raise LayerFormError(self._fault or "it ends in the middle")
            self._scan.finish()
        except LayerFormError as error:
            raise LayerRefusedError(self._name, str(error)) from error
        return Unpacked(self._room, Digest(f"sha256:{self._digest.hexdigest()}"))

    @property
    def _room(self) -> int:
        return self._length + self._scan.entries * ENTRY_BYTES

    def _take(self, piece: bytes) -> None:
        self._length += len(piece)
        self._digest.update(piece)
        self._scan.feed(piece)
        if self._room > self._limit:
            raise LayerRefusedError(self._name, f"it unpacks to more than {self._limit} bytes")


def metered(chunks: Iterable[bytes], meter: UnpackMeter) -> Iterator[bytes]:
    """Yield the chunks of a layer, each after the meter has seen what it unpacks to. Raises LayerRefusedError."""
    for chunk in chunks:
        meter.feed(chunk)
        yield chunk
