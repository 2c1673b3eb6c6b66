"""Runtime folders and state volumes. Containers write into them and may plant links there.

Everything below them is opened through `safefs`, which follows no link.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from supervisor.decisions.ownership import without_orphans
from supervisor.edges.folders import safefs
from supervisor.edges.folders.configuration import digest
from supervisor.edges.folders.places import InPlaces, explained, make_folder
from supervisor.values.errors import StateError
from supervisor.values.manifest import ServiceManifest, StateSharing, StateVolume
from supervisor.values.state import Instance

SPENT = "spent"
MOST_SPENT = 1000
"""Names of used-up items that are read at once: the daemon that writes them may be a hostile one."""


class DiskState(InPlaces):
    """Satisfies `ports.files.StateFolders`."""

    def prepare(self, instance: Instance, manifest: ServiceManifest) -> None:
        with explained("prepare the folders of", instance):
            make_folder(self._places.config(instance))
            for folder in manifest.runtime:
                path = self._places.runtime(instance, folder.name)
                make_folder(path)
                safefs.own(path, folder.user.uid, folder.user.gid, 0o755)
            for volume in manifest.state:
                path = self._places.volume(instance, volume)
                make_folder(path.parent, mode=0o711)
                make_folder(path, mode=0o750)
                if volume.sharing is StateSharing.SHARED:
                    _refuse_taking(path, instance, volume)
                safefs.own(path, volume.user.uid, volume.user.gid, 0o750)

    def runtime(self, instance: Instance, name: str) -> str:
        return str(self._places.runtime(instance, name))

    def state(self, instance: Instance, name: str) -> str:
        shared = self._places.volumes(instance) / name
        own = shared.with_name(f"{name}.{instance.generation}")
        return str(own if own.is_dir() else shared)

    def copy_state(self, former: Instance, candidate: Instance, manifest: ServiceManifest) -> bool:
        with explained("copy the state for", candidate):
            volumes = [volume for volume in manifest.state if volume.sharing is StateSharing.COPIED]
            sources = [(Path(self.state(former, volume.name)), volume) for volume in volumes]
            changed = [
                safefs.mirror(source, self._places.volume(candidate, volume), self._pruning(volume, candidate))
                for source, volume in sources
                if source.is_dir()
            ]
        return any(changed)

    def state_digest(self, instance: Instance, manifest: ServiceManifest, owner: Instance) -> str:
        volumes = [volume for volume in manifest.state if volume.sharing is StateSharing.COPIED]
        with explained("read the state of", instance):
            digests = "".join(
                f"{volume.name} {safefs.digest(self._places.volume(instance, volume), self._pruning(volume, owner))}\n"
                for volume in volumes
            )
        return digest(digests.encode())

    def read_state(self, instance: Instance, volume: StateVolume, file: str, owner: Instance) -> bytes:
        with explained("read the state of", instance):
            content = safefs.read(self._places.volume(instance, volume) / file)
            prune = self._pruning(volume, owner).get(file)
            return prune(content) if prune else content

    def prune_state(self, instance: Instance, manifest: ServiceManifest) -> bool:
        with explained("look through the state of", instance):
            pruned = [
                safefs.amend(self._places.volume(instance, volume), self._pruning(volume, instance))
                for volume in manifest.state
                if volume.owned
            ]
        return any(pruned)

    def spent(self, instance: Instance, volume: StateVolume) -> tuple[str, ...]:
        with explained("read the state of", instance):
            return safefs.names(self._places.volume(instance, volume) / SPENT, MOST_SPENT)

    def remove_spent(self, instance: Instance, volume: StateVolume, names: Iterable[str]) -> None:
        with explained("change the state of", instance):
            safefs.remove(self._places.volume(instance, volume) / SPENT, names)

    def _pruning(self, volume: StateVolume, owner: Instance) -> safefs.Alterations:
        """Return the change that takes items without an owner in the configuration of `owner` out of the volume.

        Empty: items have no owners, or that configuration does not list them; then every item stays.
        """
        owned = volume.owned
        if owned is None:
            return {}
        try:
            owners = (self._places.config(owner) / owned.owners).read_bytes()
        except FileNotFoundError:
            return {}
        return {owned.file: lambda content: without_orphans(content, owned.item, owners)}


def _refuse_taking(path: Path, instance: Instance, volume: StateVolume) -> None:
    """Refuse to change the owner of a shared folder: the active generation uses it."""
    status, wanted = path.stat(), (volume.user.uid, volume.user.gid)
    owner = (status.st_uid, status.st_gid)
    is_new = owner == (0, 0) and not any(path.iterdir())
    if owner != wanted and not is_new:
        raise StateError(
            f"cannot prepare the folders of {instance.service} generation {instance.generation}: the shared volume"
            f" {volume.name} belongs to {owner[0]}:{owner[1]}, and this version wants it for {wanted[0]}:{wanted[1]}"
        )
