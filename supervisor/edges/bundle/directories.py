"""Finds the files of an ISO 9660 medium, by a process without rights (`directory_reader`).

Its output is not believed either: it is bounded, and every word of it is checked.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from supervisor.values.errors import BundleError, NotABundleError

Places = dict[str, tuple[int, int]]
"""Position and size in bytes of every file, by its path."""

SECTOR = 2048
MOST_BYTES = 4 << 20  # that the program may say
MOST_FILES = 10_000  # more than an index may list
LONGEST_PATH = 1024
DEADLINE = 60.0
PROGRAM = (sys.executable, "-P", "-m", "supervisor.edges.bundle.directory_reader")
_PASSED_ON = frozenset({"PYTHONPATH", "PYTHONHOME"})  # nothing else of our environment is its business
_LONGEST_REASON = 300
_TOO_LONG = frozenset({signal.SIGALRM, signal.SIGXCPU})  # what ends a program that takes more time than it may


def find_files(path: str, handle: int, program: Sequence[str] = PROGRAM, deadline: float = DEADLINE) -> Places:
    """Return where the files of the opened medium `handle` are; `path` is its name in errors.

    Raises NotABundleError: when the directories are damaged or take too long; BundleError: when they cannot be read at
    all.
    """
    try:
        code, said, complaint = _run(program, handle, deadline)
    except subprocess.TimeoutExpired as error:
        raise NotABundleError(path, f"its directories are damaged (not read within {deadline:g} s)") from error
    except OSError as error:
        raise BundleError(f"cannot read the directories of {path}: {error.strerror or error}") from error
    if code == 0:
        return _places(path, said)
    if code == os.EX_DATAERR:
        raise NotABundleError(path, f"its directories are damaged ({_printable(said) or 'nothing more is known'})")
    if -code in _TOO_LONG:
        raise NotABundleError(path, "its directories are damaged (to read them takes too long)")
    raise BundleError(f"cannot read the directories of {path}: their reader ended with {code}: {_printable(complaint)}")


def is_plain(path: str) -> bool:
    """Return True if `path` can only mean a file below the folder it begins in, and can be shown on a terminal."""
    return all(part not in {"", ".", ".."} and part.isprintable() and "\\" not in part for part in path.split("/"))


def _run(program: Sequence[str], handle: int, deadline: float) -> tuple[int, bytes, bytes]:
    """Return how the program ended, its output and its error output."""
    environment = {name: value for name, value in os.environ.items() if name in _PASSED_ON}
    with _memory("directories") as output, _memory("complaints") as complaints:
        done = subprocess.run(
            program,
            stdin=handle,
            stdout=output,
            stderr=complaints,
            env=environment,
            timeout=deadline,
            check=False,
        )
        return done.returncode, os.pread(output, MOST_BYTES, 0), os.pread(complaints, MOST_BYTES, 0)


@contextmanager
def _memory(name: str) -> Iterator[int]:
    """Open a file that is in no folder; the program's limit for files bounds it."""
    handle = os.memfd_create(name)
    try:
        yield handle
    finally:
        os.close(handle)


def _places(path: str, said: bytes) -> Places:
    try:
        told = json.loads(said)
    except (ValueError, RecursionError) as error:
        raise NotABundleError(path, f"its directories are damaged ({_printable(str(error).encode())})") from error
    if not isinstance(told, dict) or len(told) > MOST_FILES or not all(map(_is_place, told.values())):
        raise NotABundleError(path, "its directories are damaged (what was read in them is no list of files)")
    for name in told:
        if len(name) > LONGEST_PATH or not is_plain(name):
            raise NotABundleError(path, f"its directories are damaged (a file is called {name[:LONGEST_PATH]!r})")
    return {name: (offset, size) for name, (offset, size) in told.items()}


def _is_place(told: object) -> bool:
    return isinstance(told, list) and len(told) == 2 and all(type(part) is int and part >= 0 for part in told)


def _printable(text: bytes) -> str:
    """Return the end of a text, without letters that would do something to a terminal."""
    known = "".join(letter if letter.isprintable() else " " for letter in text.decode(errors="replace"))
    return " ".join(known.split())[-_LONGEST_REASON:]
