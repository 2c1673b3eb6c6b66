"""Keeps the daemon's heap small: it stays for months, on routers that have little memory."""

from __future__ import annotations

import ctypes
from contextlib import suppress

_M_ARENA_MAX = -8  # malloc.h of the GNU C library


def share_one_arena() -> None:
    """Let all threads allocate from one arena (mallopt(3)). To be called before the first thread is started.

    Otherwise threads get arenas of their own, which hardly ever shrink. One costs nothing here: only one thread at a
    time runs Python, whose lock they would wait for anyway.
    """
    with suppress(AttributeError):  # another C library, which has no such thing
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)
