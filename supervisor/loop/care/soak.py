"""Watches the candidate of a hand-over while it soaks: one that fails then is reverted, not retried.

The reasons are the keeper's (down, hung, not ready), processes that the kernel ended because the memory limit was
reached, and the daemon's own counters of failed work, compared with those of the former active: whatever was broken
before the cut-over is no reason to go back. The engine is not asked here: one that hangs must not keep the worker from
noticing that the candidate has ended.
"""

from __future__ import annotations

import functools
import math

from supervisor.decisions.process_state import Condition
from supervisor.loop.care.failures import Failures, read_counters
from supervisor.loop.care.keeper import Keeper
from supervisor.loop.handover.executor import revert
from supervisor.loop.handover.run import HandoverRun
from supervisor.loop.world import World
from supervisor.values.handover import Kind, Step
from supervisor.values.router import RouterConfig


class SoakWatch:
    """Watches the candidate that soaks, and turns its hand-over round when it fails. Lives on the worker's thread."""

    def __init__(self, world: World) -> None:
        self._failures = Failures(world.clock, functools.partial(read_counters, world))

    def due_in(self, run: HandoverRun | None) -> float:
        """Return the seconds until the counters of a candidate are to be read; infinite while none soaks."""
        if run is None or run.step is not Step.SOAK or not _is_judged(run):
            return math.inf
        return self._failures.due_in()

    def turn(self, run: HandoverRun | None, keeper: Keeper, router: RouterConfig | None) -> bool:
        """Revert a hand-over whose candidate fails while it soaks; return whether that was so.

        Between hand-overs what the active instance has failed is noted, if that is due.
        """
        if run is None:
            if router is not None:
                self._failures.remember(keeper, router)
        elif run.step is Step.SOAK and run.former and (reason := self._reason(run, keeper)):
            revert(run, reason)
            return True
        return False

    def _reason(self, run: HandoverRun, keeper: Keeper) -> str | None:
        """Return why the candidate is reverted, or nothing."""
        name = keeper.instance.container_name
        match keeper.condition:
            case Condition.GONE | Condition.DOWN:
                return keeper.message
            case Condition.MISSED:
                return f"{name} has ended"
            case Condition.HUNG:
                return f"{name} stopped answering: {keeper.liveness.message}"
        return None if run.handover.waiver.judgement else self._judge(run, keeper)

    def _judge(self, run: HandoverRun, keeper: Keeper) -> str | None:
        """Return what is wrong with a candidate that runs and answers, or nothing."""
        name = keeper.instance.container_name
        if keeper.condition is Condition.UNREADY:
            return f"{name} stopped being ready: {keeper.readiness.message}"
        if keeper.usage and keeper.usage.oom_kills:  # it has several processes, or the keeper would have seen its end
            limit = run.definition.manifest.limits.memory_bytes >> 20
            return f"{name} reached its memory limit of {limit} MiB, and the kernel ended processes of it"
        if not _is_judged(run):
            return None
        if keeper.condition is Condition.OVERLOADED:  # what it fails now, it fails because of its clients
            self._failures.pass_over()
            return None
        jumped = self._failures.jump(run)
        return f"{name} fails: {jumped}" if jumped else None


def _is_judged(run: HandoverRun) -> bool:
    """True if the candidate is judged by its counters: a new configuration may make it fail more, a new version not."""
    is_soaking = run.former is not None and not run.is_confirmed and not run.is_passed_on
    is_soaking = is_soaking and not run.handover.waiver.judgement
    return is_soaking and bool(run.definition.manifest.errors) and run.handover.kind is not Kind.CONFIGURE
