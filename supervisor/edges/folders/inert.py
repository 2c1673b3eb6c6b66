"""A folder from which nothing is executed, and in which set-user-id bits and device files mean nothing.

It is bound to itself with these options, and whatever is bound from below it has them too, in containers of any engine:
Docker takes no such options for a mount of its own. Containers write into state volumes, and the router sees the files.
"""

from __future__ import annotations

import os
from pathlib import Path

from supervisor.edges.folders.mounts import MountEntry, mount, mount_of, mounts, unmount
from supervisor.edges.folders.places import make_folder
from supervisor.values.errors import StateError

OPTIONS = ("nosuid", "nodev", "noexec")


def ensure(folder: Path) -> None:
    """Make the folder, and make it inert unless it lies on such a mount already. May be repeated.

    Raises StateError: when the folder cannot be made or nothing can be mounted there.
    """
    try:
        make_folder(folder)
        entry, place = mount_of(folder), os.path.realpath(folder)
        if entry is not None and entry.options.issuperset(OPTIONS):
            return
        if entry is None or not _is_bound_to_itself(entry, place):
            mount("--bind", place, place)
        mount("-o", ",".join(("remount", "bind", *OPTIONS)), place)
    except OSError as error:
        raise StateError(f"cannot use folder {folder}: {error.strerror}") from error


def release(folder: Path) -> None:
    """Take the mount away that `ensure` made; nothing happens when there is none.

    Raises StateError: when it is still in use after some seconds.
    """
    entry, place = mount_of(folder), os.path.realpath(folder)
    if entry is not None and _is_bound_to_itself(entry, place):
        unmount(place)


def _is_bound_to_itself(entry: MountEntry, place: str) -> bool:
    """True if it is a mount at `place` of what would be there without it: a disk of the operator's is none."""
    if entry.point != place:
        return False
    *_, covered, _ = (None, *(other for other in mounts() if other.point == place))
    if covered is not None:
        return (entry.device, entry.root) == (covered.device, covered.root)
    above = mount_of(Path(place).parent)
    if above is None:
        return False
    below = os.path.relpath(place, above.point)
    return (entry.device, entry.root) == (above.device, os.path.normpath(os.path.join(above.root, below)))
