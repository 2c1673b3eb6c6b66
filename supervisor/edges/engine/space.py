"""Room on the disk: an engine that fills it while it loads an image takes the whole router along."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from supervisor.values.errors import EngineError

SPACE_RESERVE = 128 * 1024 * 1024  # kept free on the disk while an image is loaded
SPACE_STEP = 8 * 1024 * 1024


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
