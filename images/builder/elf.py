"""ELF files (64 bit, little endian): the loader and the libraries that a program or library needs."""

from __future__ import annotations

import struct
from dataclasses import dataclass

MAGIC = b"\x7fELF"
TRIPLETS = {62: "x86_64-linux-gnu", 183: "aarch64-linux-gnu", 243: "riscv64-linux-gnu"}
_PT_LOAD, _PT_DYNAMIC, _PT_INTERP = 1, 2, 3
_DT_NULL, _DT_NEEDED, _DT_STRTAB, _DT_RPATH, _DT_RUNPATH = 0, 1, 5, 15, 29


@dataclass(frozen=True, slots=True)
class Binary:
    """The facts of a program or library that a dynamic loader uses."""

    machine: int
    interpreter: str | None
    needed: tuple[str, ...]
    search: tuple[str, ...]


def read(content: bytes) -> Binary:
    """Return the facts of an ELF file (https://refspecs.linuxfoundation.org/elf/gabi4+/contents.html)."""
    machine = struct.unpack_from("<H", content, 18)[0]
    offset, size, count = struct.unpack_from("<Q", content, 32)[0], *struct.unpack_from("<HH", content, 54)
    segments = [struct.unpack_from("<IIQQQQ", content, offset + size * index) for index in range(count)]
    interpreter, entries = None, []
    for kind, _flags, start, _address, _physical, length in segments:
        if kind == _PT_INTERP:
            interpreter = _text(content, start)
        elif kind == _PT_DYNAMIC:
            entries = [struct.unpack_from("<qQ", content, start + 16 * index) for index in range(length // 16)]
    if (_DT_NULL, 0) in entries:
        entries = entries[: entries.index((_DT_NULL, 0))]
    strings = next((_file_offset(segments, value) for tag, value in entries if tag == _DT_STRTAB), 0)
    needed = tuple(_text(content, strings + value) for tag, value in entries if tag == _DT_NEEDED)
    search = [_text(content, strings + value) for tag, value in entries if tag in (_DT_RPATH, _DT_RUNPATH)]
    return Binary(
        machine, interpreter, needed, tuple(folder for paths in search for folder in paths.split(":") if folder)
    )


def _file_offset(segments: list[tuple[int, ...]], address: int) -> int:
    for kind, _flags, start, virtual, _physical, length in segments:
        if kind == _PT_LOAD and virtual <= address < virtual + length:
            return start + address - virtual
    return address


def _text(content: bytes, start: int) -> str:
    return content[start : content.index(b"\0", start)].decode()
