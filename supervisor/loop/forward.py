"""The way forward: what each step of a hand-over does. Every step may be repeated safely.

A step returns `Wait` when there is nothing to do but wait for a named event with a deadline; it is called again then.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from supervisor.decisions.container import check_spec
from supervisor.decisions.traffic import endpoints
from supervisor.loop.instances import (
    discard,
    enlarge_buffers,
    is_running,
    spec_of,
    version_of,
    with_instance,
    without_instance,
)
from supervisor.loop.switchboard import Serving
from supervisor.loop.walk import Wait, Walk, forget_datagrams, tell_daemon
from supervisor.values.errors import SupervisorError
from supervisor.values.handover import Kind, Mode
from supervisor.values.manifest import Protocol
from supervisor.values.state import ContainerState, Instance

log = logging.getLogger(__name__)

SYNC_ATTEMPTS = 5  # copies of the state before a cut-over that accepts a small difference
DRAIN_POLL_SECONDS = 0.5
CONFIGURE_SOAK_SECONDS = 5.0  # the version has proved itself, and the next change of configuration waits behind this


def stage(walk: Walk) -> Wait | None:
    folders, candidate, manifest = walk.world.folders, walk.candidate, walk.definition.manifest
    folders.prepare(candidate, manifest)
    folders.write(candidate, manifest, walk.world.renderer.files(walk.definition, walk.router, candidate))
    if candidate.link:
        walk.world.links.ensure(candidate.link)
    if walk.former and walk.copies_state:
        walk.synced = folders.state_digest(walk.former, manifest)
        folders.copy_state(walk.former, candidate, manifest)
    return None


def check(walk: Walk) -> Wait | None:
    checks = walk.definition.manifest.checks
    if not checks:
        return None
    trial = _trial(walk) if walk.handover.mode is Mode.RELOAD else walk.candidate
    try:
        spec = spec_of(walk.world, trial, walk.definition)
        for number, check in enumerate(checks):
            result = walk.world.engine.run(check_spec(spec, number, check), check.timeout)
            if result.exit_code != 0:
                said = (result.stderr + result.stdout).decode(errors="replace").strip()
                raise SupervisorError(
                    f"cannot use {walk.candidate.version} of {walk.candidate.service}: "
                    f"{check.command[0]} refused the configuration: {said[-2000:]}"
                )
    finally:
        if trial is not walk.candidate:
            walk.world.folders.remove(trial, walk.definition.manifest)
    return None


def _trial(walk: Walk) -> Instance:
    """Folders of generation 0, which is never given: what a reload would write, for the checks only."""
    trial = replace(walk.candidate, generation=0)
    walk.world.folders.prepare(trial, walk.definition.manifest)
    walk.world.folders.write(trial, walk.definition.manifest, walk.files)
    return trial


def create(walk: Walk) -> Wait | None:
    _ensure_created(walk)
    return None


def start(walk: Walk) -> Wait | None:
    _ensure_created(walk)
    walk.world.engine.start(walk.candidate.container_name)
    _keep_alive(walk)
    return None


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


def sync(walk: Walk) -> Wait | None:
    """Copy the state again while the former active still changes it; the candidate reads it at its start."""
    if not (walk.former and walk.copies_state):
        return None
    manifest = walk.definition.manifest
    if walk.good:  # a copy was made in this step: wait until the candidate is back
        waiting = ready(walk)
        if waiting:
            return waiting
    digest = walk.world.folders.state_digest(walk.former, manifest)
    if digest == walk.synced or walk.attempts >= SYNC_ATTEMPTS:
        return None
    walk.attempts += 1
    _recopy(walk, digest)
    return Wait(0.0)


def _recopy(walk: Walk, digest: str) -> None:
    assert walk.former is not None
    name = walk.candidate.container_name
    walk.world.engine.kill(name, "SIGKILL")
    walk.world.folders.copy_state(walk.former, walk.candidate, walk.definition.manifest)
    walk.world.engine.start(name)
    walk.synced, walk.good = digest, 0
    walk.step_began = walk.world.clock.monotonic()


def kill_former(walk: Walk) -> Wait | None:
    if walk.former and is_running(walk.world, walk.former):
        walk.world.engine.kill(walk.former.container_name, "SIGKILL")
    return None


def cut_over(walk: Walk) -> Wait | None:
    serving = walk.world.switchboard.serving(walk.handover.service)
    walk.world.switchboard.serve(
        walk.handover.service, Serving(walk.candidate, with_instance(serving.alive, walk.candidate))
    )
    store, former = walk.world.store, walk.former
    store.move_active(walk.handover.service, walk.candidate.generation, former.generation if former else None)
    store.set_desired(walk.handover.service, version_of(walk.candidate))
    if former:
        forget_datagrams(walk, former)
    log.info(
        "cut-over",
        extra={
            "service": walk.handover.service,
            "generation": walk.candidate.generation,
            "version": walk.candidate.version,
        },
    )
    return None


def verify(walk: Walk) -> Wait | None:
    if walk.former and walk.copies_state and _missed_state(walk):
        return Wait(0.0)
    return ready(walk)


def _missed_state(walk: Walk) -> bool:
    """Did the former active change its state between the last copy and the cut? Then go back and copy again.

    Both generations run: moving traffic back, copying and moving it again costs clients nothing.
    """
    assert walk.former is not None
    digest = walk.world.folders.state_digest(walk.former, walk.definition.manifest)
    if digest == walk.synced or walk.attempts >= SYNC_ATTEMPTS:
        return False
    walk.attempts += 1
    serving = walk.world.switchboard.serving(walk.handover.service)
    walk.world.switchboard.serve(walk.handover.service, Serving(walk.former, serving.alive))
    _recopy(walk, walk.world.folders.state_digest(walk.former, walk.definition.manifest))
    _await_ready(walk)
    walk.world.switchboard.serve(walk.handover.service, Serving(walk.candidate, serving.alive))
    return True


def soak(walk: Walk) -> Wait | None:
    if walk.former is None or walk.is_confirmed or walk.handover.kind is Kind.START:
        return None
    settings = walk.world.settings
    seconds = walk.definition.manifest.soak if settings.soak is None else settings.soak
    if walk.handover.kind is Kind.CONFIGURE:
        seconds = min(seconds, CONFIGURE_SOAK_SECONDS)
    left = seconds - walk.elapsed
    return Wait(left) if left > 0 else None


def drain(walk: Walk) -> Wait | None:
    if walk.former is None or walk.former_definition is None:
        return None
    drain = walk.former_definition.manifest.drain
    if not is_running(walk.world, walk.former):
        return None
    if drain.signal and not walk.good:
        walk.world.engine.kill(walk.former.container_name, drain.signal)
        walk.good = 1
    walk.drain_deadline = walk.world.clock.now() - walk.elapsed + _drain_seconds(walk)
    walk.held = walk.world.connections.count(endpoints(walk.former, Protocol.TCP))
    if walk.held == 0 or walk.elapsed > _drain_seconds(walk):
        return None
    return Wait(DRAIN_POLL_SECONDS)


def _drain_seconds(walk: Walk) -> float:
    own = walk.former_definition.manifest.drain.deadline if walk.former_definition else 0.0
    bound = walk.world.settings.drain
    return own if bound is None else min(own, bound)


def retire(walk: Walk) -> Wait | None:
    if walk.former and walk.former_definition:
        former = walk.former
        walk.world.engine.remove(former.container_name)
        left = without_instance(walk.world.switchboard.serving(former.service).alive, former)
        walk.world.switchboard.serve(former.service, Serving(walk.candidate, left))
        walk.world.connections.delete(endpoints(former, None))
        discard(walk.world, former, walk.former_definition)
    return None


def apply(walk: Walk) -> Wait | None:
    walk.world.folders.write(walk.candidate, walk.definition.manifest, walk.files)
    tell_daemon(walk)
    return None


def _ensure_created(walk: Walk) -> None:
    names = {container.name for container in walk.world.engine.containers()}
    if walk.candidate.container_name not in names:
        walk.world.engine.create(spec_of(walk.world, walk.candidate, walk.definition))


def _keep_alive(walk: Walk) -> None:
    """Let answers of the candidate out, although no new work goes to it yet."""
    serving = walk.world.switchboard.serving(walk.handover.service)
    if walk.candidate not in serving.alive:
        walk.world.switchboard.serve(
            walk.handover.service, Serving(serving.active, with_instance(serving.alive, walk.candidate))
        )


def _await_ready(walk: Walk) -> None:
    """Ask until the candidate is ready; for the rare second cut, when nothing else may happen in between."""
    walk.good = 0
    while (wait := ready(walk)) is not None:
        walk.world.clock.sleep(wait.seconds)


def _last_words(walk: Walk, name: str) -> str:
    try:
        lines = b"\n".join(walk.world.engine.logs(name, 5, follow=False)).decode(errors="replace").strip()
    except SupervisorError:
        return ""
    return f"; it said: {lines}" if lines else ""
