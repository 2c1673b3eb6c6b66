"""Waits for a candidate to prove itself: first to the supervisor alone, then on the path that clients take."""

from __future__ import annotations

from supervisor.loop.instances import enlarge_buffers, first_fault, target_of
from supervisor.loop.knowledge import waits_for
from supervisor.loop.walk import Wait, Walk
from supervisor.values.errors import SupervisorError
from supervisor.values.handover import Step
from supervisor.values.manifest import Watch
from supervisor.values.state import ContainerState, ResolvedProbe


def ready(walk: Walk) -> Wait | None:
    watch, message = walk.definition.manifest.readiness, walk.probe(walk.candidate, walk.definition)
    if not message and walk.step is Step.READY and waits_for(walk):
        return Wait(watch.interval)
    waiting = _proves(walk, watch, message)
    if waiting is None and walk.telling is None:
        walk.telling = _telling(walk)
    return waiting


def words(walk: Walk) -> None:
    """Raise unless everything can be put into words that it will ever be asked: else nobody could watch it."""
    manifest = walk.definition.manifest
    watches = (manifest.readiness, manifest.liveness, manifest.verification)
    probes = [probe for watch in watches if watch for probe in watch.probes]
    sources = [*(one.source for one in manifest.errors), *(one.source for one in manifest.knowledge)]
    sources += [one.source for one in manifest.readiness.awaited]
    walk.world.renderer.probes((*probes, *sources), walk.router, walk.candidate)


def verified(walk: Walk) -> Wait | None:
    """The same for what has just been given traffic, on the path that clients take."""
    watch = walk.definition.manifest.verification
    if watch is None or not walk.telling:
        return ready(walk)
    target = target_of(walk.world, walk.candidate, walk.definition)
    return _proves(walk, watch, first_fault(walk.world, walk.telling, target))


def _telling(walk: Walk) -> tuple[ResolvedProbe, ...]:
    """What holds before the cut-over: other probes (of an address that is not up yet) can tell nothing after it."""
    watch = walk.definition.manifest.verification
    if watch is None or walk.former is None or walk.handover.kind.is_repair:
        return ()
    target = target_of(walk.world, walk.candidate, walk.definition)
    probes = walk.world.renderer.probes(watch.probes, walk.router, walk.candidate)
    return tuple(probe for probe in probes if walk.world.prober.ask(probe, target).is_good)


def _proves(walk: Walk, watch: Watch, message: str) -> Wait | None:
    walk.good = 0 if message else walk.good + 1
    if walk.good >= watch.threshold:
        enlarge_buffers(walk.world, walk.candidate, walk.definition)
        return None
    container = walk.world.engine.inspect(walk.candidate.container_name)
    if container.state is not ContainerState.RUNNING:
        raise SupervisorError(
            f"cannot give traffic to {container.name}: it ended with exit code {container.exit_code}"
            f"{_last_words(walk, container.name)}"
        )
    if walk.elapsed > watch.deadline:
        raise SupervisorError(
            f"cannot give traffic to {container.name}: not ready after {watch.deadline:g} s: {message}"
            f"{_last_words(walk, container.name)}"
        )
    return Wait(watch.interval if message else min(watch.interval, 0.02))


def await_ready(walk: Walk) -> None:
    """Ask until the candidate is ready: between two cuts, when nothing else may happen."""
    walk.good = 0
    while (wait := ready(walk)) is not None:
        walk.world.clock.sleep(wait.seconds)


def _last_words(walk: Walk, name: str) -> str:
    try:
        lines = [line.decode(errors="replace").strip() for line in walk.world.engine.logs(name, 5, follow=False)]
    except SupervisorError:
        return ""
    return f"; it said: {' | '.join(lines)}" if lines else ""
