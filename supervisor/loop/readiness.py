"""Waits for a candidate to prove itself by its readiness probes."""

from __future__ import annotations

from supervisor.loop.instances import enlarge_buffers
from supervisor.loop.walk import Wait, Walk
from supervisor.values.errors import SupervisorError
from supervisor.values.state import ContainerState


def ready(walk: Walk) -> Wait | None:
    watch = walk.definition.manifest.readiness
    message = walk.probe(walk.candidate, walk.definition)
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
        lines = b"\n".join(walk.world.engine.logs(name, 5, follow=False)).decode(errors="replace").strip()
    except SupervisorError:
        return ""
    return f"; it said: {lines}" if lines else ""
