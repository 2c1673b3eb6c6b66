"""The supervision: builds the parts that look after all services together, starts them, and ends them.

What others ask of it is in `queries` and `operations`; together they satisfy the surface's `Control`.
"""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable, Iterable, Sequence

from supervisor.loop.releases.library import Library
from supervisor.loop.releases.media_queue import MediaQueue
from supervisor.loop.releases.storage_repair import StorageRepair
from supervisor.loop.service.worker import Worker
from supervisor.loop.supervision.audit_log import AuditLog
from supervisor.loop.supervision.configuration import Configuration
from supervisor.loop.supervision.jobs import Jobs
from supervisor.loop.supervision.operations import Operations
from supervisor.loop.supervision.parts import SupervisionParts
from supervisor.loop.supervision.planning import Planner
from supervisor.loop.supervision.queries import Queries
from supervisor.loop.supervision.refusal_watch import RefusalWatch
from supervisor.loop.supervision.spent_items import SpentItems
from supervisor.loop.supervision.startup import Startup
from supervisor.loop.supervision.survey import ItemSurvey
from supervisor.loop.supervision.workers import NewWorker, Workers
from supervisor.loop.world import World
from supervisor.ports.engine import EngineMove
from supervisor.ports.intake import Intake
from supervisor.ports.media import MediaWatch
from supervisor.values.errors import SupervisorError

log = logging.getLogger(__name__)

SURVEY_CLOSE_SECONDS = 5.0


class Supervision(Queries, Operations):
    """All services of a router, and what goes on beside them."""

    def __init__(
        self,
        world: World,
        library: Library,
        intake: Intake,
        digest: Callable[[bytes], str],
        watch: MediaWatch,
        new_worker: NewWorker = Worker,
        move: EngineMove | None = None,
    ) -> None:
        closing = threading.Event()
        audit_log = AuditLog(world.store, world.clock)
        startup = Startup(world, audit_log, closing)
        workers = Workers(world, library, digest, new_worker)
        configuration = Configuration(world, intake, digest, startup.tasks, lambda: workers.by_name, audit_log)
        self._media_queue = MediaQueue(library, watch, lambda: configuration.known, self._employ_all, audit_log.record)
        self._spent = SpentItems(world.folders, world.store, workers.snapshots, configuration.forget, closing)
        shares, fairness = world.kernel.shares, world.switchboard.fairness
        self._refusals = RefusalWatch(shares, fairness, world.store, world.clock, lambda: configuration.known, closing)
        super().__init__(
            SupervisionParts(
                world=world,
                library=library,
                audit_log=audit_log,
                workers=workers,
                configuration=configuration,
                planner=Planner(world, digest),
                jobs=Jobs(),
                startup=startup,
                survey=ItemSurvey(world, workers.snapshots, closing),
                storage_repair=StorageRepair(
                    world, library, lambda: self._media_queue.offered, audit_log.record, closing
                ),
                move=move,
                closing=closing,
            )
        )

    def start(self, media: Sequence[str], commands: Sequence[tuple[str, bytes]]) -> None:
        """Bring the router up: the engine, what ran before, what is configured; what is attached follows beside that.

        A kernel or a disk that refuses something is named in the status, and asked again.

        Raises EngineUnavailableError: the engine never comes by itself.
        """
        startup = self._parts.startup
        startup.begin()
        startup.tasks.do("configuration", functools.partial(self._parts.configuration.boot, commands))
        self._employ_all()  # what ran before is adopted before a medium is looked at
        startup.engine_wait.then(functools.partial(self._media_queue.begin, media))

    def attend(self) -> None:
        """Begin what goes on beside the workers, on threads of its own, until the supervisor is closed."""
        self._spent.start()
        self._parts.startup.secrets.start()
        self._parts.survey.start()
        self._refusals.start()
        self._parts.startup.engine_wait.then(self._parts.storage_repair.start)

    def close(self) -> None:
        """End every worker between two steps, and what goes on beside them. Services keep running."""
        self._parts.closing.set()
        self._parts.storage_repair.close()
        self._media_queue.close()
        self._parts.workers.close()
        self._parts.survey.join(timeout=SURVEY_CLOSE_SECONDS)
        self._release_ports()

    def refusals(self) -> Iterable[tuple[str, int, int]]:
        """Return what was refused to sources over their share: (service, connections, sources that are so now)."""
        return self._refusals.counts()

    @property
    def is_whole(self) -> bool:
        """True if the worker of every service lives."""
        return self._parts.workers.is_whole

    def stop_services(self) -> None:
        """Take the containers along: for a router that is to be left empty."""
        self._parts.workers.stop_services()

    def _employ_all(self) -> None:
        employ = functools.partial(self._parts.workers.employ, self._parts.configuration)
        self._parts.startup.tasks.do("services", employ)

    def _release_ports(self) -> None:
        """Remove rules that lead to sockets of this process: a daemon may have those ports later."""
        try:
            self._parts.world.switchboard.release_ports()
        except SupervisorError as error:
            log.error("ports not released", extra={"reason": str(error)})
