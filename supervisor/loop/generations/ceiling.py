"""Refuses what asks for more than the settings of this router allow: when it arrives, and again before it is made.

What runs goes on, and is started again where it was: it was judged when it was made, and settings that were lowered
since are no reason for an outage. Nothing new is made of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from supervisor.decisions.ceiling import excesses
from supervisor.values.ceiling import Ceiling
from supervisor.values.errors import Fault, OverCeilingError
from supervisor.values.manifest import ServiceDefinition, ServiceManifest


def refuse_over_ceiling(ceiling: Ceiling, manifest: ServiceManifest) -> None:
    """Return if a service keeps within the ceiling.

    Raises OverCeilingError: with all that it asks for beyond it.
    """
    if faults := excesses(manifest, ceiling):
        raise OverCeilingError(f"the manifest of {manifest.name}", faults)


def refuse_release_over_ceiling(ceiling: Ceiling, release: str, definitions: Iterable[ServiceDefinition]) -> None:
    """Return if all services of a release keep within the ceiling.

    Raises OverCeilingError: with all that any of them asks for beyond it.
    """
    if faults := release_excesses(ceiling, definitions):
        raise OverCeilingError(f"release {release}", faults)


def release_excesses(ceiling: Ceiling, definitions: Iterable[ServiceDefinition]) -> tuple[Fault, ...]:
    """Return what the services of a release ask for beyond the ceiling, with paths `services.NAME.KEY`."""
    return tuple(
        replace(fault, path=f"services.{definition.manifest.name}.{fault.path}")
        for definition in definitions
        for fault in excesses(definition.manifest, ceiling)
    )
