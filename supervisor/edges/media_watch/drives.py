"""Block devices that the settings name as media, and which of them may hold another medium now."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Sequence
from pathlib import Path

from supervisor.edges.media_watch.uevents import LOST, Uevents

log = logging.getLogger(__name__)

# <linux/cdrom.h>
CDROM_DRIVE_STATUS = 0x5326
CURRENT_SLOT = 0x7FFFFFFF  # CDSL_CURRENT
NO_DISC, TRAY_OPEN = 1, 2


class Drives:
    """The devices among `media`. Raises OSError: when the kernel sends no messages about devices here."""

    def __init__(self, media: Sequence[Path]) -> None:
        self._media = media
        self._uevents = Uevents()

    def fileno(self) -> int:
        return self._uevents.fileno()

    def close(self) -> None:
        self._uevents.close()

    def read(self) -> tuple[str, ...]:
        """Return the devices that changed since the last call and are not empty; empty: none did."""
        names = self._uevents.read()
        return tuple(str(path) for path in concerned(self._media, names) if holds_medium(path))


def concerned(media: Sequence[Path], names: frozenset[str]) -> tuple[Path, ...]:
    """Return the media that are devices of these names; a link in /dev stands for its device."""
    if LOST in names:
        return tuple(path for path in media if path.is_block_device())
    return tuple(path for path in media if os.path.realpath(path) in {f"/dev/{name}" for name in names})


def holds_medium(path: Path) -> bool:
    """Return False if a drive is empty; its tray is not closed, as an ordinary open would."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:  # the error is reported when the medium is opened
        return True
    try:
        is_empty = fcntl.ioctl(handle, CDROM_DRIVE_STATUS, CURRENT_SLOT) in (NO_DISC, TRAY_OPEN)
    except OSError:  # not a drive for discs: what is there is the medium
        return True
    finally:
        os.close(handle)
    if is_empty:
        log.debug("drive empty", extra={"medium": str(path)})
    return not is_empty
