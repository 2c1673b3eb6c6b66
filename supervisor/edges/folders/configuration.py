"""The configuration folder of each generation, which only the supervisor writes to, and its backup."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from supervisor.edges.folders.places import InPlaces, explained, make_folder
from supervisor.values.manifest import ServiceManifest
from supervisor.values.state import Instance, RenderedFile


class DiskConfiguration(InPlaces):
    """Satisfies `ports.files.ConfigurationFolders`."""

    def config(self, instance: Instance) -> str:
        return str(self._places.config(instance))

    def write(self, instance: Instance, manifest: ServiceManifest, files: Sequence[RenderedFile]) -> None:
        with explained("write the configuration of", instance):
            config, new = self._places.config(instance), self._places.new(instance)
            folders = {"", *_fixed_folders(manifest), *(parent for file in files for parent in _parents(file.path))}
            _remove_others(config, {file.path for file in files}, folders)
            make_folder(new, mode=0o700)
            for folder in sorted(folders):
                make_folder(config / folder)
            sources = self._sources(instance) | {file.path: file.source for file in files}
            index = json.dumps(sources, sort_keys=True).encode()
            _put(self._places.sources(instance), new / "file", index, 0o600, (0, 0))
            for file in files:
                owner = (manifest.user.uid, manifest.user.gid) if file.is_secret else (0, 0)
                _put(config / file.path, new / "file", file.content, 0o600 if file.is_secret else 0o644, owner)
            new.rmdir()

    def written(self, instance: Instance) -> Mapping[str, str]:
        config = self._places.config(instance)
        with explained("read the configuration of", instance):
            return {path: digest((config / path).read_bytes()) for path in _files_below(config)}

    def sources(self, instance: Instance) -> Mapping[str, int]:
        with explained("read the configuration of", instance):
            return self._sources(instance)

    def read(self, instance: Instance, manifest: ServiceManifest) -> tuple[RenderedFile, ...]:
        config = self._places.config(instance)
        with explained("read the configuration of", instance):
            sources = self._sources(instance)
            return tuple(
                RenderedFile(path, (config / path).read_bytes(), _is_secret(config / path), sources.get(path, 0))
                for path in _files_below(config)
            )

    def save_backup(self, instance: Instance, files: Sequence[RenderedFile]) -> None:
        backup = [(file.path, file.content.decode("latin-1"), file.is_secret, file.source) for file in files]
        with explained("save a backup of the configuration of", instance):
            path = self._places.backup(instance)
            make_folder(path.parent)
            _put(path, path.with_suffix(".new"), json.dumps(backup).encode(), 0o600, (0, 0))

    def backup(self, instance: Instance) -> tuple[RenderedFile, ...] | None:
        with explained("read the backup of the configuration of", instance):
            try:
                backup = json.loads(self._places.backup(instance).read_bytes())
            except FileNotFoundError:
                return None
        return tuple(
            RenderedFile(path, content.encode("latin-1"), is_secret, source)
            for path, content, is_secret, source in backup
        )

    def remove_backup(self, instance: Instance) -> None:
        with explained("remove the backup of the configuration of", instance):
            self._places.backup(instance).unlink(missing_ok=True)

    def _sources(self, instance: Instance) -> dict[str, int]:
        """Return the manifest's entry of every file that is in the folder, by path; empty: no index can be read."""
        try:
            sources: dict[str, int] = json.loads(self._places.sources(instance).read_bytes())
        except (FileNotFoundError, ValueError):
            return {}
        present = _files_below(self._places.config(instance))
        return {path: sources[path] for path in present if path in sources}


def digest(content: bytes) -> str:
    """Return the content's digest in the form of image and definition digests."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _put(path: Path, temporary: Path, content: bytes, mode: int, owner: tuple[int, int]) -> None:
    """Write a file whole, outside the folder that the daemon watches, and rename it in; an equal one is not touched."""
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
        status = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    facts = (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid, status.st_size)
    is_same = facts == (mode, *owner, len(content))
    return stat.S_ISREG(status.st_mode) and is_same and path.read_bytes() == content


def _is_secret(path: Path) -> bool:
    return stat.S_IMODE(path.stat().st_mode) == 0o600


def _parents(path: str) -> Iterator[str]:
    return (path[: match.start()] for match in re.finditer("/", path))


def _fixed_folders(manifest: ServiceManifest) -> Iterator[str]:
    """Yield folders that targets name outright (`hosts/{{ item.name }}`): daemons watch them even when empty."""
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
    paths = []
    for parent, _, names in os.walk(folder):
        paths += [os.path.relpath(os.path.join(parent, name), folder) for name in names]
    return sorted(paths)
