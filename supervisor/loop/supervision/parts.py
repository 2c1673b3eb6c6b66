"""The parts of the supervision, which queries and operations work with."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from supervisor.loop.releases.library import Library
from supervisor.loop.releases.storage_repair import StorageRepair
from supervisor.loop.supervision.audit_log import AuditLog
from supervisor.loop.supervision.configuration import Configuration
from supervisor.loop.supervision.jobs import Jobs
from supervisor.loop.supervision.planning import Planner
from supervisor.loop.supervision.startup import Startup
from supervisor.loop.supervision.survey import ItemSurvey
from supervisor.loop.supervision.workers import Workers
from supervisor.loop.world import World
from supervisor.ports.engine import EngineMove


@dataclass(frozen=True, slots=True)
class SupervisionParts:
    """Everything that the supervision consists of; each part may be used from any thread."""

    world: World
    library: Library
    audit_log: AuditLog
    workers: Workers
    configuration: Configuration
    planner: Planner
    jobs: Jobs
    startup: Startup
    survey: ItemSurvey
    storage_repair: StorageRepair
    move: EngineMove | None  # None: there is one engine only
    closing: threading.Event  # set when the supervisor ends


class WithParts:
    """The common base of what the supervision offers to its callers."""

    def __init__(self, parts: SupervisionParts) -> None:
        self._parts = parts
