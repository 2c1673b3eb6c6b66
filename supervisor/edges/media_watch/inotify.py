"""The kernel's messages about a folder: inotify(7), by way of the C library."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass

CLOSE_WRITE = 0x8
MOVED_TO = 0x80
DELETE_SELF = 0x400
MOVE_SELF = 0x800
UNMOUNT = 0x2000
QUEUE_OVERFLOW = 0x4000
IGNORED = 0x8000  # the kernel watches it no more
ONLY_FOLDERS = 0x0100_0000

ARRIVALS = CLOSE_WRITE | MOVED_TO
UNCERTAIN = DELETE_SELF | MOVE_SELF | UNMOUNT | QUEUE_OVERFLOW | IGNORED
"""Events after which the content of the folder, or its place, must be found out anew."""

_EVENT = struct.Struct("=iIII")  # inotify_event: watch, mask, cookie, length of the name that follows
_BUFFER = 1 << 16


@dataclass(frozen=True, slots=True)
class Event:
    """A message about a folder, or about the file `name` in it."""

    mask: int
    name: str


def events(buffer: bytes) -> Iterator[Event]:
    """Yield the events of one read."""
    offset = 0
    while offset + _EVENT.size <= len(buffer):
        _, mask, _, length = _EVENT.unpack_from(buffer, offset)
        offset += _EVENT.size
        yield Event(mask, os.fsdecode(buffer[offset : offset + length].rstrip(b"\0")))
        offset += length


class Inotify:
    """A watch over folders. Every method raises OSError when the kernel refuses."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(None, use_errno=True)
        self._handle = self._checked(self._library.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK))

    def fileno(self) -> int:
        return self._handle

    def add(self, folder: str) -> int:
        """Watch the folder that is at this path now; one that is watched already keeps its number."""
        mask = ARRIVALS | DELETE_SELF | MOVE_SELF | ONLY_FOLDERS
        return self._checked(self._library.inotify_add_watch(self._handle, os.fsencode(folder), mask))

    def remove(self, watch: int) -> None:
        self._checked(self._library.inotify_rm_watch(self._handle, watch))

    def read(self) -> tuple[Event, ...]:
        """Return the events since the last call; empty: there were none."""
        try:
            return tuple(events(os.read(self._handle, _BUFFER)))
        except BlockingIOError:
            return ()

    def close(self) -> None:
        os.close(self._handle)

    @staticmethod
    def _checked(result: int) -> int:
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return result
