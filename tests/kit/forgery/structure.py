"""Mutations of descriptors and directories, by somebody who knows ISO 9660 and Rock Ridge and has no key."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from functools import partial

from supervisor.edges.bundle.directories import MOST_FILES
from tests.kit.forgery import iso
from tests.kit.forgery.draft import Draft
from tests.kit.forgery.iso import SECTOR, Entry
from tests.kit.forgery.mutations import Expected, Kind

_FIELDS = {  # of the primary volume descriptor, ECMA-119 8.4
    "its type": (0, 1),
    "its identifier": (1, 5),
    "its version": (6, 1),
    "the volume identifier": (40, 32),
    "the space size": (80, 8),
    "the set size": (120, 4),
    "the block size": (128, 4),
    "the size of the path table": (132, 8),
    "the place of the path table": (140, 4),
    "the root record": (156, 34),
    "the version of the structure": (881, 1),
}
_ODD = (0, 1, 2, 15, 16, 17, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)

Edit = Callable[[bytearray, Entry, random.Random], None]


def descriptor(draft: Draft, chance: random.Random, field: str) -> bytes:
    image = bytearray(draft.iso())
    place, length = _FIELDS[field]
    place += iso.DESCRIPTOR
    former = bytes(image[place : place + length])
    while image[place : place + length] == former:
        image[place : place + length] = chance.choice(
            [chance.randbytes(length), bytes(length), b"\xff" * length, former[::-1]]
        )
        if len(set(former)) == 1:
            image[place] ^= 1
    return bytes(image)


def no_terminator(draft: Draft, chance: random.Random) -> bytes:
    """Make the descriptor after the first one something else."""
    image = bytearray(draft.iso())
    image[iso.DESCRIPTOR + SECTOR] = chance.choice([0, 1, 2, 3, 100])
    return bytes(image)


def crowd(draft: Draft, chance: random.Random) -> bytes:
    """Add more files than any bundle may list."""
    return draft.iso(
        more={f"oci/{number:05}": b"" for number in range(MOST_FILES, 2 * MOST_FILES + chance.randrange(99))}
    )


def record(draft: Draft, chance: random.Random, edit: Edit, folders: bool | None = None) -> bytes:
    """Edit the record of a file or a folder (None: of either)."""
    image = bytearray(draft.iso())
    entries = [entry for entry in iso.records(image) if folders is None or entry.is_folder == folders]
    edit(image, chance.choice(entries), chance)
    return bytes(image)


def dot(draft: Draft, chance: random.Random) -> bytes:
    """Overwrite bytes in a `.` or `..`."""
    image = bytearray(draft.iso())
    entry = chance.choice(iso.dots(image))
    image[entry.place + chance.randrange(entry.length)] ^= 1 << chance.randrange(8)
    return bytes(image)


def path_table(draft: Draft, chance: random.Random) -> bytes:
    image = bytearray(draft.iso())
    (size,) = struct.unpack_from("<I", image, iso.DESCRIPTOR + 132)
    (sector,) = struct.unpack_from("<I", image, iso.DESCRIPTOR + iso.PATH_TABLES[0])
    image[sector * SECTOR + chance.randrange(size)] ^= 1 << chance.randrange(8)
    return bytes(image)


def _both(image: bytearray, place: int, number: int) -> None:
    """Write a number in both orders of bytes, as ECMA-119 7.3.3 wants it."""
    struct.pack_into("<I", image, place, number & 0xFFFFFFFF)
    struct.pack_into(">I", image, place + 4, number & 0xFFFFFFFF)


def _length(image: bytearray, entry: Entry, chance: random.Random) -> None:
    image[entry.place] = chance.choice([0, 1, 33, entry.length - 2, entry.length + 2, 255])


def _extent(image: bytearray, entry: Entry, chance: random.Random) -> None:
    near = entry.extent + chance.choice([-1, 1])
    _both(image, entry.place + 2, chance.choice([near, near, *_ODD]))


def _one_order(image: bytearray, entry: Entry, chance: random.Random) -> None:
    """Make the two orders of a number say different things."""
    struct.pack_into(">I", image, entry.place + chance.choice([6, 14]), chance.choice(_ODD))


def _size(image: bytearray, entry: Entry, chance: random.Random) -> None:
    near = entry.size + chance.choice([-1, 1, SECTOR])
    _both(image, entry.place + 10, chance.choice([near, near, *_ODD]))


def _flags(image: bytearray, entry: Entry, chance: random.Random) -> None:
    image[entry.place + 25] ^= 1 << chance.randrange(8)


def _name_length(image: bytearray, entry: Entry, chance: random.Random) -> None:
    image[entry.place + 32] = chance.choice([0, 1, 2, entry.length, 255])


def _overlap(image: bytearray, entry: Entry, chance: random.Random) -> None:
    """Let a record lead into another file, with that file's size or its own."""
    others = [one for one in iso.records(image) if not one.is_folder and one.extent != entry.extent]
    other = chance.choice(others)
    _both(image, entry.place + 2, other.extent)
    if chance.random() < 0.5:
        _both(image, entry.place + 10, other.size)


def _loop(image: bytearray, entry: Entry, chance: random.Random) -> None:
    """Let a folder be its own parent, or another one's place."""
    other = chance.choice(iso.dots(image))
    _both(image, entry.place + 2, other.extent)
    _both(image, entry.place + 10, other.size)


def _renamed(image: bytearray, entry: Entry, chance: random.Random) -> None:
    """Give a file another name of the same length: a way out, another case, a control, or a neighbour's name."""
    for kind, at, body in iso.entries(image, entry):
        if kind != b"NM" or len(body) < 2:
            continue
        name = body[1:]
        ways = [
            (b"../" * len(name))[: len(name)],
            (b"/" + name)[: len(name)],
            name.swapcase(),
            bytes([chance.randrange(32)]) + name[1:],
            name[:-1] + b"\xff",
            *(n for n in _names(image, len(name)) if n != name),
        ]
        image[at + 5 : at + 5 + len(name)] = chance.choice(ways)


def _names(image: bytearray, length: int) -> list[bytes]:
    found = [one.path.rpartition("/")[2].encode() for one in iso.records(image)]
    return [name for name in found if len(name) == length]


def _rock_ridge(image: bytearray, entry: Entry, chance: random.Random) -> None:
    """Spoil a SUSP entry: its kind, its length, its flags or its body."""
    _, at, body = chance.choice(list(iso.entries(image, entry)))
    match chance.randrange(5):
        case 0:
            image[at : at + 2] = chance.choice([b"SL", b"CL", b"PL", b"RE", b"CE", b"SP", b"ST", b"ER", b"SF", b"ZZ"])
        case 1:
            image[at + 2] = chance.choice([0, 1, 3, 4, 5, image[at + 2] - 1, image[at + 2] + 1, 255])
        case 2:
            image[at + 3] ^= 1 << chance.randrange(8)
        case 3:
            image[at + 4] ^= 1 << chance.randrange(8)
        case _:
            image[at + 4 : at + 4 + len(body)] = chance.randbytes(len(body))


def _link(image: bytearray, entry: Entry, chance: random.Random) -> None:
    """Let the mode of a file be that of a link, a device or a queue (RRIP, `PX`)."""
    for kind, at, _ in iso.entries(image, entry):
        if kind == b"PX":
            mode = chance.choice([0o120777, 0o060600, 0o020600, 0o010600, 0o140600])
            _both(image, at + 4, mode)


def _continued(image: bytearray, entry: Entry, chance: random.Random) -> None:
    """Turn an entry into a continuation that leads to itself, beyond the end, or into a file."""
    for kind, at, body in iso.entries(image, entry):
        if kind == b"TF" and len(body) >= 24:
            image[at : at + 2] = b"CE"
            sector = chance.choice([entry.place // SECTOR, 0xFFFFFF, entry.extent])
            for place, number in ((4, sector), (12, entry.place % SECTOR), (20, chance.choice([28, 254, SECTOR]))):
                _both(image, at + place, number)


EDITS: dict[str, tuple[Edit, bool | None, int]] = {
    "the length of a record": (_length, None, 2),
    "the place of a file": (_extent, False, 3),
    "the place of a folder": (_extent, True, 2),
    "the size of a file": (_size, False, 3),
    "the size of a folder": (_size, True, 2),
    "a number in one order only": (_one_order, None, 2),
    "the flags of a record": (_flags, None, 2),
    "the length of a name": (_name_length, None, 1),
    "a file in another file": (_overlap, False, 3),
    "a folder in a folder": (_loop, True, 3),
    "another name": (_renamed, None, 5),
    "Rock Ridge": (_rock_ridge, None, 5),
    "a link, a device or a queue": (_link, False, 2),
    "a continuation": (_continued, None, 2),
}

KINDS = (
    *(Kind(field, partial(descriptor, field=field), Expected.THE_SAME) for field in _FIELDS),
    Kind("a crowd of files", crowd, Expected.REFUSED),
    Kind("no last descriptor", no_terminator, Expected.THE_SAME),
    Kind("a dot", dot, Expected.THE_SAME, 2),
    Kind("the path table", path_table, Expected.THE_SAME, 2),
    *(
        Kind(name, partial(record, edit=edit, folders=folders), Expected.THE_SAME, weight)
        for name, (edit, folders, weight) in EDITS.items()
    ),
)
