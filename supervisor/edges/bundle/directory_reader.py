"""A program that finds the files of an ISO 9660 medium: `python -P -m supervisor.edges.bundle.directory_reader < ISO`.

Directories are the one part of a medium that has to be understood before its signature can be checked. So they are read
in a process without rights, with little memory and little time: whoever forges a medium gets that, and not the
supervisor. It prints JSON: the path of every file with its position and its size in bytes. Where the directories are
damaged it prints what is wrong and ends with EX_DATAERR (sysexits.h).
"""

from __future__ import annotations

import codecs
import ctypes
import json
import os
import resource
import signal
import stat
import struct
import sys
import time
from collections.abc import Iterator
from typing import Any, BinaryIO

import pycdlib
from pycdlib.pycdlibexception import PyCdlibException

from supervisor.edges.bundle.directories import LONGEST_PATH, MOST_BYTES, MOST_FILES, SECTOR

_MEMORY = 128 << 20  # bytes of address space; 64 MiB are enough for a real one
_SECONDS = 4  # of processor time; a real one takes a quarter of a second
_LONGEST_SECONDS = 60  # of any time: a slow device is waited for no longer, whatever became of who asked
_NOBODY = 65533  # reserved, and of nobody: processes of one user may trace each other, and containers run as 65534
_CLONE_NEWNET, _CLONE_NEWIPC = 0x40000000, 0x08000000  # clone(2)
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38  # prctl(2)
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
    """Return the position and the size of every file by its path.

    Raises ValueError: when the directories are damaged.
    """
    iso = pycdlib.PyCdlib()
    try:
        iso.open_fp(stream)
        return _without_twins(_walk(iso.get_record(rr_path="/"), ""))
    except (PyCdlibException, *_DAMAGE) as error:
        raise ValueError(str(error) or type(error).__name__) from error


def main() -> int:
    give_up_rights()
    with open(0, "rb", closefd=False) as stream:
        stream.seek(0)
        try:
            files = places(stream)
        except ValueError as error:
            sys.stdout.write(str(error))
            return os.EX_DATAERR
    json.dump(files, sys.stdout)
    return 0


def give_up_rights() -> None:
    """Give up, for good, everything that reading does not need.

    Raises OSError: when the kernel refuses; then nothing is read.
    """
    time.strptime("2025", "%Y")  # loaded on first use, from files that may belong to root alone
    for encoding in ("ascii", "latin-1", "utf-8", "utf-16", "utf-16_be"):
        codecs.lookup(
            encoding
        )  # not by decoding nothing: that looks up nothing, and a medium with Joliet needs them all
    signal.alarm(_LONGEST_SECONDS)
    with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write("1000")  # before any service
    for limited, most in (
        (resource.RLIMIT_AS, _MEMORY),
        (resource.RLIMIT_FSIZE, MOST_BYTES),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, 0),
    ):
        resource.setrlimit(limited, (most, most))
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS + 1))  # SIGXCPU first, which says why it ended
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() == 0:
        _must(libc.unshare(_CLONE_NEWNET | _CLONE_NEWIPC))
        os.setgroups([])
        os.setresgid(_NOBODY, _NOBODY, _NOBODY)
        os.setresuid(_NOBODY, _NOBODY, _NOBODY)
    _must(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    _must(libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0))  # a change of user would have unset it


def _must(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _without_twins(files: Iterator[tuple[str, tuple[int, int]]]) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    for name, place in files:
        if name in found:
            raise ValueError("two files have one path")
        found[name] = place
    return found


def _walk(folder: Any, prefix: str) -> Iterator[tuple[str, tuple[int, int]]]:
    waiting, seen = [(folder, prefix)], 0
    while waiting:
        record, path = waiting.pop()
        for child in record.children:
            if child.is_dot() or child.is_dotdot():
                continue
            seen += 1
            if seen > MOST_FILES:  # a damaged directory can be a loop
                raise ValueError("too many directory records")
            if child.rock_ridge is None:
                raise ValueError("a directory record has no Rock Ridge name")
            name = path + child.rock_ridge.name().decode()
            if len(name) > LONGEST_PATH:
                raise ValueError("a path is too long")
            expected = stat.S_IFDIR if child.is_dir() else stat.S_IFREG
            if stat.S_IFMT(child.rock_ridge.get_file_mode()) != expected or child.rock_ridge.is_symlink():
                raise ValueError("a directory record is neither a file nor a folder")
            if child.is_dir():
                waiting.append((child, name + "/"))
            else:
                yield name, (child.extent_location() * SECTOR, child.get_data_length())


if __name__ == "__main__":
    sys.exit(main())
