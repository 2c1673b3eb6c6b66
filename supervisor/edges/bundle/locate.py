"""A program that finds the files of an ISO 9660 medium: `python -P -m supervisor.edges.bundle.locate < MEDIUM`.

Directories are the one part of a medium that has to be understood before its signature can be checked. So they are read
in a process without rights, with little memory and little time: whoever forges a medium gets that, and not the
supervisor. It prints JSON: the path of every file with its position and its size in bytes; or what is wrong.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import struct
import sys
import time
from collections.abc import Iterator
from typing import Any, BinaryIO

import pycdlib
from pycdlib.pycdlibexception import PyCdlibException

from supervisor.edges.bundle.medium import SECTOR

_MEMORY = 512 << 20  # bytes of address space
_SECONDS = 30  # of processor time
_NOBODY = 65534
_PR_SET_NO_NEW_PRIVS = 38  # prctl(2)
_RECORD_LIMIT = 100_000  # a damaged directory can be a loop
# What pycdlib raises besides its own exceptions when directory records are damaged.
_DAMAGE = (
    OSError,
    struct.error,
    LookupError,
    ValueError,
    ArithmeticError,
    AttributeError,
    TypeError,
    RecursionError,
    MemoryError,
)


def places(stream: BinaryIO) -> dict[str, tuple[int, int]]:
    """Return the position and the size of every file by its path; ValueError when the directories are damaged."""
    iso = pycdlib.PyCdlib()
    try:
        iso.open_fp(stream)
        return dict(_walk(iso.get_record(rr_path="/"), ""))
    except (PyCdlibException, *_DAMAGE) as error:
        raise ValueError(str(error) or type(error).__name__) from error


def main() -> int:
    _give_up_rights()
    with open(0, "rb", closefd=False) as stream:
        stream.seek(0)
        try:
            found = places(stream)
        except ValueError as error:
            sys.stderr.write(f"{error}\n")
            return 1
    json.dump(found, sys.stdout)
    return 0


def _give_up_rights() -> None:
    """Nobody may not even read Python's own modules where these belong to root: load what is loaded on first use."""
    time.strptime("2025", "%Y")
    for encoding in ("ascii", "latin-1", "utf-8", "utf-16", "utf-16_be"):
        b"".decode(encoding)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    for nothing in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE, resource.RLIMIT_NPROC):
        resource.setrlimit(nothing, (0, 0))
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(_NOBODY, _NOBODY, _NOBODY)
        os.setresuid(_NOBODY, _NOBODY, _NOBODY)
    ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def _walk(folder: Any, prefix: str) -> Iterator[tuple[str, tuple[int, int]]]:
    waiting, seen = [(folder, prefix)], 0
    while waiting:
        record, path = waiting.pop()
        for child in record.children:
            if child.is_dot() or child.is_dotdot():
                continue
            seen += 1
            if seen > _RECORD_LIMIT:
                raise ValueError("too many directory records")
            if child.rock_ridge is None:
                raise ValueError("a directory record has no Rock Ridge name")
            name = path + child.rock_ridge.name().decode()
            if child.is_dir():
                waiting.append((child, name + "/"))
            else:
                yield name, (child.extent_location() * SECTOR, child.get_data_length())


if __name__ == "__main__":
    sys.exit(main())
