"""State that each generation writes for itself (leases): copied, compared, copied again, carried back.

There are never two writers of one folder. The candidate reads its copy when it starts. What the other generation learns
later is replayed, where the manifest says how; otherwise it is copied once more and the candidate started again, which
costs nobody anything as long as the other generation has the traffic.

What has no owner in the configuration of the generation that is to get it (`owned`) is neither copied nor replayed.
"""

from __future__ import annotations

import logging

from supervisor.decisions.handover import is_interrupted
from supervisor.loop.generations.instances import begin, is_active, target_of
from supervisor.loop.handover.readiness import await_ready, ready
from supervisor.loop.handover.run import HandoverRun, Wait
from supervisor.loop.switchboard import Serving
from supervisor.values.errors import SupervisorError
from supervisor.values.handover import Mode
from supervisor.values.manifest import ServiceDefinition, ServiceManifest, StateSharing
from supervisor.values.state import Instance

log = logging.getLogger(__name__)

COPIES_BEFORE_CUT = 2  # a former active that never rests is compared after the cut instead
REPLAYS_BEFORE_CUT = 3
RECUTS = 2
CARRIES = 4  # back to the former, which has no traffic meanwhile: they cost time, and the connections it still has


def first_copy(run: HandoverRun) -> None:
    """Let the candidate start from what the former active knows now."""
    if run.former and run.copies_state and not is_active(run.world.store, run.candidate):
        digest = _digest(run, run.former)
        run.world.folders.copy_state(run.former, run.candidate, run.definition.manifest)
        run.remember_copy(digest)


def catch_up(run: HandoverRun) -> Wait | None:
    """Before the cut: tell the candidate what the former active has learnt since, or copy it again and start anew."""
    former = run.former
    if former is None or not run.copies_state:
        return None
    if not run.is_copied and _is_told(run, former, run.candidate, run.definition):
        return None
    if run.is_copied:
        waiting = ready(run)
        if waiting is not None:
            return waiting
        run.is_copied = False
    if _digest(run, former) == run.handover.synced or run.copies >= COPIES_BEFORE_CUT:
        return None
    run.copies += 1
    _copy_again(run, former)
    return Wait(0.0)


def cut_again(run: HandoverRun) -> bool:
    """After the cut: did the former active change its state since the copy? Then go back, copy and cut again.

    Only while the candidate has not changed its own: from then on both know something. What can be replayed need not
    be copied again.
    """
    former, world, service = run.former, run.world, run.handover.service
    if former is None or not run.copies_state or run.handover.synced is None or run.recuts >= RECUTS:
        return False
    if is_replayed(run.definition.manifest) or _digest(run, former) == run.handover.synced:
        return False
    if _digest(run, run.candidate) != run.handover.synced:
        log.warning("state not carried over whole", extra={"service": service, "generation": run.candidate.generation})
        return False
    run.recuts += 1
    alive = world.switchboard.serving(service).alive
    world.store.move_active(service, former.generation, run.candidate.generation)
    world.switchboard.serve(service, Serving(former, alive))
    _copy_again(run, former)
    await_ready(run)
    world.store.move_active(service, run.candidate.generation, former.generation)  # in the order of every cut
    world.switchboard.serve(service, Serving(run.candidate, alive))
    return True


def carry_back(run: HandoverRun, former: Instance) -> bool:
    """Give the former active what the candidate learnt since the cut, while the candidate still answers.

    True: the former was started again from the copy. A candidate that is broken is not waited for.
    """
    world, manifest = run.world, run.definition.manifest
    has_traffic = world.switchboard.serving(former.service).active == run.candidate
    if run.carries >= CARRIES or not run.copies_state or not has_traffic:
        return False
    digest = _digest(run, run.candidate)
    if digest == run.handover.synced:
        return False
    if not _is_trusted(run) or _is_told(run, run.candidate, former, run.former_definition or run.definition):
        return False
    world.engine.kill(former.container_name, "SIGKILL")
    world.folders.copy_state(run.candidate, former, manifest)
    run.remember_copy(digest)
    world.engine.start(former.container_name)
    run.carries += 1
    return True


def knows_alone(run: HandoverRun, former: Instance) -> bool:
    """Was a supervisor killed between the store and the kernel on the way back, and has the candidate learnt since what
    only a copy can carry over?"""
    if not run.copies_state or is_replayed(run.definition.manifest) or not is_active(run.world.store, former):
        return False
    has_learnt = _digest(run, run.candidate) != run.handover.synced == _digest(run, former)
    return has_learnt and _is_trusted(run)


def _is_told(run: HandoverRun, source: Instance, target: Instance, definition: ServiceDefinition) -> bool:
    """Before traffic moves: replay all there is. False: it has to be copied."""
    if not is_replayed(definition.manifest):
        return False
    is_told = False
    for _ in range(REPLAYS_BEFORE_CUT):
        count = replay(run, source, target, definition)
        is_told = is_told or count is not None  # what is left then is replayed after the cut
        if count == 0:
            break
    return is_told


def replay(run: HandoverRun, source: Instance, target: Instance, definition: ServiceDefinition) -> int | None:
    """Ask `target` for what `source` has learnt since it was copied; return how much that was, None: not all of it.

    What is refused costs nobody anything yet: a lease that is missing in one file is granted anew, to the same guest,
    when it is renewed (`dhcp-authoritative`, DESIGN).
    """
    world, told, total = run.world, {"service": target.service, "generation": target.generation}, 0
    for volume in definition.manifest.state:
        for asked in world.renderer.probes([volume.replay] if volume.replay else [], run.router, target):
            file = asked.argument("file") or ""
            try:
                granted, known = (world.folders.read_state(one, volume, file, target) for one in (source, target))
                count = world.prober.replay(asked, granted, known, target_of(world.folders, target, definition))
            except SupervisorError as error:
                log.warning("state not replayed", extra={**told, "reason": str(error)})
                return None
            total += count
    if total:
        log.info("state replayed", extra={**told, "count": total})
    return total


def is_replayed(manifest: ServiceManifest) -> bool:
    """Can all be replayed that a candidate starts from a copy of?"""
    return all(volume.replay for volume in manifest.state if volume.sharing is StateSharing.COPIED)


def replay_back(run: HandoverRun, former: Instance) -> None:
    """What came too late to be carried back."""
    if run.handover.mode is Mode.OVERLAP and _is_trusted(run):
        replay(run, run.candidate, former, run.former_definition or run.definition)


def _is_trusted(run: HandoverRun) -> bool:
    """What a candidate wrote may be what broke it. One that ended with the power is as good as its last word."""
    liveness = run.definition.manifest.liveness  # answers sooner than readiness that a candidate hangs
    return is_interrupted(run.handover) or not run.probe(run.candidate, run.definition, liveness)


def _copy_again(run: HandoverRun, former: Instance) -> None:
    world = run.world
    world.engine.kill(run.candidate.container_name, "SIGKILL")
    digest = _digest(run, former)
    world.folders.copy_state(former, run.candidate, run.definition.manifest)
    run.remember_copy(digest)  # before it runs: from then on it may change its copy
    begin(world, run.candidate, run.definition)
    run.is_copied, run.good, run.step_began = True, 0, world.clock.monotonic()


def _digest(run: HandoverRun, instance: Instance) -> str:
    """What both know is compared as the candidate would be given it: what nobody owns any more is no difference."""
    return run.world.folders.state_digest(instance, run.definition.manifest, run.candidate)
