"""Allocates the number, the place in the network and the ports of a new generation, and records it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from supervisor.decisions.addresses import allocate_link, allocate_ports, own_mac
from supervisor.loop.world import World
from supervisor.ports.files import Renderer
from supervisor.values.manifest import NetworkMode, ServiceDefinition
from supervisor.values.names import ServiceName
from supervisor.values.release import InstanceState, Version
from supervisor.values.router import RouterConfig
from supervisor.values.state import Instance


class Allocator:
    """Allocates for all workers: two services never get the same address or port."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._lock = threading.Lock()

    @contextmanager
    def new_instance(self, definition: ServiceDefinition, version: Version, router: RouterConfig) -> Iterator[Instance]:
        """Yield a candidate with its frontends resolved; it is recorded with what the block records, or not at all.

        Raises RenderError: when a frontend cannot be rendered; NetworkError: when no address or port is free;
        RequestError: when another service has a frontend of its; StateError: when the store refused.
        """
        manifest = definition.manifest
        with self._lock:
            known = [instance for instance, _ in self._world.store.instances()]
            generation = self._world.store.next_generation(manifest.name)
            link = None
            ports: tuple[tuple[str, int], ...] = tuple((port.name, port.number or 0) for port in manifest.ports)
            if manifest.network is NetworkMode.ISOLATED:
                used = tuple(instance.link for instance in known if instance.link)
                settings, networks = self._world.settings, self._world.kernel.links.taken()
                link = allocate_link(manifest.name, generation, used, networks, settings.pool, settings.namespaces)
            else:
                taken = frozenset(number for instance in known if not instance.link for _, number in instance.ports)
                ports = allocate_ports(manifest.ports, taken)
            former = self._active(manifest.name)
            instance = Instance(
                service=manifest.name,
                generation=generation,
                version=version.version,
                release=version.release,
                image=version.image,
                definition=version.definition,
                link=link,
                ports=ports,
                masquerades=manifest.masquerades,
                mac=own_mac(os.urandom(6)),
                sync_port=manifest.sync_port,
                former=former.generation if former else None,
                former_address=former.address if former else None,
            )
            instance = with_frontends(self._world.renderer, definition, router, instance)
            self._world.switchboard.check(instance)
            with self._world.store.together():
                self._world.store.save_instance(instance, InstanceState.CANDIDATE)
                yield instance

    def _active(self, service: ServiceName) -> Instance | None:
        for instance, state in self._world.store.instances(service):
            if state is InstanceState.ACTIVE:
                return instance
        return None


def with_frontends(
    renderer: Renderer, definition: ServiceDefinition, router: RouterConfig, instance: Instance
) -> Instance:
    """Return the instance with the frontends that `router` asks for. Raises RenderError."""
    return replace(instance, frontends=renderer.frontends(definition.manifest, router, instance))
