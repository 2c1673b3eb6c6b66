"""The way forward: what each step of a hand-over does. Every step may be repeated safely.

A step returns `Wait` when there is nothing to do but wait for a named event with a deadline; it is called again then.
"""

from __future__ import annotations

import logging

from supervisor.decisions.traffic import endpoints
from supervisor.loop.generations.instances import (
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
from supervisor.loop.handover.announcement import note
from supervisor.loop.handover.counting import last_look
from supervisor.loop.handover.drain import finish
from supervisor.loop.handover.readiness import verified, words
from supervisor.loop.handover.run import HandoverRun, Wait, forget_datagrams, tell_daemon
from supervisor.loop.handover.state_transfer import cut_again, first_copy, replay
from supervisor.loop.handover.takeover_gap import RETIRE_SECONDS, begin_gap, clear_associations, end_gap
from supervisor.loop.switchboard import Serving
from supervisor.values.errors import CheckFailedError, NetworkError, SupervisorError
from supervisor.values.handover import Kind, Mode

log = logging.getLogger(__name__)

END_GAP_SECONDS = 5.0
KEEP_SECONDS = 2.0  # in a soak: how often what the former active has open is looked at
CONFIGURE_SOAK_SECONDS = 5.0  # the version has proved itself, and the next change of configuration waits behind this


def stage(run: HandoverRun) -> Wait | None:
    folders, candidate, manifest = run.world.folders, run.candidate, run.definition.manifest
    folders.prepare(candidate, manifest)
    folders.write(candidate, manifest, run.world.renderer.files(run.definition, run.router, candidate))
    if candidate.link:
        run.world.kernel.links.ensure(candidate.link)
    first_copy(run)
    return None


def check(run: HandoverRun) -> Wait | None:
    words(run)
    files = run.files if run.handover.mode is Mode.RELOAD else None
    if reason := refuses(run.world, run.candidate, run.definition, files):
        raise CheckFailedError(run.candidate.service, run.candidate.version, reason)
    return None


def create(run: HandoverRun) -> Wait | None:
    ensure_created(run.world, run.candidate, run.definition)
    return None


def start(run: HandoverRun) -> Wait | None:
    _keep_alive(run)  # first: what it asks of others as soon as it runs may need the table
    begin(run.world, run.candidate, run.definition)
    return None


def kill_former(run: HandoverRun) -> Wait | None:
    begin_gap(run)
    if run.former and is_running(run.world.engine, run.former):
        run.world.engine.kill(run.former.container_name, "SIGKILL")
    return None


def cut_over(run: HandoverRun) -> Wait | None:
    _give_traffic(run)
    if run.former:
        forget_datagrams(run, run.former)
        replay(run, run.former, run.candidate, run.definition)  # at once: what it gave away is not given again
    run.world.switchboard.keep(run.handover.service)  # what the former opened while traffic moved, too
    log.info(
        "cut-over",
        extra={
            "service": run.handover.service,
            "generation": run.candidate.generation,
            "version": run.candidate.version,
        },
    )
    return None


def _give_traffic(run: HandoverRun) -> None:
    """The store knows, and new work goes to the candidate; nothing happens when that is so already.

    The store is first: a supervisor that ends in between is followed by one that makes the kernel say what the store
    says. What the former active has learnt meanwhile is found by comparing state after the cut.
    """
    service, candidate, former = run.handover.service, run.candidate, run.former
    if not is_active(run.world.store, candidate):
        with run.world.store.together():
            run.world.store.move_active(service, candidate.generation, former.generation if former else None)
            if run.handover.kind.is_wish:
                run.world.store.set_desired(service, version_of(candidate))
    serving = run.world.switchboard.serving(service)
    if serving.active != candidate:
        run.world.switchboard.serve(service, Serving(candidate, with_instance(serving.alive, candidate)))


def verify(run: HandoverRun) -> Wait | None:
    if cut_again(run):
        return Wait(0.0)
    waiting = _proved(run)
    if waiting is None and run.handover.mode is not Mode.RELOAD:
        _give_traffic(run)  # a supervisor that came back may find it with the former active
        if run.former:
            replay(run, run.former, run.candidate, run.definition)  # what it was in the middle of at the cut
        return _gap_ended(run)
    return waiting


def _proved(run: HandoverRun) -> Wait | None:
    """The candidate holds on the clients' path; if that is waived it only has to run."""
    try:
        return verified(run)
    except SupervisorError as error:
        if not run.handover.waiver.judgement or not is_running(run.world.engine, run.candidate):
            raise
        log.warning("verification waived", extra={"service": run.handover.service, "reason": str(error)})
        note(run, "waived", f"{error}; it stays all the same, as was asked")
        return None


def _gap_ended(run: HandoverRun) -> Wait | None:
    """A takeover that is good is not undone because the kernel refused one change of its table."""
    try:
        end_gap(run)
    except NetworkError:
        if run.elapsed > END_GAP_SECONDS:
            raise
        return Wait(0.1)
    return None


def soak(run: HandoverRun) -> Wait | None:
    if run.former is None or run.is_confirmed or run.handover.kind.is_repair or run.handover.waiver.soak:
        return None
    settings = run.world.settings
    seconds = run.definition.manifest.soak if settings.soak is None else settings.soak
    if run.handover.kind is Kind.CONFIGURE:
        seconds = min(seconds, CONFIGURE_SOAK_SECONDS)
    left = seconds - run.elapsed
    if left <= 0:
        return None
    run.world.switchboard.keep(run.handover.service)
    return Wait(min(left, KEEP_SECONDS))


def drain(run: HandoverRun) -> Wait | None:
    former, definition = run.former, run.former_definition
    if former is None or definition is None or not is_running(run.world.engine, former):
        return None
    if run.handover.kind is Kind.HEAL and run.probe(former, definition):
        return None  # what hangs finishes nothing; what was only slow does
    return finish(run, former, definition)


def retire(run: HandoverRun) -> Wait | None:
    if run.former and run.former_definition:
        former = run.former
        last_look(run, former, run.former_definition)
        run.world.engine.remove(former.container_name)
        serving = run.world.switchboard.serving(former.service)  # the active may be newer than our candidate by now
        left = without_instance(serving.alive, former)
        run.world.switchboard.serve(former.service, Serving(serving.active, left))
        run.world.kernel.connections.delete(endpoints(former, None))
        waiting = clear_associations(run, RETIRE_SECONDS)
        if waiting is not None:
            return waiting
        discard(run.world, former, run.former_definition)
    return None


def apply(run: HandoverRun) -> Wait | None:
    run.world.folders.write(run.candidate, run.definition.manifest, run.files)
    tell_daemon(run.world.engine, run.candidate, run.definition)
    return None


def _keep_alive(run: HandoverRun) -> None:
    """Let answers of the candidate out, although no new work goes to it yet."""
    serving = run.world.switchboard.serving(run.handover.service)
    if run.candidate not in serving.alive:
        run.world.switchboard.serve(
            run.handover.service, Serving(serving.active, with_instance(serving.alive, run.candidate))
        )
