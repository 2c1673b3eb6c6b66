"""Every folder of a generation, joined on one pair of places."""

from __future__ import annotations

from pathlib import Path

from supervisor.edges.folders import inert, safefs, tmpfs
from supervisor.edges.folders.configuration import DiskConfiguration
from supervisor.edges.folders.places import Places, explained
from supervisor.edges.folders.state import DiskState
from supervisor.values.manifest import ServiceManifest, StateSharing
from supervisor.values.state import Instance


class DiskFolders(DiskConfiguration, DiskState):
    """Satisfies `ports.files.Folders`."""

    def __init__(self, state_dir: Path, runtime_dir: Path) -> None:
        super().__init__(Places(state_dir, runtime_dir))

    def ensure_tmpfs(self, size_bytes: int = 256 << 20) -> None:
        """Make the runtime folder a tmpfs of its own unless it lies on one: secrets must not reach a disk.

        Raises StateError: when it cannot be made or mounted.
        """
        tmpfs.ensure(self._places.runtime_dir, size_bytes)

    def release_tmpfs(self) -> None:
        """Unmount the tmpfs that `ensure_tmpfs` mounted; one that was mounted otherwise stays."""
        tmpfs.release(self._places.runtime_dir)

    def ensure_inert_volumes(self) -> None:
        """Let nothing in state volumes be executed, nor be a device, on the router or in containers.

        Raises StateError: when the folder cannot be made or mounted.
        """
        inert.ensure(self._places.all_volumes)

    def release_inert_volumes(self) -> None:
        """Take the mount of `ensure_inert_volumes` away; the volumes stay."""
        inert.release(self._places.all_volumes)

    def remove(self, instance: Instance, manifest: ServiceManifest, *, with_state: bool = True) -> None:
        generation, volumes = self._places.generation(instance), self._places.volumes(instance)
        with explained("remove the folders of", instance):
            safefs.remove_tree(generation)
            for volume in manifest.state:
                if volume.sharing is StateSharing.COPIED and with_state:
                    safefs.remove_tree(self._places.volume(instance, volume))
            for parent in (generation.parent, volumes):
                _remove_if_empty(parent)


def _remove_if_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
