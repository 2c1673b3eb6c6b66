"""The bounds of all imported releases: the narrowest of them count, and a definition is read once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from supervisor.loop.releases.bounds import ReleaseBounds
from supervisor.values.bounds import NO_BOUNDS, Bounds
from supervisor.values.errors import ManifestError
from supervisor.values.manifest import ServiceDefinition
from tests.kit.simulation.samples import SERVICES, read_definition
from tests.kit.simulation.service import simulated_service


def test_the_bounds_of_each_version_count_and_are_read_once() -> None:
    with simulated_service(SERVICES[0]) as subject:
        store, read = subject.machine.store, list[int]()

        def with_bounds(name: str, files: Mapping[str, bytes]) -> ServiceDefinition:
            read.append(len(read))
            definition = read_definition(name, files)
            bounds = Bounds((("connections", 10 - len(read)),))
            return replace(definition, manifest=replace(definition.manifest, bounds=bounds))

        definitions = {version.definition for release in store.releases() for _, version in release.services}
        bounds = ReleaseBounds(store, with_bounds)
        assert bounds().most_of("connections") == 10 - len(definitions)
        assert bounds() == bounds()
        assert len(read) == len(definitions)


def test_a_definition_that_this_supervisor_cannot_read_has_none() -> None:
    def unreadable(name: str, files: Mapping[str, bytes]) -> ServiceDefinition:
        raise ManifestError(f"the manifest of {name}", [])

    with simulated_service(SERVICES[0]) as subject:
        assert subject.machine.store.releases()
        assert ReleaseBounds(subject.machine.store, unreadable)() == NO_BOUNDS
