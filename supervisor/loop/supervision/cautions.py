"""Asks, before a version is brought, whether its clients get on with the way it works (`cautions` of a manifest)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from supervisor.loop.generations.definitions import Definitions
from supervisor.loop.generations.instances import target_of
from supervisor.loop.world import World
from supervisor.values.errors import SupervisorError
from supervisor.values.manifest import Caution, ServiceDefinition
from supervisor.values.release import Version
from supervisor.values.router import RouterConfig
from supervisor.values.state import Instance


def cautions(world: World, version: Version, active: Instance, router: RouterConfig) -> tuple[str, ...]:
    """Return a text for each thing that works now and would not with `version`; what cannot be asked is passed over."""
    candidate = replace(active, version=version.version, release=version.release)
    try:
        definition = Definitions(world.store, world.origin.read_definition, active.service)(version.definition)
        answers = (_ask(world, caution, definition, candidate, router) for caution in definition.manifest.cautions)
        return tuple(text for texts in answers for text in texts)
    except SupervisorError:
        return ()


def _ask(
    world: World, caution: Caution, definition: ServiceDefinition, candidate: Instance, router: RouterConfig
) -> Iterator[str]:
    target = target_of(world.folders, candidate, definition)
    asked = (caution.reference, caution.probe)
    pairs = (world.renderer.probes(definition.manifest, (probe,), router, candidate) for probe in asked)
    for reference, probe in zip(*pairs, strict=False):
        if world.prober.ask(reference, target).is_good:
            result = world.prober.ask(probe, target)
            if not result.is_good:
                yield f"{caution.text}: {result.message}"
