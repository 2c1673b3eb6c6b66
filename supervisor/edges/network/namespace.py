"""Runs functions inside another network namespace, from a thread of their own.

Only the calling thread moves with setns(2), so a thread that enters and then ends leaves the rest of the supervisor
where it was. What it starts and the /proc/sys/net it sees belong to the namespace it entered.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from supervisor.values.errors import NetworkError

T = TypeVar("T")

FOLDER = Path("/run/netns")
CLONE_NEWNET = 0x40000000
NS_GET_NSTYPE = 0xB703  # ioctl(2) of a namespace descriptor: which kind of namespace it is

_libc = ctypes.CDLL(None, use_errno=True)


def exists(name: str, folder: Path = FOLDER) -> bool:
    """Return True if there is a live network namespace of that name; a plain file that lost its mount is none.

    Raises NetworkError: when the file cannot be opened.
    """
    try:
        with open(folder / name, "rb") as file:
            return fcntl.ioctl(file, NS_GET_NSTYPE) == CLONE_NEWNET
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTTY):
            return False
        raise NetworkError(f"cannot look for network namespace {name}: {error.strerror or error}") from error


def enter(path: Path) -> None:
    """Move the calling thread into a namespace, for good. Raises OSError: when it cannot be entered."""
    with open(path, "rb") as file:
        if _libc.setns(file.fileno(), CLONE_NEWNET) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), str(path))


def call_inside(name: str, function: Callable[[], T]) -> T:
    """Return what `function` returns inside the namespace; what it raises is raised here."""
    results: list[T] = []
    failures: list[Exception] = []

    def body() -> None:
        try:
            enter(FOLDER / name)
            results.append(function())
        except Exception as error:
            failures.append(error)

    thread = threading.Thread(target=body, name=f"netns-{name}")
    try:
        thread.start()
    except RuntimeError as error:  # no more threads are to be had
        raise NetworkError(f"cannot work inside network namespace {name}: {error}") from error
    thread.join()
    if failures:
        cause = failures[0]
        if isinstance(cause, OSError):
            raise NetworkError(f"cannot work inside network namespace {name}: {cause}") from cause
        raise cause
    return results[0]
