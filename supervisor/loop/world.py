"""The resources that the loop works with: ports to what is outside, and memory that services share."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from supervisor.loop.damage import DamageReports
from supervisor.loop.engine_outage import EngineOutage
from supervisor.loop.fault_points import NO_FAULTS, FaultPoints
from supervisor.loop.ledger import Ledger
from supervisor.loop.recollection import Recollection
from supervisor.loop.switchboard import Switchboard
from supervisor.ports.engine import Engine
from supervisor.ports.files import Folders, Renderer
from supervisor.ports.network import Associations, Connections, Encapsulation, Links, ReceiveBuffers, Shares
from supervisor.ports.probes import Prober
from supervisor.ports.store import Store
from supervisor.ports.system import Clock, ExitWatch
from supervisor.ports.trust import Trust
from supervisor.values.manifest import ServiceDefinition
from supervisor.values.settings import Settings

ReadDefinition = Callable[[str, Mapping[str, bytes]], ServiceDefinition]
"""Turns a service's name and the files of its definition into the definition.

Raises ManifestError: with every fault of the manifest.
"""


def on_a_thread(work: Callable[[], None]) -> None:
    """Run `work` on a thread of its own and return at once; the thread does not outlive the process."""
    threading.Thread(target=work, name="beside", daemon=True).start()


@dataclass(frozen=True, slots=True)
class Kernel:
    """The parts of the router's kernel that the loop changes or listens to, traffic apart (see `Switchboard`)."""

    links: Links
    connections: Connections
    exits: ExitWatch
    buffers: ReceiveBuffers
    gap_sockets: Encapsulation
    associations: Associations
    shares: Shares


@dataclass(frozen=True, slots=True)
class SharedMemory:
    """State that the workers of all services share in memory; it ends with the process."""

    engine_outage: EngineOutage = field(default_factory=EngineOutage)
    damage_reports: DamageReports = field(default_factory=DamageReports)
    ledger: Ledger = field(default_factory=Ledger)
    recollection: Recollection = field(default_factory=Recollection)


@dataclass(frozen=True, slots=True)
class Seams:
    """Places where a test may put something else."""

    fault_points: FaultPoints = NO_FAULTS
    spawn: Callable[[Callable[[], None]], None] = on_a_thread


@dataclass(frozen=True, slots=True)
class Origin:
    """Where definitions come from: how they are read, and which releases may bring them."""

    read_definition: ReadDefinition
    trust: Trust


@dataclass(frozen=True, slots=True)
class World:
    """The resources that the rooms of the loop work with. A function that needs only one of them takes that one."""

    settings: Settings
    engine: Engine
    store: Store
    folders: Folders
    renderer: Renderer
    origin: Origin
    prober: Prober
    clock: Clock
    kernel: Kernel
    switchboard: Switchboard
    shared: SharedMemory = field(default_factory=SharedMemory)
    seams: Seams = Seams()
