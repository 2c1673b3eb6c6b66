"""Room on the disk: an engine that fills it while it loads an image takes the whole router along."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from supervisor.values.errors import EngineError

SPACE_RESERVE = 128 * 1024 * 1024  # kept free on the disk while an image is loaded
SPACE_STEP = 8 * 1024 * 1024


def require_room(size: int, folder: Path, reserve: int) -> None:
    """Return if the disk of `folder` has `size` bytes besides the reserve. Raises EngineError: when it has not."""
    free = shutil.disk_usage(folder).free
    if free - size < reserve:
        raise EngineError(
            f"cannot load images: they take {_up(size)} MiB while they are loaded, {free >> 20} MiB are free below "
            f"{folder}, {reserve >> 20} MiB must stay free"
        )


def with_space(stream: Iterable[bytes], folder: Path, reserve: int) -> Iterator[bytes]:
    """Yield the archive while `folder` has room for it: engines spool archive and layers there.

    Raises EngineError: when fewer than `reserve` bytes are free.
    """
    unchecked = SPACE_STEP
    for chunk in stream:
        unchecked += len(chunk)
        if unchecked >= SPACE_STEP:
            unchecked = 0
            free = shutil.disk_usage(folder).free
            if free < reserve:
                raise EngineError(
                    f"cannot load an image: {free >> 20} MiB free below {folder}, {reserve >> 20} MiB must stay free"
                )
        yield chunk


def _up(size: int) -> int:
    return -(-size // (1 << 20))
