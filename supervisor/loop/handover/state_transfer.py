"""Transfers state that each generation writes for itself: copied, compared, copied again, carried back.

There are never two writers of one folder. The candidate reads its copy when it starts. Changes that the other
generation makes later are replayed, where the manifest says how; otherwise the state is copied once more and the
candidate started again, which costs nobody anything as long as the other generation has the traffic.

Items without an owner in the configuration of the generation that is to get them (`owned`) are neither copied nor
replayed.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from supervisor.decisions.handover import is_interrupted
from supervisor.loop.generations.instances import begin, is_active, target_of
from supervisor.loop.handover.readiness import await_ready, ready
from supervisor.loop.handover.run import HandoverRun, Side, Wait
from supervisor.loop.switchboard import Serving
from supervisor.values.errors import SupervisorError
from supervisor.values.handover import Mode
from supervisor.values.manifest import ServiceManifest, StateSharing
from supervisor.values.state import Instance

log = logging.getLogger(__name__)

COPIES_BEFORE_CUT = 2  # a former active that never rests is compared after the cut instead
REPLAYS_BEFORE_CUT = 3
RECUTS = 2
CARRIES = 4  # back to the former, which has no traffic meanwhile: they cost time, and the connections it still has


@dataclass(slots=True)
class TransferNotes:
    """The memory of a step that transfers state: SYNC, VERIFY or SWITCH_BACK."""

    copies: int = 0  # made before the cut
    is_copied: bool = False  # the candidate was started again from a copy and is not ready yet
    recuts: int = 0  # copies made after the cut
    carries: int = 0  # copies made on the way back


def copies_state(run: HandoverRun) -> bool:
    """True if each generation has a copy of its own of a volume."""
    return any(volume.sharing is StateSharing.COPIED for volume in run.definition.manifest.state)


def first_copy(run: HandoverRun) -> None:
    """Copy the former active's state for the candidate to start from, unless the candidate has had traffic."""
    if run.former and copies_state(run) and not is_active(run.world.store, run.candidate):
        digest = _digest(run, run.former)
        run.world.folders.copy_state(run.former, run.candidate, run.definition.manifest)
        _record_copy(run, digest)


def catch_up(run: HandoverRun) -> Wait | None:
    """Bring the candidate's copy up to date before the cut: by a replay, or by a copy from which it starts again."""
    former, notes = run.former, run.memory.of(TransferNotes)
    if former is None or not copies_state(run):
        return None
    if not notes.is_copied and _is_all_replayed(run, former, run.candidate_side):
        return None
    if notes.is_copied:
        waiting = ready(run)
        if waiting is not None:
            return waiting
        notes.is_copied = False
    if _digest(run, former) == run.handover.synced or notes.copies >= COPIES_BEFORE_CUT:
        return None
    notes.copies += 1
    _copy_again(run, former)
    notes.is_copied = True
    return Wait(0.0)


def cut_again(run: HandoverRun) -> bool:
    """Go back, copy and cut again if the former active changed its state between the copy and the cut. True: done.

    Only while the candidate has not changed its own copy: from then on both have news. State that can be replayed
    need not be copied again.
    """
    former, world, service = run.former, run.world, run.handover.service
    notes = run.memory.of(TransferNotes)
    if former is None or not copies_state(run) or run.handover.synced is None or notes.recuts >= RECUTS:
        return False
    if is_replayed(run.definition.manifest) or _digest(run, former) == run.handover.synced:
        return False
    if _digest(run, run.candidate) != run.handover.synced:
        log.warning("state not carried over whole", extra={"service": service, "generation": run.candidate.generation})
        return False
    notes.recuts += 1
    alive = world.switchboard.serving(service).alive
    world.store.move_active(service, former.generation, run.candidate.generation)
    world.switchboard.serve(service, Serving(former, alive))
    _copy_again(run, former)
    await_ready(run)
    world.store.move_active(service, run.candidate.generation, former.generation)  # in the order of every cut
    world.switchboard.serve(service, Serving(run.candidate, alive))
    return True


def carry_back(run: HandoverRun, former: Side) -> bool:
    """Give the former active the news of the candidate since the cut, while the candidate still answers.

    True: the former was started again from the copy. A candidate that is broken is not waited for.
    """
    world, instance, notes = run.world, former.instance, run.memory.of(TransferNotes)
    has_traffic = world.switchboard.serving(instance.service).active == run.candidate
    if notes.carries >= CARRIES or not copies_state(run) or not has_traffic:
        return False
    digest = _digest(run, run.candidate)
    if digest == run.handover.synced:
        return False
    if not _is_trusted(run) or _is_all_replayed(run, run.candidate, former):
        return False
    world.engine.kill(instance.container_name, "SIGKILL")
    world.folders.copy_state(run.candidate, instance, run.definition.manifest)
    _record_copy(run, digest)
    world.engine.start(instance.container_name)
    notes.carries += 1
    return True


def knows_alone(run: HandoverRun, former: Instance) -> bool:
    """True if a supervisor was killed between the store and the kernel on the way back, and only a copy can carry over
    the news of the candidate since."""
    if not copies_state(run) or is_replayed(run.definition.manifest) or not is_active(run.world.store, former):
        return False
    has_learnt = _digest(run, run.candidate) != run.handover.synced == _digest(run, former)
    return has_learnt and _is_trusted(run)


def replay(run: HandoverRun, source: Instance, target: Side) -> int | None:
    """Request from `target` the items that `source` has and it lacks; return how many there were, None: it failed.

    May be repeated. An item that is refused costs nobody anything yet: its owner gets the same one when it renews it.
    """
    world, instance, total = run.world, target.instance, 0
    facts = {"service": instance.service, "generation": instance.generation}
    for volume in target.definition.manifest.state:
        wanted = [volume.replay] if volume.replay else []
        for request in world.renderer.probes(target.definition.manifest, wanted, target.router, instance):
            file = request.argument("file") or ""
            try:
                granted, known = (world.folders.read_state(side, volume, file, instance) for side in (source, instance))
                daemon = target_of(world.folders, instance, target.definition)
                count = world.prober.replay(request, granted, known, daemon)
            except SupervisorError as error:
                log.warning("state not replayed", extra={**facts, "reason": str(error)})
                return None
            total += count
    if total:
        log.info("state replayed", extra={**facts, "count": total})
    return total


def replay_back(run: HandoverRun, former: Side) -> None:
    """Replay to the former active the news of the candidate that came too late to be carried back."""
    if run.handover.mode is Mode.OVERLAP and _is_trusted(run):
        replay(run, run.candidate, former)


def is_replayed(manifest: ServiceManifest) -> bool:
    """True if every volume that a candidate starts from a copy of can be replayed, too."""
    return all(volume.replay for volume in manifest.state if volume.sharing is StateSharing.COPIED)


def _is_all_replayed(run: HandoverRun, source: Instance, target: Side) -> bool:
    """Replay, before traffic moves, until there is nothing new. False: the state has to be copied."""
    if not is_replayed(target.definition.manifest):
        return False
    has_worked = False
    for _ in range(REPLAYS_BEFORE_CUT):
        count = replay(run, source, target)
        has_worked = has_worked or count is not None  # what is left then is replayed after the cut
        if count == 0:
            break
    return has_worked


def _is_trusted(run: HandoverRun) -> bool:
    """True if the candidate's state is worth having: it may be what broke it, unless the power was cut."""
    liveness = run.definition.manifest.liveness  # answers sooner than readiness that a candidate hangs
    return is_interrupted(run.handover) or not run.probe(run.candidate_side, liveness)


def _copy_again(run: HandoverRun, former: Instance) -> None:
    world = run.world
    world.engine.kill(run.candidate.container_name, "SIGKILL")
    digest = _digest(run, former)
    world.folders.copy_state(former, run.candidate, run.definition.manifest)
    _record_copy(run, digest)  # before it runs: from then on it may change its copy
    begin(world, run.candidate, run.definition)
    run.memory.good, run.memory.began = 0, world.clock.monotonic()


def _record_copy(run: HandoverRun, digest: str) -> None:
    """Record in the journal the digest of the state that both have now: a later supervisor compares with it."""
    run.amend(replace(run.handover, synced=digest))


def _digest(run: HandoverRun, instance: Instance) -> str:
    """Return the digest of an instance's state as the candidate would be given it, without items nobody owns."""
    return run.world.folders.state_digest(instance, run.definition.manifest, run.candidate)
