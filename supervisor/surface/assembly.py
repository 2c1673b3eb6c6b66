"""Builds the concrete objects of the daemon and joins them. No other module does."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from supervisor.decisions.release_identity import identity_of_index
from supervisor.edges.catalog.definition import definition_from_files
from supervisor.edges.engine import make_engine
from supervisor.edges.engine.choice import choose, leaving, record
from supervisor.edges.engine.joined import JoinedEngine
from supervisor.edges.folders import DiskFolders
from supervisor.edges.intake import CloudStackIntake, kernel_cards
from supervisor.edges.media_watch.watch import MediaWatcher
from supervisor.edges.network.admission import Admission
from supervisor.edges.network.answers import AnswerCounters
from supervisor.edges.network.associations import XfrmAssociations
from supervisor.edges.network.connections import ConntrackConnections
from supervisor.edges.network.encapsulation import EncapsulationHolder
from supervisor.edges.network.exits import PidfdExitWatch
from supervisor.edges.network.guard import NftGuard
from supervisor.edges.network.links import IpLinks
from supervisor.edges.network.shares import NftShares
from supervisor.edges.network.sockets import ReceiveBuffers
from supervisor.edges.network.traffic import NftTraffic
from supervisor.edges.probes.prober import ProtocolProber
from supervisor.edges.render import TemplateRenderer
from supervisor.edges.secret_keys import key_place
from supervisor.edges.store import KeyRing, SqliteStore, StateLock
from supervisor.edges.trust.judging import Judge
from supervisor.edges.trust.store import TrustStore
from supervisor.loop.fairness import Fairness
from supervisor.loop.fault_points import NO_FAULTS, FaultPoints
from supervisor.loop.releases.bounds import ReleaseBounds
from supervisor.loop.releases.library import Library
from supervisor.loop.supervision.store_copies import StoreCopies
from supervisor.loop.supervision.supervision import Supervision
from supervisor.loop.switchboard import Switchboard
from supervisor.loop.world import Kernel, Origin, Seams, World
from supervisor.ports.engine import Engine
from supervisor.ports.media import Bases, OpenedBundle
from supervisor.ports.system import Clock
from supervisor.values.bounds import Bounds
from supervisor.values.errors import BundleError, Fault, MissingBaseError, NotRootError
from supervisor.values.intake import Taken
from supervisor.values.packages import Package
from supervisor.values.router import RouterConfig
from supervisor.values.settings import KeySettings, Settings

if TYPE_CHECKING:
    from supervisor.edges.bundle.layers import LayerSource
    from supervisor.edges.bundle.reader import Bundle


class SystemClock:
    """Satisfies `ports.system.Clock`."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class TrustedMedia:
    """Satisfies `ports.media.Media`: bundles that a folder of keys trusts, or the trust of this router.

    Layers that a delta takes from the engine are kept in `folder` while it is open.
    """

    def __init__(self, trust: Path | Judge, folder: Path) -> None:
        self._trust, self._folder = trust, folder

    def open(self, path: str, bases: Bases) -> OpenedBundle:
        return self._open(path, bases, frozenset({path}))

    def _open(self, path: str, bases: Bases, opened: frozenset[str], wanted: str | None = None) -> Bundle:
        """Return the bundle at `path`. It is opened as the release `wanted`: the base of another is not looked for."""
        # Opened seldom, and what checks signatures and reads media is a tenth of the daemon's memory.
        from supervisor.edges.bundle.reader import Bundle  # noqa: PLC0415

        try:
            return Bundle.open(Path(path), self._trust)
        except MissingBaseError as error:
            if wanted not in (None, error.release):
                raise
            base = self._base(error, bases, opened)
        try:
            return Bundle.open(Path(path), self._trust, base=base)
        except BaseException:
            base.close()
            raise

    def _base(self, wanted: MissingBaseError, bases: Bases, opened: frozenset[str]) -> LayerSource:
        """Return the layers of the wanted release, from a medium or else from the engine.

        A base may be a delta itself: `opened` are the media on the way here. Raises MissingBaseError: none has them.
        """
        from supervisor.edges.bundle.engine_layers import EngineLayers  # noqa: PLC0415

        for source in bases.media(wanted.base):
            if source not in opened:
                with suppress(BundleError):
                    bundle = self._open(source, bases, opened | {source}, wanted.base)
                    if identity_of_index(bundle.index) == wanted.identity:
                        return bundle
                    bundle.close()
        found = bases.identity(wanted.base)
        if found != wanted.identity:
            raise MissingBaseError(wanted.release, wanted.base, wanted.identity, found)
        return EngineLayers(partial(bases.image, wanted.base), self._folder, bases.services(wanted.base))

    def fingerprint(self, path: str) -> str | None:
        file = Path(path).stat() if Path(path).exists() else None
        if file is None or not stat.S_ISREG(file.st_mode):
            return None
        # The word is for media that a supervisor took in which did not keep who signed them: they are read once more.
        return f"signed:{file.st_dev}:{file.st_ino}:{file.st_size}:{file.st_mtime_ns}"

    def packages(self, sbom: bytes, service: str) -> tuple[Package, ...]:
        from supervisor.edges.bundle.sbom import read_packages  # noqa: PLC0415

        return read_packages(sbom, service)


class LocalIntake:
    """Satisfies `ports.intake.Intake`: adds settings of this machine to the management server's configuration."""

    def __init__(self, settings: Settings, bounds: Callable[[], Bounds]) -> None:
        self._settings = settings
        self._commands = CloudStackIntake(kernel_cards, bounds, settings.pool)

    def take(self, stored: str | None, files: Sequence[tuple[str, bytes]]) -> Taken:
        return self._commands.take(stored, files)

    def interpret(self, stored: str | None) -> tuple[RouterConfig, tuple[Fault, ...]]:
        router, faults = self._commands.interpret(stored)
        vpn = replace(router.vpn, userspace_data_plane=self._settings.userspace_data_plane)
        return replace(router, vpn=vpn), faults

    def forget(self, stored: str | None, spent: Collection[str]) -> str | None:
        return self._commands.forget(stored, spent)


@dataclass(frozen=True, slots=True)
class Assembly:
    """The objects of a daemon that have to be started or closed."""

    lock: StateLock
    store: SqliteStore
    engine: Engine
    folders: DiskFolders
    links: IpLinks
    traffic: NftTraffic
    shares: NftShares
    guard: NftGuard
    exits: PidfdExitWatch
    supervision: Supervision
    copying: StoreCopies

    def close(self) -> None:
        self.exits.close()
        self.copying.close()
        self.engine.close()
        self.store.close()
        self.lock.release()


def digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def assemble(settings: Settings, fault_points: FaultPoints | None = None, clock: Clock | None = None) -> Assembly:
    """Build the supervisor for the network namespace of this process, and start nothing.

    Raises NotRootError: when the process is not root; StateError: when the state folder cannot be used;
    EngineUnavailableError: when there is no engine that could be used.
    """
    require_root("run")
    engine = engine_of(settings)
    lock = StateLock(settings.state_dir)
    folders = DiskFolders(settings.state_dir, settings.runtime_dir)
    folders.ensure_tmpfs()
    folders.ensure_inert_volumes()
    store = SqliteStore(settings.state_dir, key_ring(settings.secrets))
    traffic, connections, shares = NftTraffic(), ConntrackConnections(), NftShares()
    links, exits = IpLinks(settings.namespaces), PidfdExitWatch()
    clock = clock or SystemClock()
    trust = TrustStore(settings.trusted_keys, settings.state_dir, clock.now)
    world = World(
        settings=settings,
        engine=engine,
        store=store,
        folders=folders,
        renderer=TemplateRenderer(),
        origin=Origin(definition_from_files, trust),
        prober=ProtocolProber(engine.execute, AnswerCounters().read),
        clock=clock,
        kernel=Kernel(links, connections, exits, ReceiveBuffers(), EncapsulationHolder(), XfrmAssociations(), shares),
        switchboard=Switchboard(traffic, connections, Fairness(shares)),
        seams=Seams(fault_points or NO_FAULTS),
    )
    library = Library(world, TrustedMedia(trust, settings.state_dir))
    watch = MediaWatcher(settings.media, settings.media_folder)
    intake = LocalIntake(settings, ReleaseBounds(store, store, definition_from_files))
    supervision = Supervision(world, library, intake, digest, watch, move=engine)
    guard = NftGuard(traffic, shares=shares, admission=Admission() if settings.admit else None, anchor=settings.anchor)
    return Assembly(lock, store, engine, folders, links, traffic, shares, guard, exits, supervision, StoreCopies(store))


def key_ring(settings: KeySettings) -> KeyRing:
    """Return the keys of secrets in the state folder, not read yet."""
    former = key_place(settings.former, os.environ) if settings.former else None
    return KeyRing(key_place(settings, os.environ), former)


def require_root(action: str) -> None:
    """Return if the process is root. Raises NotRootError: when it is not; `action` completes "cannot ..."."""
    if os.geteuid() != 0:
        raise NotRootError(action)


def engine_of(settings: Settings) -> JoinedEngine:
    """Return the engine that the settings come to, joined with the one that a migration is leaving.

    Raises EngineUnavailableError: when the settings name another engine than the services run on, or none is installed.
    """
    state = settings.state_dir
    return JoinedEngine(
        partial(engine_named, settings), choose(settings.engine, state), leaving(state), partial(record, state)
    )


def engine_named(settings: Settings, kind: str) -> Engine:
    """Return the engine `podman` or `docker`, not yet connected to."""
    return make_engine(kind, settings.state_dir, settings.runtime_dir, settings.engine_socket, settings.namespaces)
