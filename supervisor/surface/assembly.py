"""Builds the concrete objects of the daemon and joins them. No other module does."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

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
from supervisor.edges.network.sockets import ReceiveBuffers
from supervisor.edges.network.traffic import NftTraffic
from supervisor.edges.probes.prober import ProtocolProber
from supervisor.edges.render import TemplateRenderer
from supervisor.edges.secret_keys import key_place
from supervisor.edges.store import KeyRing, SqliteStore, StateLock
from supervisor.loop.fault_points import NO_FAULTS, FaultPoints
from supervisor.loop.releases.bounds import ReleaseBounds
from supervisor.loop.releases.library import Library
from supervisor.loop.supervision.store_copies import StoreCopies
from supervisor.loop.supervision.supervision import Supervision
from supervisor.loop.switchboard import Switchboard
from supervisor.loop.world import Kernel, Seams, World
from supervisor.ports.engine import Engine
from supervisor.ports.media import OpenedBundle
from supervisor.ports.system import Clock
from supervisor.values.bounds import Bounds
from supervisor.values.errors import Fault, MissingBaseError, NotRootError
from supervisor.values.intake import Taken
from supervisor.values.router import RouterConfig
from supervisor.values.settings import KeySettings, Settings


class SystemClock:
    """Satisfies `ports.system.Clock`."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class TrustedMedia:
    """Satisfies `ports.media.Media`: bundles signed by a key in the trusted folder."""

    def __init__(self, trusted_keys: Path) -> None:
        self._trusted_keys = trusted_keys

    def open(self, path: str, source_of: Callable[[str], str | None]) -> OpenedBundle:
        # Opened seldom, and what checks signatures and reads media is a tenth of the daemon's memory.
        from supervisor.edges.bundle.reader import Bundle  # noqa: PLC0415

        try:
            return Bundle.open(Path(path), self._trusted_keys)
        except MissingBaseError as error:
            source = source_of(error.base)
            if source is None or not Path(source).exists():
                raise
        base = Bundle.open(Path(source), self._trusted_keys)
        try:
            return Bundle.open(Path(path), self._trusted_keys, base=base)
        except BaseException:
            base.close()
            raise

    def fingerprint(self, path: str) -> str | None:
        file = Path(path).stat() if Path(path).exists() else None
        if file is None or not stat.S_ISREG(file.st_mode):
            return None
        return f"{file.st_dev}:{file.st_ino}:{file.st_size}:{file.st_mtime_ns}"


class LocalIntake:
    """Satisfies `ports.intake.Intake`: adds settings of this machine to the management server's configuration."""

    def __init__(self, settings: Settings, bounds: Callable[[], Bounds]) -> None:
        self._settings = settings
        self._commands = CloudStackIntake(kernel_cards, bounds)

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
    store = SqliteStore(settings.state_dir, key_ring(settings.secrets))
    traffic, connections = NftTraffic(), ConntrackConnections()
    links, exits = IpLinks(settings.namespaces), PidfdExitWatch()
    world = World(
        settings=settings,
        engine=engine,
        store=store,
        folders=folders,
        renderer=TemplateRenderer(),
        read_definition=definition_from_files,
        prober=ProtocolProber(engine.execute, AnswerCounters().read),
        clock=clock or SystemClock(),
        kernel=Kernel(links, connections, exits, ReceiveBuffers(), EncapsulationHolder(), XfrmAssociations()),
        switchboard=Switchboard(traffic, connections),
        seams=Seams(fault_points or NO_FAULTS),
    )
    library = Library(world, TrustedMedia(settings.trusted_keys))
    watch = MediaWatcher(settings.media, settings.media_folder)
    intake = LocalIntake(settings, ReleaseBounds(store, store, definition_from_files))
    supervision = Supervision(world, library, intake, digest, watch, move=engine)
    guard = NftGuard(traffic, admission=Admission() if settings.admit else None, anchor=settings.anchor)
    return Assembly(lock, store, engine, folders, links, traffic, guard, exits, supervision, StoreCopies(store))


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
