"""All services together: starts what there is to start, and answers what the surface asks.

Satisfies the surface's `Control`; see there for the rules of its iterators.
"""

from __future__ import annotations

import functools
import logging
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence

import supervisor
from supervisor.decisions.versions import match_version
from supervisor.loop.generations.allocation import Allocator
from supervisor.loop.handover.run import Listener
from supervisor.loop.releases.library import Library
from supervisor.loop.releases.media_queue import MediaQueue
from supervisor.loop.releases.storage_repair import StorageRepair
from supervisor.loop.service.report import bundle_status, service_status
from supervisor.loop.service.worker import Worker
from supervisor.loop.supervision import streams
from supervisor.loop.supervision.cautions import cautions
from supervisor.loop.supervision.configuration import Configuration
from supervisor.loop.supervision.consoles import console, counted
from supervisor.loop.supervision.detached import detached
from supervisor.loop.supervision.engine_migration import EngineMigration
from supervisor.loop.supervision.engine_wait import EngineWait
from supervisor.loop.supervision.jobs import Jobs
from supervisor.loop.supervision.spent_items import SpentItems
from supervisor.loop.supervision.startup import AWAITS_CONFIGURATION, start_up
from supervisor.loop.supervision.startup_tasks import StartupTasks
from supervisor.loop.supervision.survey import ItemSurvey
from supervisor.loop.supervision.upgrade import upgrade
from supervisor.loop.world import World
from supervisor.ports.engine import EngineMove
from supervisor.ports.intake import Intake
from supervisor.ports.media import MediaWatch
from supervisor.values.errors import (
    RequestError,
    StateError,
    SupervisorError,
    UnknownReleaseError,
    UnknownServiceError,
)
from supervisor.values.handover import NO_WAIVER, Kind, Waiver
from supervisor.values.names import ServiceName
from supervisor.values.release import Release, Version
from supervisor.values.router import RouterConfig
from supervisor.values.status import (
    BundleStatus,
    EventRecord,
    HandoverRecord,
    PlannedStep,
    Progress,
    ServiceState,
    SupervisorStatus,
)

log = logging.getLogger(__name__)

APPLY_SECONDS = 60.0  # for a configuration to serve: longer than a candidate has to become ready, and to be undone

Employ = Callable[[ServiceName, World, Allocator, Callable[[bytes], str], RouterConfig | None], Worker]


class Supervision:
    """Builds one worker for each service of the imported releases."""

    def __init__(
        self,
        world: World,
        library: Library,
        intake: Intake,
        digest: Callable[[bytes], str],
        watch: MediaWatch,
        employ: Employ = Worker,
        move: EngineMove | None = None,
    ) -> None:
        self._world, self._library, self._digest = world, library, digest
        self._new_worker, self._move = employ, move
        self._allocator = Allocator(world)
        self._workers: dict[ServiceName, Worker] = {}
        self._started = world.clock.now()
        self._jobs = Jobs()
        self._closing = threading.Event()
        self._engine_wait = EngineWait(world.engine, self._closing)
        self._startup_tasks = StartupTasks(self._closing)
        self._configuration = Configuration(
            world, intake, digest, self._startup_tasks, lambda: self._workers, self._event
        )
        self._spent = SpentItems(
            world, lambda: tuple(self._workers.values()), self._configuration.forget, self._closing
        )
        self._storage_repair = StorageRepair(
            world, library, lambda: self._media_queue.offered, self._event, self._closing
        )
        self._media_queue = MediaQueue(library, watch, lambda: self._configuration.known, self._employ_all, self._event)
        self._survey = ItemSurvey(world, lambda: tuple(self._workers.values()), self._closing)

    # ------------------------------------------------------------ life

    def start(self, media: Sequence[str], commands: Sequence[tuple[str, bytes]]) -> None:
        """Bring the router up: the engine, what ran before, what is configured; what is attached follows beside that.

        Only an engine that never comes ends it: a kernel or a disk that refuses something is told, and asked again.
        """
        self._engine_wait.begin()
        start_up(self._world, self._startup_tasks, self._event, is_engine_here=not self._engine_wait.message)
        self._startup_tasks.do("configuration", functools.partial(self._configuration.boot, commands))
        self._employ_all()  # what ran before is adopted before a medium is looked at
        self._engine_wait.then(functools.partial(self._media_queue.begin, media))

    def attend(self) -> None:
        """Begin what goes on beside the workers, on threads of its own, until the supervisor is closed."""
        self._spent.start()
        self._survey.start()
        self._engine_wait.then(self._storage_repair.start)

    def close(self) -> None:
        """End every worker between two steps. Services keep running."""
        self._closing.set()
        self._storage_repair.close()
        self._media_queue.close()
        for worker in self._workers.values():
            worker.ask_to_stop()
        for worker in self._workers.values():
            worker.join(timeout=15.0)
        self._survey.join(timeout=5.0)
        self._release_ports()

    @property
    def is_whole(self) -> bool:
        """Is every service looked after?"""
        return all(worker.is_alive for worker in self._workers.values())

    def _release_ports(self) -> None:
        """A rule that leads to a socket of this process must not outlive it: a daemon may be there by then."""
        try:
            self._world.switchboard.release_all()
        except SupervisorError as error:
            log.error("ports not released", extra={"reason": str(error)})

    def stop_services(self) -> None:
        """Take the containers along: for a router that is to be left empty."""
        for worker in self._workers.values():
            try:
                worker.stop_service()
            except SupervisorError as error:
                log.error("service not stopped", extra={"service": worker.name, "reason": str(error)})

    def _employ_all(self) -> None:
        self._startup_tasks.do("services", self._employ)

    def _employ(self) -> None:
        """Start a worker for every service that has none yet.

        A router that follows no release yet follows the oldest one. A service that only other releases hold has a
        worker and no desired version: it begins when somebody upgrades to such a release, or swaps the service.
        """
        store = self._world.store
        self._configuration.read_anew()
        with self._configuration.unchanging():  # nobody is employed with one that is older than the router's
            for release in self._library.by_age():
                is_followed = store.current_release() in (None, release.name)
                for service, version in release.services:
                    if is_followed and store.desired(service) is None:
                        store.set_desired(service, version)
                    if service not in self._workers:
                        known = self._configuration.router
                        worker = self._new_worker(service, self._world, self._allocator, self._digest, known)
                        self._workers = {**self._workers, service: worker}
                        worker.start()
                        self._configuration.give(worker)
                if store.current_release() is None:
                    store.set_current_release(release.name)

    # ------------------------------------------------------------ configuration

    def show_config(self) -> dict[str, object]:
        return self._configuration.show()

    def apply_config(
        self, files: tuple[tuple[str, bytes], ...], wait: bool = True, timeout: float = APPLY_SECONDS
    ) -> Iterator[Progress]:
        return self._configuration.apply(files, timeout if wait else None, self._closing)

    def diff_config(self, files: tuple[tuple[str, bytes], ...]) -> str:
        return self._configuration.diff(files)

    # ------------------------------------------------------------ what is

    def status(self) -> SupervisorStatus:
        store = self._world.store
        statuses = (
            service_status(worker, store, self._survey.message(name)) for name, worker in sorted(self._workers.items())
        )
        services = tuple(one for one in statuses if one.state is not ServiceState.ABSENT)  # nobody asked for those yet
        current = store.current_release()
        bundle = next((one for one in self.bundles() if one.release == current), None)
        return SupervisorStatus(
            version=supervisor.__version__,
            pid=os.getpid(),
            started=self._started,
            engine=self._world.engine.name,
            engine_version=self._engine_wait.version,
            is_ready=bool(services) and all(service.is_ready for service in services),
            message="; ".join(filter(None, self._messages())),
            bundle=bundle,
            services=services,
        )

    def _messages(self) -> Iterator[str]:
        yield from (self._engine_wait.message, self._startup_tasks.message, self._storage_repair.message)
        if self._world.store.awaits_configuration:
            yield AWAITS_CONFIGURATION
        yield from map(str, self._configuration.faults)
        yield from self._unfinished_move()

    def _unfinished_move(self) -> Iterator[str]:
        if self._move and self._move.leaving:
            yield f"moving from {self._move.leaving} to {self._world.engine.name}"

    def bundles(self) -> tuple[BundleStatus, ...]:
        current = self._world.store.current_release()
        return tuple(bundle_status(release, current) for release in self._world.store.releases())

    def history(self, service: str | None, limit: int) -> tuple[HandoverRecord, ...]:
        name = self._worker(service).name if service else None
        return self._world.store.history(name, limit)

    def handover_totals(self) -> Iterable[tuple[str, str, str, int]]:
        return self._world.store.handover_totals()

    def phase_seconds(self) -> Iterable[tuple[str, str, float, int]]:
        return self._world.store.step_totals()

    def counted(self) -> Iterable[tuple[str, str, str, int]]:
        for worker in self._workers.values():
            yield from counted(worker, self._world)

    @property
    def counting(self) -> tuple[str, ...]:
        """Services that run and whose counters are added up."""
        workers = self._workers.values()
        return tuple(w.name for w in workers if w.keeper and w.keeper.definition.manifest.counters)

    def console(self, service: str, line: str) -> str:
        return console(self._worker(service), self._world, self._configuration.router or RouterConfig(), line)

    def logs(self, service: str, tail: int, follow: bool) -> Iterator[bytes]:
        keeper = self._worker(service).keeper
        if keeper is None:
            raise RequestError(f"cannot show logs of {service}: nothing of it runs")
        return self._world.engine.logs(keeper.instance.container_name, tail, follow)

    def events(self, follow: bool) -> Iterator[EventRecord]:
        return streams.events(self._world, self._closing, waits=follow)

    # ------------------------------------------------------------ hand-overs

    def plan(self, release: str | None) -> tuple[PlannedStep, ...]:
        """What `upgrade` to that release, or else the newest one, would do."""
        target = self._release(release) if release or self._library.by_age() else None
        steps = []
        for name, worker in sorted(self._workers.items()):
            desired = self._world.store.desired(name)
            wanted = desired
            if target and not self._world.store.pinned(name):
                wanted = target.version_of(name) or desired
            action = worker.plan(wanted)
            runs = worker.keeper.instance.version if worker.keeper else None
            reason = "; caution: ".join((action.reason, *self._cautions(worker, wanted)))
            steps.append(PlannedStep(name, action.word, runs, wanted.version if wanted else None, reason))
        return tuple(steps)

    def _cautions(self, worker: Worker, wanted: Version | None) -> tuple[str, ...]:
        keeper = worker.keeper
        if keeper and wanted and self._configuration.router and keeper.instance.version != wanted.version:
            return cautions(self._world, wanted, keeper.instance, self._configuration.router)
        return ()

    def swap(
        self, service: str, version: str | None, wait: bool, waiver: Waiver = NO_WAIVER, asked_by: str = ""
    ) -> Iterator[Progress]:
        worker = self._worker(service)
        known = self._versions(worker.name)
        if version is None:
            wanted = known[-1]
        else:
            text = match_version(service, version, tuple(dict.fromkeys(one.version for one in known)))
            wanted = next(one for one in reversed(known) if one.version == text)
        listener = worker.begin(Kind.SWAP, wanted, waiver)
        by = f" by {asked_by}" if asked_by else ""
        self._event(service, "asked", f"swap to {wanted.version}{by}{'; ' if waiver.words else ''}{waiver}")
        return self._follow(listener, wait, note=str(waiver))

    def rollback(self, service: str, wait: bool) -> Iterator[Progress]:
        worker = self._worker(service)
        listener = worker.revert()
        if listener is not None:
            return self._follow(listener, wait, is_revert=True)
        previous = self._world.store.previous(worker.name)
        if previous is None:
            raise RequestError(f"cannot roll back {service}: there is no former generation")
        return self._follow(worker.begin(Kind.ROLLBACK, previous), wait)

    def restart(self, service: str, wait: bool) -> Iterator[Progress]:
        return self._follow(self._worker(service).begin(Kind.RESTART, None), wait)

    def confirm(self, service: str) -> None:
        self._worker(service).confirm()

    def upgrade(self, release: str | None, wait: bool) -> Iterator[Progress]:
        target = self._release(release)
        return self._jobs.begin(f"upgrade to {target.name}", upgrade(self._world, target, self._upgraded), wait)

    def _upgraded(self, service: ServiceName, version: Version) -> Iterator[Progress]:
        return self._follow(self._worker(service).begin(Kind.UPGRADE, version), wait=True)

    def migrate_engine(self, to: str, wait: bool) -> Iterator[Progress]:
        return self._jobs.begin(f"move to {to}", self._migrate(to), wait)

    def _migrate(self, to: str) -> Iterator[Progress]:
        if self._move is None:
            raise RequestError(f"cannot move to {to}: this supervisor has one engine only")
        follow = functools.partial(self._follow, wait=True)
        move = EngineMigration(self._world, self._move, self._workers, follow, self._library.images, self._closing)
        move.begin(to)
        self._engine_wait.version = self._world.engine.ping()
        yield from move.carry_out()

    def pin(self, service: str) -> None:
        self._world.store.set_pinned(self._worker(service).name, True)

    def unpin(self, service: str) -> None:
        self._world.store.set_pinned(self._worker(service).name, False)

    # ------------------------------------------------------------ bundles

    def verify_bundle(self, path: str) -> Iterator[Progress]:
        return self._library.verify(path)

    def import_bundle(self, path: str, allow_downgrade: bool) -> Iterator[Progress]:
        return detached(self._import(path, allow_downgrade))

    def _import(self, path: str, allow_downgrade: bool) -> Iterator[Progress]:
        for progress in self._library.take_in(path, self._configuration.known, allow_downgrade=allow_downgrade):
            if progress.is_final:
                self._employ()
            yield progress

    def prune_bundles(self) -> tuple[str, ...]:
        return self._library.prune()

    # ------------------------------------------------------------ parts

    def _follow(self, listener: Listener, wait: bool, *, is_revert: bool = False, note: str = "") -> Iterator[Progress]:
        if not wait:
            return iter([Progress("", "accepted", f"accepted{'; ' if note else ''}{note}", is_final=True)])
        return streams.follow(listener, self._closing, is_revert=is_revert)

    def _worker(self, service: str) -> Worker:
        worker = self._workers.get(ServiceName(service))
        if worker is None:
            raise UnknownServiceError(service, sorted(self._workers))
        return worker

    def _versions(self, service: ServiceName) -> list[Version]:
        """Every imported version of the service, oldest release first."""
        found = [release.version_of(service) for release in self._library.by_age()]
        return [version for version in found if version]

    def _release(self, name: str | None) -> Release:
        known = self._library.by_age()
        for release in reversed(known):
            if name in (None, release.name):
                return release
        raise UnknownReleaseError(name, [release.name for release in known])

    def _event(self, service: str, name: str, message: str) -> None:
        try:
            self._world.store.log_event(EventRecord(self._world.clock.now(), service, name, message))
        except StateError as error:  # what it tells of is in the log already, and goes on
            log.error("event not recorded", extra={"service": service, "event": name, "reason": str(error)})
