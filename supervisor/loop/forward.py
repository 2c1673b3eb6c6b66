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
    ensure_created,
    is_active,
    is_running,
    spec_of,
    version_of,
    with_instance,
    without_instance,
)
from supervisor.loop.readiness import ready
from supervisor.loop.state_copy import cut_again, first_copy
from supervisor.loop.switchboard import Serving
from supervisor.loop.walk import DRAIN_POLL_SECONDS, Wait, Walk, forget_datagrams, tell_daemon
from supervisor.values.errors import SupervisorError
from supervisor.values.handover import Kind, Mode
from supervisor.values.manifest import Protocol
from supervisor.values.state import Instance

log = logging.getLogger(__name__)

CONFIGURE_SOAK_SECONDS = 5.0  # the version has proved itself, and the next change of configuration waits behind this


def stage(walk: Walk) -> Wait | None:
    folders, candidate, manifest = walk.world.folders, walk.candidate, walk.definition.manifest
    folders.prepare(candidate, manifest)
    folders.write(candidate, manifest, walk.world.renderer.files(walk.definition, walk.router, candidate))
    if candidate.link:
        walk.world.links.ensure(candidate.link)
    first_copy(walk)
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
    ensure_created(walk.world, walk.candidate, walk.definition)
    return None


def start(walk: Walk) -> Wait | None:
    ensure_created(walk.world, walk.candidate, walk.definition)
    walk.world.engine.start(walk.candidate.container_name)
    _keep_alive(walk)
    return None


def kill_former(walk: Walk) -> Wait | None:
    if walk.former and is_running(walk.world, walk.former):
        walk.world.engine.kill(walk.former.container_name, "SIGKILL")
    return None


def cut_over(walk: Walk) -> Wait | None:
    _give_traffic(walk)
    if walk.former:
        forget_datagrams(walk, walk.former)
    log.info(
        "cut-over",
        extra={
            "service": walk.handover.service,
            "generation": walk.candidate.generation,
            "version": walk.candidate.version,
        },
    )
    return None


def _give_traffic(walk: Walk) -> None:
    """New work goes to the candidate, and the store knows; nothing happens when that is so already."""
    service, candidate, former = walk.handover.service, walk.candidate, walk.former
    serving = walk.world.switchboard.serving(service)
    if serving.active != candidate:
        walk.world.switchboard.serve(service, Serving(candidate, with_instance(serving.alive, candidate)))
    if not is_active(walk.world, candidate):
        walk.world.store.move_active(service, candidate.generation, former.generation if former else None)
        walk.world.store.set_desired(service, version_of(candidate))


def verify(walk: Walk) -> Wait | None:
    if cut_again(walk):
        return Wait(0.0)
    waiting = ready(walk)
    if waiting is None and walk.handover.mode is not Mode.RELOAD:
        _give_traffic(walk)  # a supervisor that came back may find it with the former active
    return waiting


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
    drain_seconds = walk.drain_seconds(walk.former_definition)
    if not is_running(walk.world, walk.former):
        return None
    if drain.signal and not walk.is_signalled:
        walk.world.engine.kill(walk.former.container_name, drain.signal)
        walk.is_signalled = True
    walk.drain_deadline = walk.world.clock.now() - walk.elapsed + drain_seconds
    walk.held = walk.world.connections.count(endpoints(walk.former, Protocol.TCP))
    if walk.held == 0 or walk.elapsed > drain_seconds:
        return None
    return Wait(DRAIN_POLL_SECONDS)


def retire(walk: Walk) -> Wait | None:
    if walk.former and walk.former_definition:
        former = walk.former
        walk.world.engine.remove(former.container_name)
        serving = walk.world.switchboard.serving(former.service)  # the active may be newer than our candidate by now
        left = without_instance(serving.alive, former)
        walk.world.switchboard.serve(former.service, Serving(serving.active, left))
        walk.world.connections.delete(endpoints(former, None))
        discard(walk.world, former, walk.former_definition)
    return None


def apply(walk: Walk) -> Wait | None:
    walk.world.folders.write(walk.candidate, walk.definition.manifest, walk.files)
    tell_daemon(walk)
    return None


def _keep_alive(walk: Walk) -> None:
    """Let answers of the candidate out, although no new work goes to it yet."""
    serving = walk.world.switchboard.serving(walk.handover.service)
    if walk.candidate not in serving.alive:
        walk.world.switchboard.serve(
            walk.handover.service, Serving(serving.active, with_instance(serving.alive, walk.candidate))
        )
