"""All services together: starts what there is to start, and answers what the surface asks.

Satisfies the surface's `Control`; see there for the rules of its iterators.
"""

from __future__ import annotations

import difflib
import functools
import json
import logging
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence

import supervisor
from supervisor.decisions.show import show
from supervisor.decisions.versions import match_version
from supervisor.loop import following
from supervisor.loop.allocation import Allocator
from supervisor.loop.arrival import Arrival
from supervisor.loop.campaign import Campaigns
from supervisor.loop.chores import Chores
from supervisor.loop.detached import detached
from supervisor.loop.library import Library
from supervisor.loop.migration import Migration
from supervisor.loop.reception import Reception
from supervisor.loop.report import bundle_status, service_status
from supervisor.loop.surveying import Surveyor
from supervisor.loop.switchboard import recorded
from supervisor.loop.upgrading import upgrade
from supervisor.loop.walk import Listener
from supervisor.loop.worker import Worker
from supervisor.loop.world import World
from supervisor.ports import EngineMove, Intake, MediaWatch
from supervisor.values.errors import (
    ConfigurationError,
    NetworkError,
    RequestError,
    StateError,
    SupervisorError,
    UnknownReleaseError,
    UnknownServiceError,
)
from supervisor.values.handover import Kind
from supervisor.values.names import ServiceName
from supervisor.values.release import Release, Version
from supervisor.values.router import RouterConfig
from supervisor.values.status import (
    BundleStatus,
    EventRecord,
    HandoverRecord,
    PlannedStep,
    Progress,
    SupervisorStatus,
)

log = logging.getLogger(__name__)

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
        self._world, self._library, self._intake, self._digest = world, library, intake, digest
        self._new_worker, self._move = employ, move
        self._allocator = Allocator(world)
        self._workers: dict[ServiceName, Worker] = {}
        self._configuring = threading.Lock()
        self._boot_commands: tuple[str, ...] = ()  # identities of those that were there at boot and are taken in
        self._router: RouterConfig | None = None
        self._faults: tuple[str, ...] = ()
        self._started = world.clock.now()
        self._campaigns = Campaigns()
        self._key = os.urandom(16)  # of this process only: what it hides is compared within one life
        self._closing = threading.Event()
        self._arrival = Arrival(world.engine, self._closing)
        self._chores = Chores(self._closing)
        self._reception = Reception(
            library, watch, lambda: self._router or RouterConfig(), self._employ_all, self._event
        )
        self._surveyor = Surveyor(world, lambda: tuple(self._workers.values()), self._closing)

    # ------------------------------------------------------------ life

    def start(self, media: Sequence[str], commands: Sequence[tuple[str, bytes]]) -> None:
        """Bring the router up: the engine, what ran before, what is configured; what is attached follows beside that.

        Only an engine that never comes ends it: a kernel or a disk that refuses something is told, and asked again.
        """
        self._arrival.begin()
        self._restore()
        self._chores.do("configuration", functools.partial(self._configure_boot, commands))
        self._employ_all()  # what ran before is adopted before a medium is looked at
        self._arrival.then(functools.partial(self._reception.begin, media))
        self._surveyor.start()

    def close(self) -> None:
        """End every worker between two steps. Services keep running."""
        self._closing.set()
        self._reception.close()
        for worker in self._workers.values():
            worker.ask_to_stop()
        for worker in self._workers.values():
            worker.join(timeout=15.0)
        self._surveyor.join(timeout=5.0)
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

    def _restore(self) -> None:
        try:
            self._world.switchboard.restore(recorded(self._world.store.instances()))
        except NetworkError:
            self._chores.do("traffic", self._world.switchboard.refresh)

    def _employ_all(self) -> None:
        self._chores.do("services", self._employ)

    def _employ(self) -> None:
        """Start a worker for every service that has none yet; a service that is new follows the oldest release."""
        store = self._world.store
        with self._configuring:  # nobody is employed with a configuration that is older than the router's
            for release in self._library.by_age():
                for service, version in release.services:
                    if store.desired(service) is None:
                        store.set_desired(service, version)
                    if service not in self._workers:
                        worker = self._new_worker(service, self._world, self._allocator, self._digest, self._router)
                        self._workers = {**self._workers, service: worker}
                        worker.start()
                if store.current_release() is None:
                    store.set_current_release(release.name)

    # ------------------------------------------------------------ configuration

    def _configure_boot(self, commands: Sequence[tuple[str, bytes]]) -> None:
        with self._configuring:
            try:
                self._take_boot_commands(commands)
            finally:
                self._read_configuration()  # at least what was kept

    def _take_boot_commands(self, commands: Sequence[tuple[str, bytes]]) -> None:
        """Files that were taken in before are passed over: a password that was used must not be offered again."""
        store, there = self._world.store, {self._identity(*command): command for command in commands}
        self._boot_commands = tuple(there.keys() & store.taken_commands())
        if fresh := [command for identity, command in there.items() if identity not in self._boot_commands]:
            self._take(fresh)
            self._boot_commands = tuple(there.keys() & store.taken_commands())

    def _take(self, files: Sequence[tuple[str, bytes]]) -> None:
        taken = self._intake.take(self._world.store.bags(), files)
        accepted = set(taken.accepted)
        identities = [self._identity(name, content) for name, content in files if name in accepted]
        self._world.store.save_bags(taken.kept, (*self._boot_commands, *identities))
        for fault in taken.refused:
            log.error("command refused", extra={"file": fault.path, "reason": fault.problem})
            self._event("", "command-refused", str(fault))

    def _identity(self, name: str, content: bytes) -> str:
        return self._digest(name.encode(errors="surrogateescape") + b"\0" + content)

    def _read_configuration(self) -> None:
        kept = self._world.store.bags()
        if kept is None:
            return
        router, faults = self._intake.interpret(kept)
        self._router, self._faults = router, tuple(str(fault) for fault in faults)
        for fault in self._faults:
            log.error("configuration refused", extra={"reason": fault})
        for worker in self._workers.values():
            worker.configure(router)

    def show_config(self) -> dict[str, object]:
        return show(self._router or RouterConfig(), self._key)

    def apply_config(self, files: tuple[tuple[str, bytes], ...]) -> Iterator[Progress]:
        with self._configuring:
            self._refuse_bad(files)
            self._take(files)
            self._read_configuration()
        yield Progress("", "accepted", f"{len(files)} files taken in", fraction=1.0, is_final=True)

    def diff_config(self, files: tuple[tuple[str, bytes], ...]) -> str:
        taken = self._refuse_bad(files)
        after, _ = self._intake.interpret(taken)
        before = json.dumps(show(self._router or RouterConfig(), self._key), indent=2).splitlines()
        wanted = json.dumps(show(after, self._key), indent=2).splitlines()
        return "\n".join(difflib.unified_diff(before, wanted, "configured", "with these files", lineterm=""))

    def _refuse_bad(self, files: Sequence[tuple[str, bytes]]) -> str:
        taken = self._intake.take(self._world.store.bags(), files)
        if taken.refused:
            raise ConfigurationError("cannot take in configuration: " + "; ".join(str(one) for one in taken.refused))
        return taken.kept

    # ------------------------------------------------------------ what is

    def status(self) -> SupervisorStatus:
        store = self._world.store
        services = tuple(
            service_status(worker, store, self._surveyor.message(name))
            for name, worker in sorted(self._workers.items())
        )
        current = store.current_release()
        bundle = next((one for one in self.bundles() if one.release == current), None)
        return SupervisorStatus(
            version=supervisor.__version__,
            pid=os.getpid(),
            started=self._started,
            engine=self._world.engine.name,
            engine_version=self._arrival.version,
            is_ready=bool(services) and all(service.is_ready for service in services),
            message="; ".join(
                filter(None, (self._arrival.message, self._chores.message, *self._faults, *self._unfinished_move()))
            ),
            bundle=bundle,
            services=services,
        )

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
        return self._world.store.phase_totals()

    def logs(self, service: str, tail: int, follow: bool) -> Iterator[bytes]:
        keeper = self._worker(service).keeper
        if keeper is None:
            raise RequestError(f"cannot show logs of {service}: nothing of it runs")
        return self._world.engine.logs(keeper.instance.container_name, tail, follow)

    def events(self, follow: bool) -> Iterator[EventRecord]:
        return following.events(self._world, self._closing, waits=follow)

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
            steps.append(PlannedStep(name, action.word, runs, wanted.version if wanted else None, action.reason))
        return tuple(steps)

    def swap(self, service: str, version: str | None, wait: bool) -> Iterator[Progress]:
        worker = self._worker(service)
        known = self._versions(worker.name)
        if version is None:
            wanted = known[-1]
        else:
            text = match_version(service, version, tuple(dict.fromkeys(one.version for one in known)))
            wanted = next(one for one in reversed(known) if one.version == text)
        return self._follow(worker.begin(Kind.SWAP, wanted), wait)

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
        return self._campaigns.begin(f"upgrade to {target.name}", upgrade(self._world, target, self._upgraded), wait)

    def _upgraded(self, service: ServiceName, version: Version) -> Iterator[Progress]:
        return self._follow(self._worker(service).begin(Kind.UPGRADE, version), wait=True)

    def migrate_engine(self, to: str, wait: bool) -> Iterator[Progress]:
        return self._campaigns.begin(f"move to {to}", self._migrate(to), wait)

    def _migrate(self, to: str) -> Iterator[Progress]:
        if self._move is None:
            raise RequestError(f"cannot move to {to}: this supervisor has one engine only")
        follow = functools.partial(self._follow, wait=True)
        move = Migration(self._world, self._move, self._workers, follow, self._library.images, self._closing)
        move.begin(to)
        self._arrival.version = self._world.engine.ping()
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
        for progress in self._library.take_in(path, self._router or RouterConfig(), allow_downgrade=allow_downgrade):
            if progress.is_final:
                self._employ()
            yield progress

    def prune_bundles(self) -> tuple[str, ...]:
        return self._library.prune()

    # ------------------------------------------------------------ parts

    def _follow(self, listener: Listener, wait: bool, *, is_revert: bool = False) -> Iterator[Progress]:
        if not wait:
            return iter([Progress("", "accepted", "accepted", is_final=True)])
        return following.follow(listener, self._closing, is_revert=is_revert)

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
