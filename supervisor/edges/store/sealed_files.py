"""Encrypts files that were laid aside as a whole: they may have secrets in clear, and no rows that could be written.

Such a file is a mark, the ids of the keys of what is inside, an empty line, and an id of 16 bytes; then pieces of the
content, each with its length (4 bytes, big-endian) and a value of `sealing` whose place has the file's id and a number.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from supervisor.edges.store.copies import refuse_without_room
from supervisor.edges.store.keyring import KeyRing
from supervisor.edges.store.sealing import IDENTITY, VALUE, ForgedError, Key, key_id
from supervisor.values.errors import StateError

_MARK = b"vr-supervisor sealed file 1\n"
_PIECE_BYTES = 1 << 20
_FILE_ID_BYTES = 16
_USED = re.compile(b"(?:" + re.escape(VALUE) + b"|" + re.escape(IDENTITY) + b")(.{8})", re.DOTALL)


def is_sealed(path: Path) -> bool:
    """Return True if a file is encrypted as a whole. Raises OSError: it cannot be read."""
    with path.open("rb") as file:
        return file.read(len(_MARK)) == _MARK


def seal_file(key: Key, path: Path) -> None:
    """Replace a file by its encrypted form, which has the same name, synced.

    Raises StateError, OSError: it cannot be read or written; the file is unchanged, and nothing is beside it.
    """
    refuse_without_room(path, f"encrypt {path}")
    fresh = path.with_name(path.name + ".new")
    used = sorted(keys_used(path))
    file_id = os.urandom(_FILE_ID_BYTES)
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "wb") as target, path.open("rb") as source:
            target.write(_MARK + b"".join(VALUE + identity for identity in used) + b"\n" + file_id)
            for number, (piece, is_last) in enumerate(_pieces(source)):
                record = key.seal(_place(file_id, number, is_last=is_last), piece)
                target.write(len(record).to_bytes(4, "big") + record)
            target.flush()
            os.fsync(target.fileno())
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def open_file(ring: KeyRing, path: Path, target: BinaryIO) -> None:
    """Write the content of a sealed file.

    Raises StateError: it is not one, was changed, or ends early; SecretKeyError: its key is not here.
    """
    with path.open("rb") as source:
        if source.read(len(_MARK)) != _MARK:
            raise StateError(f"cannot decrypt {path}: it is no file that the supervisor encrypted")
        while (begin := source.read(1)) not in (b"\n", b""):
            source.seek(len(VALUE) - len(begin) + 8, os.SEEK_CUR)
        file_id = source.read(_FILE_ID_BYTES)
        number, is_last = 0, False
        while not is_last:
            record = source.read(int.from_bytes(source.read(4), "big"))
            try:
                piece, is_last = _opened(ring, file_id, number, record)
            except ForgedError as error:
                raise StateError(f"cannot decrypt {path}: it was changed, or is not whole") from error
            target.write(piece)
            number += 1


def keys_used(path: Path) -> frozenset[bytes]:
    """Return the ids of the keys that something in a file is encrypted with. Raises OSError: it cannot be read."""
    found: set[bytes] = set()
    with path.open("rb") as file:
        rest = b""
        while piece := file.read(_PIECE_BYTES):
            found.update(_USED.findall(rest + piece))
            rest = piece[-(len(VALUE) + 7) :]
    return frozenset(found)


def _opened(ring: KeyRing, file_id: bytes, number: int, record: bytes) -> tuple[bytes, bool]:
    """Return a piece, and whether it is the last one. Raises ForgedError, SecretKeyError."""
    if key_id(record) is None:
        raise ForgedError("the file ends early")
    key = ring.key_of(record)
    try:
        return key.open(_place(file_id, number, is_last=False), record), False
    except ForgedError:
        return key.open(_place(file_id, number, is_last=True), record), True


def _place(file_id: bytes, number: int, *, is_last: bool) -> str:
    return f"file/{file_id.hex()}/{number}{'/end' if is_last else ''}"


def _pieces(source: BinaryIO) -> Iterator[tuple[bytes, bool]]:
    """Yield the pieces of a file, each with whether it is the last one; an empty file has one."""
    piece = source.read(_PIECE_BYTES)
    while True:
        after = source.read(_PIECE_BYTES)
        yield piece, not after
        if not after:
            return
        piece = after
