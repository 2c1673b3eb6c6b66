"""The one place that builds concrete objects and joins them."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from supervisor.edges.catalog.definition import definition_from_files
from supervisor.edges.engine import make_engine
from supervisor.edges.folders import DiskFolders
from supervisor.edges.intake import CloudStackIntake
from supervisor.edges.network.connections import ConntrackConnections
from supervisor.edges.network.exits import PidfdExitWatch
from supervisor.edges.network.guard import NftGuard
from supervisor.edges.network.links import IpLinks
from supervisor.edges.network.sockets import ReceiveBuffers
from supervisor.edges.network.traffic import NftTraffic
from supervisor.edges.probes.prober import ProtocolProber
from supervisor.edges.render import TemplateRenderer
from supervisor.edges.store import SqliteStore, StateLock
from supervisor.loop.library import Library
from supervisor.loop.supervision import Supervision
from supervisor.loop.switchboard import Switchboard
from supervisor.loop.world import World
from supervisor.ports import Engine, OpenedBundle
from supervisor.values.errors import Fault, SupervisorError
from supervisor.values.intake import Taken
from supervisor.values.router import RouterConfig
from supervisor.values.settings import Settings


class SystemClock:
    """Satisfies `ports.Clock`."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class TrustedMedia:
    """Satisfies `ports.Media`: bundles signed by a key in the trusted folder."""

    def __init__(self, trusted_keys: Path) -> None:
        self._trusted_keys = trusted_keys

    def open(self, path: str) -> OpenedBundle:
        # Opened seldom, and what checks signatures and reads media is a tenth of the daemon's memory.
        from supervisor.edges.bundle.reader import Bundle  # noqa: PLC0415

        return Bundle.open(Path(path), self._trusted_keys)

    def fingerprint(self, path: str) -> str | None:
        found = Path(path).stat() if Path(path).exists() else None
        if found is None or not stat.S_ISREG(found.st_mode):
            return None
        return f"{found.st_dev}:{found.st_ino}:{found.st_size}:{found.st_mtime_ns}"


class LocalIntake:
    """Satisfies `ports.Intake`: what the settings know of this machine, added to what the management server says."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._commands = CloudStackIntake()

    def take(self, kept: str | None, files: Sequence[tuple[str, bytes]]) -> Taken:
        return self._commands.take(kept, files)

    def interpret(self, kept: str | None) -> tuple[RouterConfig, tuple[Fault, ...]]:
        router, faults = self._commands.interpret(kept)
        vpn = replace(router.vpn, userspace_data_plane=self._settings.userspace_data_plane)
        return replace(router, vpn=vpn), faults


@dataclass(frozen=True, slots=True)
class Assembly:
    """Everything that has to be started or closed."""

    lock: StateLock
    store: SqliteStore
    engine: Engine
    folders: DiskFolders
    links: IpLinks
    traffic: NftTraffic
    guard: NftGuard
    exits: PidfdExitWatch
    supervision: Supervision

    def close(self) -> None:
        self.exits.close()
        self.engine.close()
        self.store.close()
        self.lock.release()


def digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def assemble(settings: Settings) -> Assembly:
    """Build the supervisor for the network namespace of this process. StateError, EngineUnavailableError."""
    require_root("run")
    engine = make_engine(engine_kind(settings), settings.state_dir, settings.runtime_dir)
    lock = StateLock(settings.state_dir)
    folders = DiskFolders(settings.state_dir, settings.runtime_dir)
    folders.ensure_tmpfs()
    store = SqliteStore(settings.state_dir)
    traffic, links, exits = NftTraffic(), IpLinks(settings.namespaces), PidfdExitWatch()
    world = World(
        settings=settings,
        engine=engine,
        links=links,
        connections=ConntrackConnections(),
        prober=ProtocolProber(engine.execute),
        renderer=TemplateRenderer(),
        folders=folders,
        store=store,
        clock=SystemClock(),
        exits=exits,
        buffers=ReceiveBuffers(),
        switchboard=Switchboard(traffic),
        read_definition=definition_from_files,
    )
    library = Library(world, TrustedMedia(settings.trusted_keys))
    supervision = Supervision(world, library, LocalIntake(settings), digest)
    guard = NftGuard(traffic, admit=settings.admit)
    return Assembly(lock, store, engine, folders, links, traffic, guard, exits, supervision)


def require_root(doing: str) -> None:
    if os.geteuid() != 0:
        raise SupervisorError(f"cannot {doing}: the supervisor changes namespaces and nftables and must be root")


def engine_kind(settings: Settings) -> str:
    return "podman" if settings.engine == "auto" else settings.engine
