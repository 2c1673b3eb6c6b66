"""The way forward: what each step of a hand-over does. Every step may be repeated safely.

A step returns `Wait` when there is nothing to do but wait for a named event with a deadline; it is called again then.
"""

from __future__ import annotations

import logging

from supervisor.decisions.traffic import endpoints
from supervisor.loop.announcement import note
from supervisor.loop.counting import last_look
from supervisor.loop.draining import finish
from supervisor.loop.gap import RETIRE_SECONDS, begin_gap, clear_associations, end_gap
from supervisor.loop.instances import (
    begin,
    discard,
    ensure_created,
    is_active,
    is_running,
    refuses,
    version_of,
    with_instance,
    without_instance,
)
from supervisor.loop.readiness import verified, words
from supervisor.loop.state_copy import cut_again, first_copy, replay
from supervisor.loop.switchboard import Serving
from supervisor.loop.walk import Wait, Walk, forget_datagrams, tell_daemon
from supervisor.values.errors import NetworkError, SupervisorError
from supervisor.values.handover import Kind, Mode

log = logging.getLogger(__name__)

END_GAP_SECONDS = 5.0
KEEP_SECONDS = 2.0  # in a soak: how often what the former active has open is looked at
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
    words(walk)
    files = walk.files if walk.handover.mode is Mode.RELOAD else None
    if reason := refuses(walk.world, walk.candidate, walk.definition, files):
        raise SupervisorError(f"cannot use {walk.candidate.version} of {walk.candidate.service}: {reason}")
    return None


def create(walk: Walk) -> Wait | None:
    ensure_created(walk.world, walk.candidate, walk.definition)
    return None


def start(walk: Walk) -> Wait | None:
    _keep_alive(walk)  # first: what it asks of others as soon as it runs may need the table
    begin(walk.world, walk.candidate, walk.definition)
    return None


def kill_former(walk: Walk) -> Wait | None:
    begin_gap(walk)
    if walk.former and is_running(walk.world, walk.former):
        walk.world.engine.kill(walk.former.container_name, "SIGKILL")
    return None


def cut_over(walk: Walk) -> Wait | None:
    _give_traffic(walk)
    if walk.former:
        forget_datagrams(walk, walk.former)
        replay(walk, walk.former, walk.candidate, walk.definition)  # at once: what it gave away is not given again
    walk.world.switchboard.keep(walk.handover.service)  # what the former opened while traffic moved, too
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
    """The store knows, and new work goes to the candidate; nothing happens when that is so already.

    The store is first: a supervisor that ends in between is followed by one that makes the kernel say what the store
    says. What the former active has learnt meanwhile is found by comparing state after the cut.
    """
    service, candidate, former = walk.handover.service, walk.candidate, walk.former
    if not is_active(walk.world, candidate):
        with walk.world.store.together():
            walk.world.store.move_active(service, candidate.generation, former.generation if former else None)
            if walk.handover.kind.is_wish:
                walk.world.store.set_desired(service, version_of(candidate))
    serving = walk.world.switchboard.serving(service)
    if serving.active != candidate:
        walk.world.switchboard.serve(service, Serving(candidate, with_instance(serving.alive, candidate)))


def verify(walk: Walk) -> Wait | None:
    if cut_again(walk):
        return Wait(0.0)
    waiting = _proved(walk)
    if waiting is None and walk.handover.mode is not Mode.RELOAD:
        _give_traffic(walk)  # a supervisor that came back may find it with the former active
        if walk.former:
            replay(walk, walk.former, walk.candidate, walk.definition)  # what it was in the middle of at the cut
        return _gap_ended(walk)
    return waiting


def _proved(walk: Walk) -> Wait | None:
    """The candidate holds on the clients' path; if that is waived it only has to run."""
    try:
        return verified(walk)
    except SupervisorError as error:
        if not walk.handover.waiver.judgement or not is_running(walk.world, walk.candidate):
            raise
        log.warning("verification waived", extra={"service": walk.handover.service, "reason": str(error)})
        note(walk, "waived", f"{error}; it stays all the same, as was asked")
        return None


def _gap_ended(walk: Walk) -> Wait | None:
    """A takeover that is good is not undone because the kernel refused one change of its table."""
    try:
        end_gap(walk)
    except NetworkError:
        if walk.elapsed > END_GAP_SECONDS:
            raise
        return Wait(0.1)
    return None


def soak(walk: Walk) -> Wait | None:
    if walk.former is None or walk.is_confirmed or walk.handover.kind.is_repair or walk.handover.waiver.soak:
        return None
    settings = walk.world.settings
    seconds = walk.definition.manifest.soak if settings.soak is None else settings.soak
    if walk.handover.kind is Kind.CONFIGURE:
        seconds = min(seconds, CONFIGURE_SOAK_SECONDS)
    left = seconds - walk.elapsed
    if left <= 0:
        return None
    walk.world.switchboard.keep(walk.handover.service)
    return Wait(min(left, KEEP_SECONDS))


def drain(walk: Walk) -> Wait | None:
    former, definition = walk.former, walk.former_definition
    if former is None or definition is None or not is_running(walk.world, former):
        return None
    if walk.handover.kind is Kind.HEAL and walk.probe(former, definition):
        return None  # what hangs finishes nothing; what was only slow does
    return finish(walk, former, definition)


def retire(walk: Walk) -> Wait | None:
    if walk.former and walk.former_definition:
        former = walk.former
        last_look(walk, former, walk.former_definition)
        walk.world.engine.remove(former.container_name)
        serving = walk.world.switchboard.serving(former.service)  # the active may be newer than our candidate by now
        left = without_instance(serving.alive, former)
        walk.world.switchboard.serve(former.service, Serving(serving.active, left))
        walk.world.connections.delete(endpoints(former, None))
        waiting = clear_associations(walk, RETIRE_SECONDS)
        if waiting is not None:
            return waiting
        discard(walk.world, former, walk.former_definition)
    return None


def apply(walk: Walk) -> Wait | None:
    walk.world.folders.write(walk.candidate, walk.definition.manifest, walk.files)
    tell_daemon(walk.world, walk.candidate, walk.definition)
    return None


def _keep_alive(walk: Walk) -> None:
    """Let answers of the candidate out, although no new work goes to it yet."""
    serving = walk.world.switchboard.serving(walk.handover.service)
    if walk.candidate not in serving.alive:
        walk.world.switchboard.serve(
            walk.handover.service, Serving(serving.active, with_instance(serving.alive, walk.candidate))
        )
