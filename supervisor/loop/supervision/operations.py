"""Operations: what operators and the management server ask the supervision to change."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from supervisor.decisions.doubt import trust_status
from supervisor.loop.handover.run import Listener
from supervisor.loop.supervision import streams
from supervisor.loop.supervision.choices import find_release, find_version
from supervisor.loop.supervision.engine_migration import EngineMigration
from supervisor.loop.supervision.jobs import detached
from supervisor.loop.supervision.parts import WithParts
from supervisor.loop.supervision.upgrade import upgrade
from supervisor.values.errors import RequestError
from supervisor.values.handover import NO_WAIVER, Kind, Waiver
from supervisor.values.names import ServiceName
from supervisor.values.release import Version
from supervisor.values.status import Progress, TrustStatus
from supervisor.values.trust import LONGEST_REASON

ROTATE_SECONDS = 60.0  # for both copies of the store to be written again
APPLY_SECONDS = 60.0  # for a configuration to serve: longer than a candidate has to become ready, and to be undone


class Operations(WithParts):
    """The part of the surface's `Control` that changes something; see there for the rules of its iterators."""

    # ------------------------------------------------------------ one service

    def swap(
        self, service: str, version: str | None, wait: bool, waiver: Waiver = NO_WAIVER, asked_by: str = ""
    ) -> Iterator[Progress]:
        worker = self._parts.workers[service]
        wanted = find_version(self._parts.library, worker.name, version)
        listener = worker.begin(Kind.SWAP, wanted, waiver)
        by = f" by {asked_by}" if asked_by else ""
        waived = f"; {waiver}" if waiver.words else str(waiver)
        self._parts.audit_log.record(service, "asked", f"swap to {wanted.version}{by}{waived}")
        return self._follow(listener, wait, note=str(waiver))

    def rollback(self, service: str, wait: bool) -> Iterator[Progress]:
        worker = self._parts.workers[service]
        listener = worker.revert()
        if listener is not None:
            return self._follow(listener, wait, is_revert=True)
        previous = self._parts.world.store.previous(worker.name)
        if previous is None:
            raise RequestError(f"cannot roll back {service}: there is no former generation")
        return self._follow(worker.begin(Kind.ROLLBACK, previous), wait)

    def restart(self, service: str, wait: bool) -> Iterator[Progress]:
        return self._follow(self._parts.workers[service].begin(Kind.RESTART, None), wait)

    def confirm(self, service: str) -> None:
        self._parts.workers[service].confirm()

    def pin(self, service: str) -> None:
        self._parts.world.store.set_pinned(self._parts.workers[service].name, True)

    def unpin(self, service: str) -> None:
        self._parts.world.store.set_pinned(self._parts.workers[service].name, False)

    # ------------------------------------------------------------ all services

    def upgrade(self, release: str | None, wait: bool) -> Iterator[Progress]:
        world, target = self._parts.world, find_release(self._parts.library, release)
        work = upgrade(world.store, world.clock, target, self._hand_over)
        return self._parts.jobs.begin(f"upgrade to {target.name}", work, wait)

    def _hand_over(self, service: ServiceName, version: Version) -> Iterator[Progress]:
        return self._follow(self._parts.workers[service].begin(Kind.UPGRADE, version), wait=True)

    def migrate_engine(self, to: str, wait: bool) -> Iterator[Progress]:
        return self._parts.jobs.begin(f"move to {to}", self._migrate(to), wait)

    def _migrate(self, to: str) -> Iterator[Progress]:
        parts = self._parts
        if parts.move is None:
            raise RequestError(f"cannot move to {to}: this supervisor has one engine only")
        follow = functools.partial(self._follow, wait=True)
        migration = EngineMigration(
            parts.world, parts.move, parts.workers.by_name, follow, parts.library.images, parts.closing
        )
        migration.begin(to)
        parts.startup.engine_wait.version = parts.world.engine.ping()
        yield from migration.carry_out()

    def apply_config(
        self, files: tuple[tuple[str, bytes], ...], wait: bool = True, timeout: float = APPLY_SECONDS
    ) -> Iterator[Progress]:
        return self._parts.configuration.apply(files, timeout if wait else None, self._parts.closing)

    # ------------------------------------------------------------ secrets

    def rotate_secrets(self, wait: bool) -> Iterator[Progress]:
        parts = self._parts
        key = parts.world.store.rotate_key()
        parts.audit_log.record("", "asked", f"new key {key} for secrets")
        return detached(parts.startup.secrets.follow(key, ROTATE_SECONDS if wait else 0.0))

    def abandon_secrets(self) -> str:
        store, clock = self._parts.world.store, self._parts.world.clock
        place = store.abandon_secrets(clock.now())
        self._parts.audit_log.record("", "secrets-abandoned", f"what could not be decrypted is in {place}")
        self._parts.startup.secrets.turn()
        return place

    # ------------------------------------------------------------ releases

    def verify_bundle(self, path: str, allow_downgrade: bool = False, accept_clock: bool = False) -> Iterator[Progress]:
        library, router = self._parts.library, self._parts.configuration.known
        return library.verify(path, router, allow_downgrade=allow_downgrade, accepts_clock=accept_clock)

    def import_bundle(self, path: str, allow_downgrade: bool, accept_clock: bool = False) -> Iterator[Progress]:
        return detached(self._import(path, allow_downgrade, accept_clock))

    def _import(self, path: str, allow_downgrade: bool, accept_clock: bool) -> Iterator[Progress]:
        library, configuration = self._parts.library, self._parts.configuration
        taken = library.take_in(path, configuration.known, allow_downgrade=allow_downgrade, accepts_clock=accept_clock)
        for progress in taken:
            if progress.is_final:
                self._parts.workers.employ(configuration)
            yield progress

    def prune_releases(self) -> tuple[str, ...]:
        return self._parts.library.prune()

    # ------------------------------------------------------------ trust

    def rotate_trust(self, path: str) -> TrustStatus:
        world = self._parts.world
        for line in world.origin.trust.rotate(path):
            self._parts.audit_log.record("", "trust-changed", line)
        return trust_status(world.origin.trust.state(), world.settings.trust_policy, (), world.clock.now())

    def revoke_key(self, key: str, reason: str) -> TrustStatus:
        world = self._parts.world
        if len(reason) > LONGEST_REASON or not reason.isprintable():
            raise RequestError(f"cannot revoke {key}: the reason must be a line of {LONGEST_REASON} characters at most")
        revoked = world.origin.trust.revoke(key, reason)
        self._parts.audit_log.record("", "trust-changed", f"{revoked.key.name} is revoked: {revoked.reason}")
        return trust_status(world.origin.trust.state(), world.settings.trust_policy, (), world.clock.now())

    # ------------------------------------------------------------ parts

    def _follow(self, listener: Listener, wait: bool, *, is_revert: bool = False, note: str = "") -> Iterator[Progress]:
        if not wait:
            return iter([Progress("", "accepted", f"accepted{'; ' if note else ''}{note}", is_final=True)])
        return streams.follow(listener, self._parts.closing, is_revert=is_revert)
