"""Where the files of an ISO 9660 medium are, as a process without rights finds them (`directory_reader`).

What it says is not believed either: it is bounded, and every word of it is checked.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence

from supervisor.values.errors import BundleError, NotABundleError

Places = dict[str, tuple[int, int]]
"""Position and size in bytes of every file, by its path."""

SECTOR = 2048
MOST_BYTES = 4 << 20  # that the program may say
DEADLINE = 60.0
PROGRAM = (sys.executable, "-P", "-m", "supervisor.edges.bundle.directory_reader")
_PASSED_ON = frozenset({"PYTHONPATH", "PYTHONHOME"})  # nothing else of our environment is its business
_LONGEST_REASON = 300


def find_files(path: str, handle: int, program: Sequence[str] = PROGRAM, deadline: float = DEADLINE) -> Places:
    """Return where the files of the opened medium `handle` are; `path` is how errors call it.

    NotABundleError when the directories are damaged or take too long, BundleError when they cannot be read at all.
    """
    output = os.memfd_create("directories")
    try:
        code = _run(path, program, handle, output, deadline)
        said = os.pread(output, MOST_BYTES, 0)
    finally:
        os.close(output)
    if code == 0:
        return _places(path, said)
    reason = _printable(said)
    if code == os.EX_DATAERR:
        raise NotABundleError(path, f"its directories are damaged ({reason or 'nothing more is known'})")
    raise BundleError(f"cannot read the directories of {path}: their reader ended with {code}: {reason}")


def _run(path: str, program: Sequence[str], handle: int, output: int, deadline: float) -> int:
    environment = {name: value for name, value in os.environ.items() if name in _PASSED_ON}
    try:
        done = subprocess.run(
            program,
            stdin=handle,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            timeout=deadline,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise NotABundleError(path, f"its directories are damaged (not read within {deadline:g} s)") from error
    except OSError as error:
        raise BundleError(f"cannot read the directories of {path}: {error.strerror or error}") from error
    return done.returncode


def _places(path: str, said: bytes) -> Places:
    try:
        told = json.loads(said)
    except (ValueError, RecursionError) as error:
        raise NotABundleError(path, f"its directories are damaged ({_printable(str(error).encode())})") from error
    if not isinstance(told, dict) or not all(map(_is_place, told.values())):
        raise NotABundleError(path, "its directories are damaged (what was read in them is no list of files)")
    return {name: (offset, size) for name, (offset, size) in told.items()}


def _is_place(told: object) -> bool:
    return isinstance(told, list) and len(told) == 2 and all(type(part) is int and part >= 0 for part in told)


def _printable(text: bytes) -> str:
    """Return the end of what was said, without what would do something to a terminal."""
    known = "".join(letter if letter.isprintable() else " " for letter in text.decode(errors="replace"))
    return " ".join(known.split())[-_LONGEST_REASON:]
