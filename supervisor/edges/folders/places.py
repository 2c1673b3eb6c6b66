"""The places of a generation's folders, and errors that name the folder which could not be used.

<runtime>/<service>/<generation>/config          rendered files, mounted read-only
<runtime>/<service>/<generation>/run/<name>      control sockets
<runtime>/<service>/<generation>/new             where files are written before they are renamed into config
<runtime>/<service>/<generation>/kept.json       the backup of config while a reload runs
<runtime>/<service>/<generation>/sources.json    which entry of the manifest each file came from
<state>/volumes/<service>/<volume>               shared
<state>/volumes/<service>/<volume>.<generation>  copied
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from supervisor.values.errors import NoSpaceError, StateError
from supervisor.values.manifest import StateSharing, StateVolume
from supervisor.values.state import Instance


@dataclass(frozen=True, slots=True)
class Places:
    """The paths of every generation below the state folder (on the disk) and the runtime folder (in memory)."""

    state_dir: Path
    runtime_dir: Path

    def generation(self, instance: Instance) -> Path:
        return self.runtime_dir / instance.service / str(instance.generation)

    def config(self, instance: Instance) -> Path:
        return self.generation(instance) / "config"

    def new(self, instance: Instance) -> Path:
        return self.generation(instance) / "new"

    def sources(self, instance: Instance) -> Path:
        return self.generation(instance) / "sources.json"

    def backup(self, instance: Instance) -> Path:
        return self.generation(instance) / "kept.json"

    def runtime(self, instance: Instance, name: str) -> Path:
        return self.generation(instance) / "run" / name

    @property
    def all_volumes(self) -> Path:
        return self.state_dir / "volumes"

    def volumes(self, instance: Instance) -> Path:
        return self.all_volumes / instance.service

    def volume(self, instance: Instance, volume: StateVolume) -> Path:
        suffix = f".{instance.generation}" if volume.sharing is StateSharing.COPIED else ""
        return self.volumes(instance) / f"{volume.name}{suffix}"


class InPlaces:
    """Base of the classes that each see to one kind of folder."""

    def __init__(self, places: Places) -> None:
        self._places = places


@contextmanager
def explained(doing: str, instance: Instance) -> Iterator[None]:
    """Raise an OSError of the block as StateError (NoSpaceError: the disk is full): cannot `doing` the instance."""
    try:
        yield
    except OSError as error:
        place = f" ({error.filename!r})" if error.filename else ""
        what = f"{instance.service} generation {instance.generation}"
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        kind = NoSpaceError if is_full else StateError
        raise kind(f"cannot {doing} {what}: {error.strerror or error}{place}") from error


def make_folder(path: Path, mode: int = 0o755) -> None:
    """Make a folder and those above it, which get 0755: the daemon's user must be able to pass them."""
    if path.is_dir():
        return
    make_folder(path.parent)
    path.mkdir(exist_ok=True)
    path.chmod(mode)  # mkdir's mode is subject to the umask
