"""Plans an upgrade: what it would do to each service, without doing it."""

from __future__ import annotations

from collections.abc import Callable

from supervisor.decisions.plan import Next, Nothing
from supervisor.decisions.status import ServiceSnapshot
from supervisor.loop.releases.judgement import CeilingMarks
from supervisor.loop.service.comparison import compare
from supervisor.loop.supervision.cautions import cautions
from supervisor.loop.world import World
from supervisor.values.release import Release, Version
from supervisor.values.router import RouterConfig
from supervisor.values.status import PlannedStep


class Planner:
    """Plans what an upgrade would do to each service. May be used from any thread."""

    def __init__(self, world: World, digest: Callable[[bytes], str]) -> None:
        self._world, self._digest = world, digest
        self._ceiling_marks = CeilingMarks(world)

    def step(self, snapshot: ServiceSnapshot, target: Release | None, router: RouterConfig | None) -> PlannedStep:
        """Return what an upgrade to `target` would do to a service; None: what it should be already.

        A pinned service, and one that the release does not have, stays at its desired version.
        """
        store, name, active = self._world.store, snapshot.service, snapshot.active
        wanted = store.desired(name)
        if target and not store.pinned(name):
            wanted = target.version_of(name) or wanted
        action = self._action(snapshot, wanted)
        reasons = [action.reason]
        if wanted and not isinstance(action, Nothing):
            reasons += map(str, self._ceiling_marks.excesses(name, wanted.definition))
        if active and wanted and router and active.instance.version != wanted.version:
            reasons += cautions(self._world, wanted, active.instance, router)
        runs = active.instance.version if active else None
        return PlannedStep(name, action.word, runs, wanted.version if wanted else None, "; caution: ".join(reasons))

    def _action(self, snapshot: ServiceSnapshot, wanted: Version | None) -> Next:
        if snapshot.router is None:
            return Nothing()
        active = snapshot.active
        serves = (active.instance, active.definition) if active else None
        return compare(self._world, serves, wanted, snapshot.router, self._digest)[1]
