"""The router's folders in memory. Content of state is what daemons wrote there, as an ordered set of records."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence

from supervisor.decisions.ownership import without_orphans
from supervisor.values.errors import StateError
from supervisor.values.manifest import ServiceManifest, StateSharing, StateVolume
from supervisor.values.state import Instance, RenderedFile
from tests.kit.fakes.kernel import Impossible, never_torn


class FakeFolders:
    """Satisfies `ports.files.Folders`.

    `is_running` looks a container up; `tear` is called before each part of an action.
    """

    def __init__(self, is_running: Callable[[str], bool], tear: Callable[[str], None] = never_torn) -> None:
        self.configs: dict[str, dict[str, RenderedFile]] = {}
        self.backups: dict[str, tuple[RenderedFile, ...]] = {}  # by configuration folder
        self.volumes: dict[str, tuple[str, ...]] = {}
        self.spent_items: dict[tuple[str, str], set[str]] = {}  # by service and volume
        self._is_running, self._tear = is_running, tear

    def config(self, instance: Instance) -> str:
        return f"/run/{instance.service}/{instance.generation}/config"

    def write(self, instance: Instance, manifest: ServiceManifest, files: Sequence[RenderedFile]) -> None:
        config = self.configs.setdefault(self.config(instance), {})
        for path in set(config) - {file.path for file in files}:
            del config[path]
        for file in files:
            if config.get(file.path) != file:
                self._tear("folders.file")
                config[file.path] = file

    def written(self, instance: Instance) -> Mapping[str, str]:
        return {path: digest(file.content) for path, file in self.configs.get(self.config(instance), {}).items()}

    def sources(self, instance: Instance) -> Mapping[str, int]:
        return {path: file.source for path, file in self.configs.get(self.config(instance), {}).items()}

    def read(self, instance: Instance, manifest: ServiceManifest) -> tuple[RenderedFile, ...]:
        files = self.configs.get(self.config(instance), {})
        return tuple(files[path] for path in sorted(files))

    def save_backup(self, instance: Instance, files: Sequence[RenderedFile]) -> None:
        self.backups[self.config(instance)] = tuple(files)

    def backup(self, instance: Instance) -> tuple[RenderedFile, ...] | None:
        return self.backups.get(self.config(instance))

    def remove_backup(self, instance: Instance) -> None:
        self.backups.pop(self.config(instance), None)

    def prepare(self, instance: Instance, manifest: ServiceManifest) -> None:
        self.configs.setdefault(self.config(instance), {})
        self._tear("folders.volumes")
        for volume in manifest.state:
            self.volumes.setdefault(volume_path(instance, volume), ())

    def spent(self, instance: Instance, volume: StateVolume) -> tuple[str, ...]:
        return tuple(sorted(self.spent_items.get((instance.service, volume.name), ())))

    def remove_spent(self, instance: Instance, volume: StateVolume, names: Iterable[str]) -> None:
        self.spent_items.get((instance.service, volume.name), set()).difference_update(names)

    def runtime(self, instance: Instance, name: str) -> str:
        return f"/run/{instance.service}/{instance.generation}/run/{name}"

    def state(self, instance: Instance, name: str) -> str:
        own = f"/state/{instance.service}/{name}.{instance.generation}"
        return own if own in self.volumes else f"/state/{instance.service}/{name}"

    def copy_state(self, former: Instance, candidate: Instance, manifest: ServiceManifest) -> bool:
        has_changed = False
        for source, target in zip(_copied(former, manifest), _copied(candidate, manifest), strict=True):
            if self._is_running(candidate.container_name):
                raise Impossible(f"{target} is copied to while {candidate.container_name} writes there")
            whole = self._owned(source, manifest, candidate)
            if source not in self.volumes or whole == self.volumes.get(target):
                continue
            self.volumes[target] = whole[: len(whole) // 2]
            self._tear("folders.copy")
            self.volumes[target] = whole
            has_changed = True
        return has_changed

    def state_digest(self, instance: Instance, manifest: ServiceManifest, owner: Instance) -> str:
        return digest(repr([self._owned(path, manifest, owner) for path in _copied(instance, manifest)]).encode())

    def read_state(self, instance: Instance, volume: StateVolume, file: str, owner: Instance) -> bytes:
        return "\n".join(self._of_owners(volume_path(instance, volume), volume, owner)).encode()

    def prune_state(self, instance: Instance, manifest: ServiceManifest) -> bool:
        if self._is_running(instance.container_name):
            raise Impossible(f"state of {instance.container_name} is pruned while it writes there")
        has_changed = False
        for path in _copied(instance, manifest):
            left = self._owned(path, manifest, instance)
            if left != self.volumes.get(path, ()):
                self._tear("folders.prune")
                self.volumes[path], has_changed = left, True
        return has_changed

    def _owned(self, path: str, manifest: ServiceManifest, owner: Instance) -> tuple[str, ...]:
        name = path.rpartition("/")[2].partition(".")[0]
        return self._of_owners(path, next(volume for volume in manifest.state if volume.name == name), owner)

    def _of_owners(self, path: str, volume: StateVolume, owner: Instance) -> tuple[str, ...]:
        records, owned = self.volumes.get(path, ()), volume.owned
        listed = self.configs.get(self.config(owner), {}).get(owned.owners) if owned else None
        if owned is None or listed is None:
            return records
        return tuple(record for record in records if without_orphans(record.encode(), owned.item, listed.content))

    def remove(self, instance: Instance, manifest: ServiceManifest, *, with_state: bool = True) -> None:
        if self._is_running(instance.container_name):
            raise Impossible(f"folders of {instance.container_name} are removed while it runs")
        self.configs.pop(self.config(instance), None)
        self.backups.pop(self.config(instance), None)
        self._tear("folders.remove")
        if with_state:
            for path in _copied(instance, manifest):
                self.volumes.pop(path, None)

    def require(self, path: str) -> None:
        """Refuse a mount of a folder that is not there. Runtime folders come with that of the configuration."""
        config = path.partition("/run/")[0] if path.startswith("/state") else "/".join(path.split("/")[:4]) + "/config"
        if config not in self.configs and path not in self.volumes:
            raise StateError(f"cannot mount {path}: it does not exist")


def volume_path(instance: Instance, volume: StateVolume) -> str:
    suffix = f".{instance.generation}" if volume.sharing is StateSharing.COPIED else ""
    return f"/state/{instance.service}/{volume.name}{suffix}"


def _copied(instance: Instance, manifest: ServiceManifest) -> list[str]:
    volumes = [volume for volume in manifest.state if volume.sharing is StateSharing.COPIED]
    return [volume_path(instance, volume) for volume in volumes]


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
