"""Where the structures of an ISO 9660 image lie: descriptors (ECMA-119, 8), directory records (9.1), SUSP entries.

Reads images that xorriso wrote; it believes them, so it is for tests alone.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

Image = bytes | bytearray
SECTOR = 2048
DESCRIPTOR = 16 * SECTOR  # the primary volume descriptor
PATH_TABLES = (140, 148)  # positions in the descriptor of the little-endian and the big-endian table's sector
_ROOT = DESCRIPTOR + 156


@dataclass(frozen=True, slots=True)
class Entry:
    """A directory record: where it begins, how long it is, what it means."""

    place: int
    length: int
    path: str
    extent: int  # sector
    size: int
    is_folder: bool

    @property
    def susp(self) -> int:
        """The offset in the record at which the entries of SUSP begin."""
        return self.name_offset + self.name_length + (self.name_length + 1) % 2

    name_offset = 33
    name_length: int = 0


def records(image: Image) -> list[Entry]:
    """Return the records of all files and folders but `.` and `..`, parents first."""
    return list(_below(image, _record(image, _ROOT, ""), ""))


def _below(image: Image, folder: Entry, prefix: str) -> Iterator[Entry]:
    for place in _places(image, folder):
        name = image[place + 33 : place + 33 + image[place + 32]]
        if name in (b"\0", b"\1"):
            continue
        entry = _record(image, place, prefix)
        yield entry
        if entry.is_folder:
            yield from _below(image, entry, entry.path + "/")


def dots(image: Image) -> list[Entry]:
    """Return the records `.` and `..` of all folders."""
    folders = [_record(image, _ROOT, ""), *(entry for entry in records(image) if entry.is_folder)]
    return [_record(image, place, "") for folder in folders for place in list(_places(image, folder))[:2]]


def _places(image: Image, folder: Entry) -> Iterator[int]:
    at, end = folder.extent * SECTOR, folder.extent * SECTOR + folder.size
    while at < end:
        if image[at] == 0:  # records do not cross sectors
            at = (at // SECTOR + 1) * SECTOR
            continue
        yield at
        at += image[at]


def _record(image: Image, place: int, prefix: str) -> Entry:
    length = image[place]
    (extent,), (size,) = struct.unpack_from("<I", image, place + 2), struct.unpack_from("<I", image, place + 10)
    entry = Entry(place, length, "", extent, size, bool(image[place + 25] & 2), image[place + 32])
    names = (body[1:] for kind, _, body in entries(image, entry) if kind == b"NM")
    path = prefix + b"".join(names).decode(errors="replace")
    return Entry(place, length, path, extent, size, entry.is_folder, entry.name_length)


def entries(image: Image, entry: Entry) -> Iterator[tuple[bytes, int, bytes]]:
    """Yield kind, position and body of the SUSP entries in a record (IEEE P1281, 4)."""
    at, end = entry.place + entry.susp, entry.place + entry.length
    while at + 4 <= end and image[at + 2] >= 4:
        yield bytes(image[at : at + 2]), at, bytes(image[at + 4 : at + image[at + 2]])
        at += image[at + 2]
