"""Employs the workers: one for each service of the imported releases."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from supervisor.decisions.status import ServiceSnapshot
from supervisor.loop.generations.allocation import Allocator
from supervisor.loop.releases.library import Library
from supervisor.loop.service.worker import Worker
from supervisor.loop.supervision.configuration import Configuration
from supervisor.loop.world import World
from supervisor.values.errors import SupervisorError, UnknownServiceError
from supervisor.values.names import ServiceName
from supervisor.values.router import RouterConfig

log = logging.getLogger(__name__)

CLOSE_SECONDS = 15.0  # for a step that a worker is in the middle of

NewWorker = Callable[[ServiceName, World, Allocator, Callable[[bytes], str], RouterConfig | None], Worker]


class Workers:
    """The workers of all services, by name. May be used from any thread: `by_name` is replaced whole."""

    def __init__(self, world: World, library: Library, digest: Callable[[bytes], str], new_worker: NewWorker) -> None:
        self._world, self._library, self._digest, self._new_worker = world, library, digest, new_worker
        self._allocator = Allocator(world)
        self.by_name: Mapping[ServiceName, Worker] = {}

    def __getitem__(self, service: str) -> Worker:
        """Return the worker of a service. Raises UnknownServiceError: no imported release has that."""
        worker = self.by_name.get(ServiceName(service))
        if worker is None:
            raise UnknownServiceError(service, sorted(self.by_name))
        return worker

    def snapshots(self) -> tuple[ServiceSnapshot, ...]:
        """Return the newest snapshot of every service, by name."""
        return tuple(worker.snapshot for _, worker in sorted(self.by_name.items()))

    @property
    def is_whole(self) -> bool:
        """True if the worker of every service lives."""
        return all(worker.is_alive for worker in self.by_name.values())

    def employ(self, configuration: Configuration) -> None:
        """Start a worker for every service that has none yet. Raises StateError; may be repeated.

        A router that follows no release yet follows the oldest one that is in no doubt. A service that only other
        releases hold has a worker and no desired version: it begins when somebody upgrades to such a release, or swaps
        the service.
        """
        store = self._world.store
        configuration.read_anew()
        with configuration.unchanging():  # nobody is employed with a configuration that is older than the router's
            trusted = {release.name for release in self._library.trusted()}
            for release in self._library.by_age():
                current = store.current_release()
                is_followed = release.name in trusted and current in (None, release.name)
                for service, version in release.services:
                    if is_followed and store.desired(service) is None:
                        store.set_desired(service, version)
                    if service not in self.by_name:
                        self._employ(service, configuration)
                if current is None and is_followed:
                    store.set_current_release(release.name)

    def _employ(self, service: ServiceName, configuration: Configuration) -> None:
        worker = self._new_worker(service, self._world, self._allocator, self._digest, configuration.router)
        self.by_name = {**self.by_name, service: worker}
        worker.start()
        configuration.give(worker)

    def stop_services(self) -> None:
        """Take the containers along: for a router that is to be left empty."""
        for worker in self.by_name.values():
            try:
                worker.stop_service()
            except SupervisorError as error:
                log.error("service not stopped", extra={"service": worker.name, "reason": str(error)})

    def close(self) -> None:
        """End every worker between two steps. Services keep running."""
        for worker in self.by_name.values():
            worker.ask_to_stop()
        for worker in self.by_name.values():
            worker.join(timeout=CLOSE_SECONDS)
