"""The files that Podman is started with, and the places of its storages."""

from __future__ import annotations

from pathlib import Path

import pytest

from supervisor.edges.engine.podman_files import PodmanFiles


@pytest.fixture
def files(tmp_path: Path) -> PodmanFiles:
    made = PodmanFiles(tmp_path / "state", tmp_path / "run")
    made.storage.mkdir(parents=True)
    return made


def test_no_network_backend_is_named(files: PodmanFiles) -> None:
    """Podman 5 refuses to start with the one that 4.3 would need ("cni")."""
    assert "[network]" not in files._containers_conf()


def test_the_newest_storage_is_used_and_the_others_are_laid_aside(files: PodmanFiles) -> None:
    first = files.storage
    assert (first.name, files.volatile.name, files.laid_aside()) == ("storage", "podman", ())
    (files.root / "storage.conf").touch()
    (files.root / "storage-x").mkdir()
    for _ in range(9):
        files.lay_storage_aside()
    assert (files.storage.name, files.volatile.name) == ("storage-10", "podman-10")
    assert [place.name for place in files.laid_aside()][:3] == ["storage", "storage-2", "storage-3"]
    assert str(files.storage) in files._storage_conf()
    assert str(files.storage / "libpod") in files._containers_conf()


def test_a_disk_that_is_full_or_read_only_says_nothing_of_the_storage(files: PodmanFiles) -> None:
    assert files.can_be_written(1)
    assert not files.can_be_written(1 << 60)
    assert not PodmanFiles(files.state / "nowhere", files.runtime).can_be_written(1)
