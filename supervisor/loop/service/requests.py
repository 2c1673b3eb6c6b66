"""Requests to a service's worker, as they are carried out on its thread."""

from __future__ import annotations

import queue

from supervisor.loop.generations.frontends import open_and_shut
from supervisor.loop.generations.instances import version_of
from supervisor.loop.handover.executor import revert
from supervisor.loop.handover.foreground import ROLLED_BACK
from supervisor.loop.handover.opening import Order
from supervisor.loop.handover.run import Listener
from supervisor.loop.service.execution import Execution
from supervisor.loop.service.parts import ServiceParts
from supervisor.loop.service.reconciling import Reconciling
from supervisor.loop.service.stopping import stop
from supervisor.values.errors import BusyError, RequestError
from supervisor.values.handover import Direction, Kind, Waiver
from supervisor.values.release import Version
from supervisor.values.router import RouterConfig
from supervisor.values.status import Progress


class Requests:
    """Carries out requests, on the worker's thread."""

    def __init__(self, parts: ServiceParts, execution: Execution, reconciling: Reconciling) -> None:
        self._service, self._world, self._agenda = parts.service, parts.world, parts.agenda
        self._isolation, self._retry_policy, self._definition_of = (
            parts.isolation,
            parts.retry_policy,
            parts.definition_of,
        )
        self._keeper_slot, self._under_way, self._cleanup = parts.keeper_slot, parts.under_way, parts.cleanup
        self._execution, self._reconciling = execution, reconciling

    def configure(self, router: RouterConfig, number: int) -> None:
        """Take a configuration of the router as the desired one. An equal one only gets its number."""
        self._agenda.number = number
        if router == self._agenda.router:
            return
        self._agenda.router, self._agenda.is_dirty = router, True
        self._isolation.guard("frontends", lambda: open_and_shut(self._world, self._keeper_slot.active, router))
        self._isolation.forget("reconcile")
        self._retry_policy.forgive()

    def begin(self, kind: Kind, version: Version | None, waiver: Waiver) -> Listener:
        """Begin a hand-over to `version` (None: that which runs); return where its steps and its end are put.

        Raises RequestError: nothing runs, or the candidate is refused. Raises BusyError: another one is under way.
        """
        self._make_way_or_refuse()
        keeper = self._keeper_slot.keeper
        active = keeper.instance if keeper else None
        wanted = version or (version_of(active) if active else None)
        if wanted is None:
            raise RequestError(f"cannot {kind} {self._service}: nothing of it runs")
        listener: Listener = queue.SimpleQueue()
        if active and not kind.is_anew and version_of(active).is_same_as(wanted):
            down = keeper.message if keeper and keeper.is_down else None
            text = f"{self._service} runs {wanted.version} already{self._retry_policy.stay(wanted)}"
            listener.put(Progress(self._service, "nothing", text, fraction=1.0, is_final=True, error=down))
            return listener
        self._reconciling.open(Order(kind, wanted, waiver), [listener])
        return listener

    def revert(self) -> Listener | None:
        """Turn the hand-over that is under way round; None: there is none, or it is about a configuration.

        Raises BusyError: it goes back already, or is of a kind that is not turned round.
        """
        run = self._under_way.run
        listener: Listener = queue.SimpleQueue()
        if run is None:
            return self._cleanup.back_already(self._service)
        kind = run.handover.kind
        if self._under_way.soaks_configuration:
            return None  # what is meant is the version before this one
        if self._under_way.want_back(listener):
            return listener
        if kind.is_repair or kind is Kind.CONFIGURE or run.handover.direction is Direction.UNDO:
            self._make_way_or_refuse()
        run.listeners.append(listener)
        revert(run, ROLLED_BACK)
        self._agenda.not_before = 0.0
        return listener

    def confirm(self) -> None:
        """End the soak. Raises RequestError: nothing soaks."""
        run = self._under_way.run
        if run is None or not self._under_way.soaks:
            raise RequestError(f"cannot confirm {self._service}: nothing soaks")
        self._world.store.set_confirmed(self._service, version_of(run.candidate))
        run.is_confirmed, self._agenda.not_before = True, 0.0

    def stop_service(self) -> None:
        """Take every container of the service along, and end the thread."""
        self._keeper_slot.let_go()
        stop(self._world, self._service, self._definition_of)
        self._agenda.is_stopping = True

    def _make_way_or_refuse(self) -> None:
        if not self._agenda.is_adopted:
            raise BusyError(self._service, "what runs of it could not be looked at yet")
        if decided := self._under_way.end_soak():
            self._execution.conclude(decided)
        if run := self._under_way.run:
            raise BusyError(
                self._service,
                f"{run.handover.kind} to {run.candidate.version} (hand-over {run.handover.id}) is at {run.step}",
            )
        if self._cleanup.crowds(Kind.SWAP):
            raise BusyError(self._service, self._cleanup.crowd)
