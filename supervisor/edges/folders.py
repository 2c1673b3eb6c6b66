"""Folders on the router's disk: rendered configuration, runtime folders and state volumes of every generation.

    <runtime>/<service>/<generation>/config          rendered files, mounted read-only
    <runtime>/<service>/<generation>/run/<name>      control sockets
    <runtime>/<service>/<generation>/new             where files are written before they are renamed into config
    <runtime>/<service>/<generation>/kept.json       the files before a reload, until that has ended
    <runtime>/<service>/<generation>/sources.json    which entry of the manifest each file came from
    <state>/volumes/<service>/<volume>               shared
    <state>/volumes/<service>/<volume>.<generation>  copied

Containers write into runtime and state folders and may plant links there: everything below them is opened through
`safefs`, which follows none.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from supervisor.decisions.ownership import without_orphans
from supervisor.edges import safefs, tmpfs
from supervisor.values.errors import NoSpaceError, StateError
from supervisor.values.manifest import ServiceManifest, StateSharing, StateVolume
from supervisor.values.state import Instance, RenderedFile

_CONFIG, _NEW, _RUN, _SPENT = "config", "new", "run", "spent"
MOST_SPENT = 1000
"""Names of used-up items that are read at once: the daemon that writes them may be a hostile one."""


class DiskFolders:
    """The `Folders` port. Every method may be repeated; StateError says which folder and why."""

    def __init__(self, state_dir: Path, runtime_dir: Path) -> None:
        self._state_dir, self._runtime_dir = state_dir, runtime_dir

    # ------------------------------------------------------------ the runtime folder itself

    def ensure_tmpfs(self, size_bytes: int = 256 << 20) -> None:
        """Make the runtime folder a tmpfs of its own unless it lies on one: secrets must not reach a disk."""
        tmpfs.ensure(self._runtime_dir, size_bytes)

    def release_tmpfs(self) -> None:
        """Unmount what `ensure_tmpfs` mounted; a tmpfs of somebody else stays."""
        tmpfs.release(self._runtime_dir)

    # ------------------------------------------------------------ configuration

    def config(self, instance: Instance) -> str:
        return str(self._generation(instance) / _CONFIG)

    def write(self, instance: Instance, manifest: ServiceManifest, files: Sequence[RenderedFile]) -> None:
        with _explained("write the configuration of", instance):
            config, new = self._generation(instance) / _CONFIG, self._generation(instance) / _NEW
            folders = {"", *_fixed_folders(manifest), *(parent for file in files for parent in _parents(file.path))}
            _remove_others(config, {file.path for file in files}, folders)
            _make(new, mode=0o700)
            for folder in sorted(folders):
                _make(config / folder)
            sources = self._sources(instance) | {file.path: file.source for file in files}
            _put(self._index(instance), new / "file", json.dumps(sources, sort_keys=True).encode(), 0o600, (0, 0))
            for file in files:
                owner = (manifest.user.uid, manifest.user.gid) if file.is_secret else (0, 0)
                _put(config / file.path, new / "file", file.content, 0o600 if file.is_secret else 0o644, owner)
            new.rmdir()

    def written(self, instance: Instance) -> Mapping[str, str]:
        config = self._generation(instance) / _CONFIG
        with _explained("read the configuration of", instance):
            return {path: _digest((config / path).read_bytes()) for path in _files_below(config)}

    def sources(self, instance: Instance) -> Mapping[str, int]:
        with _explained("read the configuration of", instance):
            return self._sources(instance)

    def read(self, instance: Instance, manifest: ServiceManifest) -> tuple[RenderedFile, ...]:
        config = self._generation(instance) / _CONFIG
        with _explained("read the configuration of", instance):
            sources = self._sources(instance)
            return tuple(
                RenderedFile(path, (config / path).read_bytes(), _is_secret(config / path), sources.get(path, 0))
                for path in _files_below(config)
            )

    def save_backup(self, instance: Instance, files: Sequence[RenderedFile]) -> None:
        kept = [(file.path, file.content.decode("latin-1"), file.is_secret, file.source) for file in files]
        with _explained("keep the configuration of", instance):
            path = self._kept(instance)
            _make(path.parent)
            _put(path, path.with_suffix(".new"), json.dumps(kept).encode(), 0o600, (0, 0))

    def backup(self, instance: Instance) -> tuple[RenderedFile, ...] | None:
        with _explained("read the kept configuration of", instance):
            try:
                kept = json.loads(self._kept(instance).read_bytes())
            except FileNotFoundError:
                return None
        return tuple(
            RenderedFile(path, content.encode("latin-1"), is_secret, source)
            for path, content, is_secret, source in kept
        )

    def remove_backup(self, instance: Instance) -> None:
        with _explained("remove the kept configuration of", instance):
            self._kept(instance).unlink(missing_ok=True)

    # ------------------------------------------------------------ runtime folders and state volumes

    def prepare(self, instance: Instance, manifest: ServiceManifest) -> None:
        with _explained("prepare the folders of", instance):
            _make(self._generation(instance) / _CONFIG)
            for folder in manifest.runtime:
                path = Path(self.runtime(instance, folder.name))
                _make(path)
                safefs.own(path, folder.user.uid, folder.user.gid, 0o755)
            for volume in manifest.state:
                path = self._volume(instance, volume)
                _make(path.parent, mode=0o711)
                _make(path, mode=0o750)
                if volume.sharing is StateSharing.SHARED:
                    _refuse_taking(path, instance, volume)
                safefs.own(path, volume.user.uid, volume.user.gid, 0o750)

    def runtime(self, instance: Instance, name: str) -> str:
        return str(self._generation(instance) / _RUN / name)

    def state(self, instance: Instance, name: str) -> str:
        """Path of a volume: that of this generation if it has one of its own, else the shared one."""
        shared = self._volumes(instance) / name
        own = shared.with_name(f"{name}.{instance.generation}")
        return str(own if own.is_dir() else shared)

    def copy_state(self, former: Instance, candidate: Instance, manifest: ServiceManifest) -> bool:
        with _explained("copy the state for", candidate):
            volumes = [volume for volume in manifest.state if volume.sharing is StateSharing.COPIED]
            sources = [(Path(self.state(former, volume.name)), volume) for volume in volumes]
            changed = [
                safefs.mirror(source, self._volume(candidate, volume), self._pruning(volume, candidate))
                for source, volume in sources
                if source.is_dir()
            ]
        return any(changed)

    def state_digest(self, instance: Instance, manifest: ServiceManifest, owner: Instance) -> str:
        volumes = [volume for volume in manifest.state if volume.sharing is StateSharing.COPIED]
        with _explained("read the state of", instance):
            found = "".join(
                f"{volume.name} {safefs.digest(self._volume(instance, volume), self._pruning(volume, owner))}\n"
                for volume in volumes
            )
        return _digest(found.encode())

    def read_state(self, instance: Instance, volume: StateVolume, file: str, owner: Instance) -> bytes:
        with _explained("read the state of", instance):
            content = safefs.read(self._volume(instance, volume) / file)
            prune = self._pruning(volume, owner).get(file)
            return prune(content) if prune else content

    def prune_state(self, instance: Instance, manifest: ServiceManifest) -> bool:
        with _explained("look through the state of", instance):
            pruned = [
                safefs.amend(self._volume(instance, volume), self._pruning(volume, instance))
                for volume in manifest.state
                if volume.owned
            ]
        return any(pruned)

    def _pruning(self, volume: StateVolume, owner: Instance) -> safefs.Alterations:
        """How the volume's files lose what nobody in the configuration of `owner` owns; one that does not say who the
        owners are keeps all."""
        owned = volume.owned
        if owned is None:
            return {}
        try:
            owners = (self._generation(owner) / _CONFIG / owned.owners).read_bytes()
        except FileNotFoundError:
            return {}
        return {owned.file: lambda content: without_orphans(content, owned.item, owners)}

    def spent(self, instance: Instance, volume: StateVolume) -> tuple[str, ...]:
        with _explained("read the state of", instance):
            return safefs.names(self._volume(instance, volume) / _SPENT, MOST_SPENT)

    def remove_spent(self, instance: Instance, volume: StateVolume, names: Iterable[str]) -> None:
        with _explained("change the state of", instance):
            safefs.remove(self._volume(instance, volume) / _SPENT, names)

    def remove(self, instance: Instance, manifest: ServiceManifest, *, keep_state: bool = False) -> None:
        with _explained("remove the folders of", instance):
            safefs.remove_tree(self._generation(instance))
            for volume in manifest.state:
                if volume.sharing is StateSharing.COPIED and not keep_state:
                    safefs.remove_tree(self._volume(instance, volume))
            for parent in (self._generation(instance).parent, self._volumes(instance)):
                _remove_if_empty(parent)

    # ------------------------------------------------------------ places

    def _generation(self, instance: Instance) -> Path:
        return self._runtime_dir / instance.service / str(instance.generation)

    def _index(self, instance: Instance) -> Path:
        return self._generation(instance) / "sources.json"

    def _kept(self, instance: Instance) -> Path:
        return self._generation(instance) / "kept.json"

    def _sources(self, instance: Instance) -> dict[str, int]:
        """Entry of the manifest by path, for every file that is there."""
        try:
            sources: dict[str, int] = json.loads(self._index(instance).read_bytes())
        except (FileNotFoundError, ValueError):
            return {}
        there = _files_below(self._generation(instance) / _CONFIG)
        return {path: sources[path] for path in there if path in sources}

    def _volumes(self, instance: Instance) -> Path:
        return self._state_dir / "volumes" / instance.service

    def _volume(self, instance: Instance, volume: StateVolume) -> Path:
        suffix = f".{instance.generation}" if volume.sharing is StateSharing.COPIED else ""
        return self._volumes(instance) / f"{volume.name}{suffix}"


@contextmanager
def _explained(doing: str, instance: Instance) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        place = f" ({error.filename!r})" if error.filename else ""
        what = f"{instance.service} generation {instance.generation}"
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        kind = NoSpaceError if is_full else StateError
        raise kind(f"cannot {doing} {what}: {error.strerror or error}{place}") from error


def _refuse_taking(path: Path, instance: Instance, volume: StateVolume) -> None:
    """A shared folder is in use: a candidate that wants another owner would take it from the active one."""
    found, wanted = path.stat(), (volume.user.uid, volume.user.gid)
    owner = (found.st_uid, found.st_gid)
    is_new = owner == (0, 0) and not any(path.iterdir())
    if owner != wanted and not is_new:
        raise StateError(
            f"cannot prepare the folders of {instance.service} generation {instance.generation}: the shared volume"
            f" {volume.name} belongs to {owner[0]}:{owner[1]}, and this version wants it for {wanted[0]}:{wanted[1]}"
        )


def _make(path: Path, mode: int = 0o755) -> None:
    """Make a folder and the ones above it; those above are traversable, for the daemon's user must reach it."""
    if path.is_dir():
        return
    _make(path.parent)
    path.mkdir(exist_ok=True)
    path.chmod(mode)  # mkdir's mode is subject to the umask


def _put(path: Path, temporary: Path, content: bytes, mode: int, owner: tuple[int, int]) -> None:
    """Write a file whole, outside the folder that the daemon watches, and rename it in; an equal one is left alone."""
    if _is_equal(path, content, mode, owner):
        return
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fchown(descriptor, *owner)
        os.fchmod(descriptor, mode)
        os.fsync(descriptor)
    temporary.rename(path)


def _is_equal(path: Path, content: bytes, mode: int, owner: tuple[int, int]) -> bool:
    try:
        found = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    is_same = (stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid, found.st_size) == (mode, *owner, len(content))
    return stat.S_ISREG(found.st_mode) and is_same and path.read_bytes() == content


def _is_secret(path: Path) -> bool:
    return stat.S_IMODE(path.stat().st_mode) == 0o600


def _parents(path: str) -> Iterator[str]:
    return (path[: match.start()] for match in re.finditer("/", path))


def _fixed_folders(manifest: ServiceManifest) -> Iterator[str]:
    """Folders that targets name outright (`hosts/{{ item.name }}`) are there even when empty: daemons watch them."""
    for entry in manifest.config:
        plain = entry.target.partition("{")[0]
        yield from _parents(plain)


def _remove_others(config: Path, files: Collection[str], folders: Collection[str]) -> None:
    for parent, _, names in os.walk(config, topdown=False):
        inside = os.path.relpath(parent, config).removeprefix(".")
        for name in names:
            if os.path.join(inside, name) not in files:
                os.unlink(os.path.join(parent, name))
        if inside not in folders:
            os.rmdir(parent)


def _files_below(folder: Path) -> list[str]:
    found = []
    for parent, _, names in os.walk(folder):
        found += [os.path.relpath(os.path.join(parent, name), folder) for name in names]
    return sorted(found)


def _remove_if_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
