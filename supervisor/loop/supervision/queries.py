"""Queries: what the supervision answers without changing anything. Status is answered from memory alone."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

import supervisor
from supervisor.decisions.doubt import trust_status, warnings
from supervisor.decisions.status import ServiceFacts, ServiceSnapshot, release_status, service_status
from supervisor.loop.releases.judgement import CeilingMarks
from supervisor.loop.supervision import streams
from supervisor.loop.supervision.choices import find_release
from supervisor.loop.supervision.consoles import console, counted, counts
from supervisor.loop.supervision.lost_configuration import AWAITS_CONFIGURATION
from supervisor.loop.supervision.parts import SupervisionParts, WithParts
from supervisor.ports.store import Store
from supervisor.values.errors import RequestError
from supervisor.values.listing import listed
from supervisor.values.release import InstanceState
from supervisor.values.router import RouterConfig
from supervisor.values.status import (
    ContainedPackage,
    EventRecord,
    HandoverRecord,
    PackageChange,
    PlannedStep,
    ReleaseStatus,
    ServiceSbom,
    ServiceState,
    SupervisorStatus,
    TrustStatus,
)


class Queries(WithParts):
    """The part of the surface's `Control` that reads; see there for the rules of its iterators."""

    def __init__(self, parts: SupervisionParts) -> None:
        super().__init__(parts)
        self._started = parts.world.clock.now()
        self._ceiling_marks = CeilingMarks(parts.world)

    def status(self) -> SupervisorStatus:
        world, store = self._parts.world, self._parts.world.store
        epoch = world.clock.now() - world.clock.monotonic()
        statuses = (
            service_status(snapshot, facts_of(snapshot, store), epoch, self._parts.survey.message(snapshot.service))
            for snapshot in self._parts.workers.snapshots()
        )
        services = tuple(status for status in statuses if status.state is not ServiceState.ABSENT)  # nobody wants those
        current, secrets = store.current_release(), store.secrets()
        return SupervisorStatus(
            version=supervisor.__version__,
            pid=os.getpid(),
            started=self._started,
            engine=world.engine.name,
            engine_version=self._parts.startup.engine_wait.version,
            is_ready=bool(services) and all(service.is_ready for service in services),
            message=listed(filter(None, self._messages(secrets.message))),
            bundle=next((status for status in self.releases() if status.release == current), None),
            services=services,
            secrets=secrets,
        )

    def _messages(self, of_secrets: str) -> Iterator[str]:
        parts = self._parts
        yield from (parts.startup.engine_wait.message, parts.startup.tasks.message, parts.storage_repair.message)
        if parts.world.store.awaits_configuration:
            yield AWAITS_CONFIGURATION
        if of_secrets not in parts.startup.tasks.message:
            yield of_secrets
        yield from map(str, parts.configuration.faults)
        yield from self._ceiling_marks.messages()
        yield from self._trust_warnings()
        if parts.move and parts.move.leaving:
            yield f"moving from {parts.move.leaving} to {parts.world.engine.name}"

    def _trust_warnings(self) -> tuple[str, ...]:
        world, store = self._parts.world, self._parts.world.store
        concern = {instance.release for instance, state in store.instances() if state is InstanceState.ACTIVE}
        concern.add(store.current_release() or "")
        releases = [release for release in store.releases() if release.name in concern]
        return warnings(world.origin.trust.state(), world.settings.trust_policy, releases, world.clock.now())

    def trust(self) -> TrustStatus:
        world, said = self._parts.world, self._trust_warnings()
        return trust_status(world.origin.trust.state(), world.settings.trust_policy, said, world.clock.now())

    def plan(self, release: str | None) -> tuple[PlannedStep, ...]:
        """Return what `upgrade` to that release, or else to the newest one, would do to each service."""
        library, router = self._parts.library, self._parts.configuration.router
        target = find_release(library, release) if release or library.by_age() else None
        snapshots = self._parts.workers.snapshots()
        return tuple(self._parts.planner.step(snapshot, target, router) for snapshot in snapshots)

    def releases(self) -> tuple[ReleaseStatus, ...]:
        store = self._parts.world.store
        current = store.current_release()
        doubt = self._parts.library.doubt
        return tuple(release_status(release, current, doubt(release)) for release in store.releases())

    def sboms(self, release: str) -> Iterator[ServiceSbom]:
        return iter(self._parts.library.contents.sboms(release))

    def diff_releases(self, former: str, later: str) -> tuple[PackageChange, ...]:
        return self._parts.library.contents.changes(former, later)

    def find_package(self, package: str) -> tuple[ContainedPackage, ...]:
        return self._parts.library.contents.contained(package)

    def history(self, service: str | None, limit: int) -> tuple[HandoverRecord, ...]:
        name = self._parts.workers[service].name if service else None
        return self._parts.world.store.history(name, limit)

    def logs(self, service: str, tail: int, follow: bool) -> Iterator[bytes]:
        active = self._parts.workers[service].snapshot.active
        if active is None:
            raise RequestError(f"cannot show logs of {service}: nothing of it runs")
        return self._parts.world.engine.logs(active.instance.container_name, tail, follow)

    def events(self, follow: bool) -> Iterator[EventRecord]:
        world = self._parts.world
        return streams.events(world.store, world.clock, self._parts.closing, waits=follow)

    def show_config(self) -> dict[str, object]:
        return self._parts.configuration.show()

    def diff_config(self, files: tuple[tuple[str, bytes], ...]) -> str:
        return self._parts.configuration.diff(files)

    # ------------------------------------------------------------ counts

    def handover_totals(self) -> Iterable[tuple[str, str, str, int]]:
        return self._parts.world.store.handover_totals()

    def phase_seconds(self) -> Iterable[tuple[str, str, float, int]]:
        return self._parts.world.store.step_totals()

    def counted(self) -> Iterable[tuple[str, str, str, int]]:
        for snapshot in self._parts.workers.snapshots():
            yield from counted(snapshot, self._parts.world.shared.ledger, self._parts.world.store)

    @property
    def counting(self) -> tuple[str, ...]:
        """Services that run and whose counters are added up."""
        return tuple(snapshot.service for snapshot in self._parts.workers.snapshots() if counts(snapshot))

    def console(self, service: str, line: str) -> str:
        """Return the answer of a service's daemon to a line; see `consoles`. Raises RequestError, ProbeError."""
        router = self._parts.configuration.router or RouterConfig()
        return console(self._parts.workers[service].snapshot, self._parts.world, router, line)


def facts_of(snapshot: ServiceSnapshot, store: Store) -> ServiceFacts:
    """Return what the store says of the service."""
    service = snapshot.service
    return ServiceFacts(store.desired(service), store.restarts(service), store.pinned(service))
