"""Records instances that run and that the store has lost: after damage, or when its folder was lost."""

from __future__ import annotations

import logging
from collections import Counter

from supervisor.decisions.recall import Recalled, described, recall
from supervisor.loop.generations.instances import version_of
from supervisor.loop.world import World
from supervisor.values.errors import NetworkError
from supervisor.values.names import ServiceName
from supervisor.values.release import InstanceState
from supervisor.values.state import AddressFrontend, Container, Instance
from supervisor.values.status import EventRecord

log = logging.getLogger(__name__)


def recall_all(world: World) -> None:
    """Recall every service, and make the release that most of them run the current one, if there is none.

    Raises EngineError or StateError: to be repeated.
    """
    containers = world.engine.containers()
    recalled = [recall_service(world, service, containers) for service in described(containers)]
    releases = Counter(record.active.release for record in recalled if record)
    if releases and world.store.current_release() is None:
        world.store.set_current_release(releases.most_common(1)[0][0])


def recall_service(world: World, service: ServiceName, containers: tuple[Container, ...]) -> Recalled | None:
    """Record the instances of a service that run and that the store lacks, and return them; None: none was missing."""
    store, running = world.store, described(containers).get(service, ())
    if store.losses:  # a copy may be older than they are, and no number is given twice
        for instance in running:
            store.reserve_generation(service, instance.generation)
    inside = _insides(world)
    missing = recall(
        store.instances(service),
        running,
        is_stale=bool(store.losses),
        has_traffic=lambda instance: _has_traffic(instance, inside),
    )
    if missing is None:
        return None
    _record(world, service, missing)
    return missing


def _record(world: World, service: ServiceName, missing: Recalled) -> None:
    store, active = world.store, missing.active
    numbers = ", ".join(str(instance.generation) for instance in missing.fresh) or "none"
    text = f"adopted from what runs: generation {active.generation} serves; not remembered were: {numbers}"
    with store.together():
        for instance, state in store.instances(service):
            if state is InstanceState.ACTIVE and instance.generation != active.generation:
                store.set_state(service, instance.generation, InstanceState.FORMER)
        for instance in missing.fresh:
            store.reserve_generation(service, instance.generation)
            store.save_instance(instance, InstanceState.FORMER)
        store.save_instance(active, InstanceState.ACTIVE)
        store.set_desired(service, version_of(active))
        if not store.has_configuration:
            store.await_configuration(world.clock.now())
        store.log_event(EventRecord(world.clock.now(), service, "adopted", text))
    log.warning("adopted from what runs", extra={"service": service, "generation": active.generation})


def _insides(world: World) -> frozenset[str]:
    try:
        return world.switchboard.insides()
    except NetworkError as error:  # without it the newest is taken to serve
        log.warning("traffic table not read", extra={"reason": str(error)})
        return frozenset()


def _has_traffic(instance: Instance, insides: frozenset[str]) -> bool:
    """True if the kernel's table leads to the instance; an instance that needs no table never has."""
    for frontend in instance.frontends:
        address = instance.address if isinstance(frontend, AddressFrontend) else None
        if (str(address) if address else str(frontend.inside_port)) in insides:
            return True
    return False
