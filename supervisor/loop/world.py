"""Everything outside that the loop works with, joined once by the daemon."""

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
from supervisor.ports.network import Associations, Connections, Encapsulation, Links, ReceiveBuffers
from supervisor.ports.probes import Prober
from supervisor.ports.store import Store
from supervisor.ports.system import Clock, ExitWatch
from supervisor.values.manifest import ServiceDefinition
from supervisor.values.settings import Settings

ReadDefinition = Callable[[str, Mapping[str, bytes]], ServiceDefinition]
"""Turns a service's name and the files of its definition into the definition. ManifestError lists all faults."""


def on_a_thread(work: Callable[[], None]) -> None:
    """Do it beside the caller, who does not wait for it."""
    threading.Thread(target=work, name="beside", daemon=True).start()


@dataclass(frozen=True, slots=True)
class World:
    settings: Settings
    engine: Engine
    links: Links
    connections: Connections
    prober: Prober
    renderer: Renderer
    folders: Folders
    store: Store
    clock: Clock
    exits: ExitWatch
    buffers: ReceiveBuffers
    encapsulation: Encapsulation
    associations: Associations
    switchboard: Switchboard
    read_definition: ReadDefinition
    fault_points: FaultPoints = NO_FAULTS
    spawn: Callable[[Callable[[], None]], None] = on_a_thread
    engine_outage: EngineOutage = field(default_factory=EngineOutage)
    damage_reports: DamageReports = field(default_factory=DamageReports)
    ledger: Ledger = field(default_factory=Ledger)
    recollection: Recollection = field(default_factory=Recollection)
