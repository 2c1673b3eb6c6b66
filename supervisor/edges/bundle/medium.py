"""Files of an ISO 9660 medium, read from a file or block device without a mount; the lowest step of the bundle edge.

A process without rights finds the files once; afterwards they are read by position, so that several readers do not
disturb each other and a medium that ends early is noticed (pycdlib returns fewer bytes and no error).
"""

from __future__ import annotations

import errno
import os
import stat
import struct
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from supervisor.edges.bundle.directories import SECTOR, Places, find_files
from supervisor.values.bundle import VOLUME_ID
from supervisor.values.errors import BundleError, MissingFileError, NoMediumError, NotABundleError, TruncatedBundleError

CHUNK = 1 << 20
_DESCRIPTOR = 16 * SECTOR  # the primary volume descriptor, ECMA-119 8.4


class Medium:
    """An opened medium with the right volume id, as long as its descriptor claims.

    Raises NotABundleError: when it is none of ours; NoMediumError: when the drive is empty; TruncatedBundleError: when
    it is shorter than it claims.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            if not _may_be_opened(path):
                raise NotABundleError(str(path), "it is neither a file nor a block device")
            self._handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            if error.errno == errno.ENOMEDIUM:
                raise NoMediumError(str(path)) from error
            raise NotABundleError(str(path), error.strerror or str(error)) from error
        try:
            self._check_descriptor()
            self._places = self._locate()
        except BaseException:
            self.close()
            raise

    def files(self) -> tuple[str, ...]:
        """Return the path of every file, sorted."""
        return tuple(sorted(self._places))

    def size(self, name: str) -> int:
        """Return a file's size in bytes. Raises MissingFileError: when there is no such file."""
        return self._place(name)[1]

    def read(self, name: str) -> bytes:
        """Return a file's content. Raises as `chunks` does."""
        return b"".join(self.chunks(name))

    def chunks(self, name: str) -> Iterator[bytes]:
        """Yield a file's content.

        Raises MissingFileError: when there is no such file; TruncatedBundleError: when the medium ends first.
        """
        offset, size = self._place(name)
        done = 0
        while done < size:
            chunk = self._read_at(offset + done, min(CHUNK, size - done))
            if not chunk:
                raise TruncatedBundleError(f"{name} on {self.path}", size, done)
            done += len(chunk)
            yield chunk

    def close(self) -> None:
        """Close the medium; may be repeated."""
        if self._handle >= 0:
            handle, self._handle = self._handle, -1  # first: a verification that was broken off may still read
            os.close(handle)

    def __enter__(self) -> Medium:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _place(self, name: str) -> tuple[int, int]:
        if name not in self._places:
            raise MissingFileError(name)
        return self._places[name]

    def _check_descriptor(self) -> None:
        descriptor = self._read_at(_DESCRIPTOR, SECTOR)
        if descriptor[:6] != b"\x01CD001":
            raise NotABundleError(str(self.path), "it is not an ISO 9660 medium")
        if len(descriptor) < SECTOR:
            raise TruncatedBundleError(str(self.path), _DESCRIPTOR + SECTOR, _DESCRIPTOR + len(descriptor))
        volume = descriptor[40:72].decode("ascii", "replace").rstrip()
        if volume != VOLUME_ID:
            raise NotABundleError(str(self.path), f"its volume id is {volume!r}, not {VOLUME_ID!r}")
        self._expected: int = struct.unpack_from("<I", descriptor, 80)[0] * SECTOR
        length = os.lseek(self._handle, 0, os.SEEK_END)
        if length < self._expected:
            raise TruncatedBundleError(str(self.path), self._expected, length)

    def _locate(self) -> Places:
        places = find_files(str(self.path), self._handle)
        for name, (offset, size) in places.items():
            if offset + size > self._expected:
                raise TruncatedBundleError(f"{name} on {self.path}", size, max(0, self._expected - offset))
        return places

    def _read_at(self, offset: int, length: int) -> bytes:
        try:
            return os.pread(self._handle, length, offset)
        except OSError as error:
            raise BundleError(f"cannot read {self.path} at {offset}: {error.strerror}") from error


def _may_be_opened(path: Path) -> bool:
    """True if opening it ends: a pipe waits for whoever writes to it, and a line for a carrier."""
    mode = path.stat().st_mode
    return not stat.S_ISFIFO(mode) and not stat.S_ISCHR(mode)
