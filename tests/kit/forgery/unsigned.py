"""Mutations of the bytes of a medium, of which its owner knows nothing else."""

from __future__ import annotations

import random
from functools import partial

from tests.kit.forgery import iso
from tests.kit.forgery.draft import INDEX, SIGNATURE, Draft
from tests.kit.forgery.iso import SECTOR
from tests.kit.forgery.mutations import Expected, Kind


def flipped(draft: Draft, chance: random.Random, prefix: str, suffix: str = "") -> bytes:
    """Flip a bit of a file whose path begins and ends like this."""
    image = bytearray(draft.iso())
    files = [entry for entry in iso.records(image) if not entry.is_folder and entry.size]
    entry = chance.choice([one for one in files if one.path.startswith(prefix) and one.path.endswith(suffix)])
    image[entry.extent * SECTOR + chance.randrange(entry.size)] ^= 1 << chance.randrange(8)
    return bytes(image)


def anywhere(draft: Draft, chance: random.Random) -> bytes:
    """Overwrite one to forty bytes anywhere."""
    image = bytearray(draft.iso())
    length = chance.choice([1, 1, 1, 2, 4, 40])
    place = chance.randrange(len(image) - length)
    image[place : place + length] = chance.randbytes(length)
    return bytes(image)


def in_directories(draft: Draft, chance: random.Random) -> bytes:
    """Overwrite one to four bytes among descriptors, path tables and directories."""
    image = bytearray(draft.iso())
    end = min(entry.extent for entry in iso.records(image) if not entry.is_folder) * SECTOR
    length = chance.choice([1, 1, 2, 4])
    place = chance.randrange(iso.DESCRIPTOR, end - length)
    image[place : place + length] = chance.randbytes(length)
    return bytes(image)


def truncated(draft: Draft, chance: random.Random) -> bytes:
    image = draft.iso()
    return image[: chance.choice([chance.randrange(len(image)), SECTOR * chance.randrange(len(image) // SECTOR)])]


def sectors_swapped(draft: Draft, chance: random.Random) -> bytes:
    image = bytearray(draft.iso())
    first, second = (SECTOR * chance.randrange(16, len(image) // SECTOR) for _ in range(2))
    image[first : first + SECTOR], image[second : second + SECTOR] = (
        image[second : second + SECTOR],
        image[first : first + SECTOR],
    )
    return bytes(image)


def sector_emptied(draft: Draft, chance: random.Random) -> bytes:
    image = bytearray(draft.iso())
    place = SECTOR * chance.randrange(16, len(image) // SECTOR)
    image[place : place + SECTOR] = bytes(SECTOR)
    return bytes(image)


def file_replaced(draft: Draft, chance: random.Random) -> bytes:
    """Replace the content of a file by other bytes of the same number."""
    image = bytearray(draft.iso())
    entry = chance.choice([one for one in iso.records(image) if not one.is_folder and one.size])
    place = entry.extent * SECTOR
    image[place : place + entry.size] = chance.randbytes(entry.size)
    return bytes(image)


def padding(draft: Draft, chance: random.Random) -> bytes:
    """Write where nothing is: behind the end of a file in its last sector, before the descriptors, after the image."""
    image = bytearray(draft.iso())
    entry = chance.choice([one for one in iso.records(image) if not one.is_folder and one.size % SECTOR])
    image[entry.extent * SECTOR + entry.size] ^= 0xFF
    image[chance.randrange(16 * SECTOR)] ^= 0xFF
    return bytes(image) + chance.randbytes(chance.choice([0, 1, SECTOR]))


KINDS = (
    Kind("a bit of the index", partial(flipped, prefix=INDEX, suffix=INDEX), Expected.REFUSED, 3),
    Kind("a bit of the signature", partial(flipped, prefix=SIGNATURE), Expected.REFUSED, 2),
    Kind("a bit of a blob", partial(flipped, prefix="oci/blobs"), Expected.REFUSED, 4),
    Kind("a bit of the image layout", partial(flipped, prefix="oci/", suffix="ndex.json"), Expected.REFUSED),
    Kind("a bit of a manifest", partial(flipped, prefix="services/", suffix="manifest.yaml"), Expected.REFUSED, 2),
    Kind("a bit of a template", partial(flipped, prefix="services/", suffix=".j2"), Expected.REFUSED, 2),
    Kind("bytes anywhere", anywhere, Expected.THE_SAME, 5),
    Kind("bytes of the directories", in_directories, Expected.THE_SAME, 12),
    Kind("an end too early", truncated, Expected.REFUSED, 4),
    Kind("two sectors swapped", sectors_swapped, Expected.THE_SAME, 3),
    Kind("a sector emptied", sector_emptied, Expected.THE_SAME, 3),
    Kind("a file replaced", file_replaced, Expected.REFUSED, 2),
    Kind("bytes between files", padding, Expected.ACCEPTED, 1),
)
