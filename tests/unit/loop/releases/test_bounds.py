"""The bounds of the versions that run or are to run: the narrowest of them count, and a definition is read once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from supervisor.loop.releases.bounds import ReleaseBounds
from supervisor.loop.world import ReadDefinition
from supervisor.values.bounds import BUILT_IN_BOUNDS, Bounds
from supervisor.values.errors import ManifestError
from supervisor.values.manifest import ServiceDefinition
from tests.kit.simulation.machine import SimulatedMachine
from tests.kit.simulation.samples import SERVICES, read_definition
from tests.kit.simulation.service import simulated_service

BOUNDS_OF = {"1.0": 10, "2.0": 5, "3.0": 1}


def reading(count: list[int]) -> ReadDefinition:
    """Read definitions whose bound is that of BOUNDS_OF for their version."""

    def with_bounds(name: str, files: Mapping[str, bytes]) -> ServiceDefinition:
        count.append(1)
        number = next(
            most for version, most in BOUNDS_OF.items() if f"version {version} ".encode() in files["manifest.yaml"]
        )
        definition = read_definition(name, files)
        return replace(definition, manifest=replace(definition.manifest, bounds=Bounds((("connections", number),))))

    return with_bounds


def test_the_desired_version_counts_and_an_import_alone_changes_nothing() -> None:
    with simulated_service(SERVICES[0]) as subject:
        store, count = subject.machine.store, list[int]()
        assert [release.name for release in store.releases()] == ["1.0", "2.0", "3.0"]
        bounds = ReleaseBounds(store, store, reading(count))
        assert bounds() == bounds() == Bounds((("connections", 10),))
        before = len(count)
        newest = dict(store.releases()[-1].services)[SERVICES[0]]
        store.set_desired(SERVICES[0], newest)
        assert bounds().most_of("connections") == 1
        assert len(count) == before + 1


def test_a_service_without_a_desired_version_counts_by_its_oldest_release(tmp_path: Path) -> None:
    machine = SimulatedMachine(tmp_path)
    with simulated_service(SERVICES[0]) as subject:
        store = subject.machine.store
        bounds = ReleaseBounds(store, machine.store, reading([]))
        assert machine.store.desired(SERVICES[0]) is None
        assert bounds().most_of("connections") == 10


def test_before_a_release_is_imported_the_built_in_ones_count(tmp_path: Path) -> None:
    store = SimulatedMachine(tmp_path).store
    assert ReleaseBounds(store, store, read_definition)() == BUILT_IN_BOUNDS


def test_a_definition_that_this_supervisor_cannot_read_has_the_built_in_ones() -> None:
    def unreadable(name: str, files: Mapping[str, bytes]) -> ServiceDefinition:
        raise ManifestError(f"the manifest of {name}", [])

    with simulated_service(SERVICES[0]) as subject:
        store = subject.machine.store
        assert store.releases()
        assert ReleaseBounds(store, store, unreadable)() == BUILT_IN_BOUNDS
