"""Finds, from the labels of running containers, instances that the store has lost, and the one of them that serves."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from supervisor.decisions.container import INSTANCE_LABEL
from supervisor.decisions.instance_record import load_instance
from supervisor.values.names import ServiceName
from supervisor.values.release import InstanceState
from supervisor.values.state import Container, ContainerState, Instance

Known = tuple[tuple[Instance, InstanceState], ...]


@dataclass(frozen=True, slots=True)
class Recalled:
    """The record of one service that the store has lost: instances that it lacks, and the one that serves."""

    fresh: tuple[Instance, ...]
    active: Instance


def described(containers: Iterable[Container]) -> dict[ServiceName, tuple[Instance, ...]]:
    """Return the instances of running containers whose label is whole, by service, oldest first."""
    by_service: dict[ServiceName, list[Instance]] = {}
    for container in containers:
        if container.state is not ContainerState.RUNNING:
            continue
        with contextlib.suppress(ValueError, LookupError, TypeError, AttributeError):
            instance = load_instance(container.label(INSTANCE_LABEL) or "")
            if instance.container_name == container.name:  # not that of a check
                by_service.setdefault(instance.service, []).append(instance)
    return {
        service: tuple(sorted(all_of, key=lambda instance: instance.generation))
        for service, all_of in by_service.items()
    }


def recall(
    known: Known, running: tuple[Instance, ...], *, is_stale: bool, has_traffic: Callable[[Instance], bool]
) -> Recalled | None:
    """Return the record that the store lacks of a service; None: the store has the instance that serves.

    A store that is whole (`is_stale` is false) is believed, unless nothing that it has runs. One that was damaged is
    older than what runs, or empty: then the instance with traffic serves, else the one that it calls active, else the
    newest.
    """
    by_number: Mapping[int, Instance] = {instance.generation: instance for instance in running}
    active = next((instance for instance, state in known if state is InstanceState.ACTIVE), None)
    knows_any = any(by_number.get(instance.generation) == instance for instance, _ in known)
    if not running or (knows_any and not is_stale):
        return None
    recorded = by_number.get(active.generation) if active else None
    serving = (
        next((instance for instance in reversed(running) if has_traffic(instance)), None) or recorded or running[-1]
    )
    numbers = {instance.generation for instance, _ in known}
    fresh = tuple(instance for instance in running if instance.generation not in numbers)
    if not fresh and active == serving:
        return None
    return Recalled(fresh, serving)
