"""The start of a supervisor: it waits for the engine, names what the store lost, recalls what runs, places traffic."""

from __future__ import annotations

import functools
import logging
import threading

from supervisor.loop.generations.recall import recall_all
from supervisor.loop.supervision.audit_log import AuditLog
from supervisor.loop.supervision.engine_wait import EngineWait
from supervisor.loop.supervision.secrets_care import SecretsCare
from supervisor.loop.supervision.startup_tasks import StartupTasks
from supervisor.loop.switchboard import recorded
from supervisor.loop.world import World
from supervisor.values.errors import NetworkError

log = logging.getLogger(__name__)


class Startup:
    """The wait for the engine, the tasks that are done when it is over or as soon as they can be, and the secrets."""

    def __init__(self, world: World, audit_log: AuditLog, closing: threading.Event) -> None:
        self._world, self._audit_log = world, audit_log
        self.engine_wait, self.tasks = EngineWait(world.engine, closing), StartupTasks(closing)
        self.secrets = SecretsCare(world.store, audit_log, closing)

    def begin(self) -> None:
        """Do what comes before the first worker. An engine that is not here yet is asked when services are adopted.

        Raises EngineUnavailableError: the engine never comes by itself.
        """
        self.engine_wait.begin()
        store = self._world.store
        for loss in store.losses:
            log.error("memory damaged", extra={"reason": loss})
            self._audit_log.record("", "memory-damaged", loss)
        self.secrets.turn()
        if not self.engine_wait.message:
            self.tasks.do("memory", functools.partial(recall_all, self._world))
        elif store.losses and not store.instances():
            return  # what serves is not known yet, and what a former supervisor set goes on serving
        try:
            self._world.switchboard.restore(recorded(store.instances()))
        except NetworkError:
            self.tasks.do("traffic", self._world.switchboard.apply_again)
