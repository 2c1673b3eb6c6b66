"""Waits for a candidate to prove itself: first to the supervisor alone, then on the path that clients take."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from supervisor.decisions.overload import Evidence, Overload, after, reachable
from supervisor.loop.generations.instances import enlarge_buffers, failure, target_of
from supervisor.loop.handover.announcement import report_step
from supervisor.loop.handover.knowledge import waits_for
from supervisor.loop.handover.run import HandoverRun, Wait
from supervisor.values.errors import (
    CandidateEndedError,
    CandidateNotReadyError,
    CheckFailedError,
    NetworkError,
    SupervisorError,
)
from supervisor.values.handover import Step
from supervisor.values.manifest import Probe, Watch
from supervisor.values.state import ContainerState, ProbeResult, ResolvedProbe

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Crowding:
    """The memory of a verification: whether it was said that clients fill the candidate."""

    is_said: bool = False


def ready(run: HandoverRun) -> Wait | None:
    """Probe the candidate as its manifest's readiness says, until its threshold is reached.

    Raises SupervisorError: when it has ended, or is not ready within its deadline.
    """
    watch = run.definition.manifest.readiness
    message = _fault(run, _rendered(run, watch.probes))
    if not message and run.step is Step.READY and waits_for(run):
        return Wait(watch.interval)
    waiting = _proves(run, watch, message)
    if waiting is None and run.across.proof is None:
        run.across.proof = _proof(run)
    return waiting


def check_wording(run: HandoverRun) -> None:
    """Render every probe that the candidate will ever be asked: one that cannot be rendered cannot watch it.

    Raises RenderError: when one cannot be rendered.
    Raises CheckFailedError: when clients would reach the way in that is to be the supervisor's alone.
    """
    manifest = run.definition.manifest
    watches = (manifest.readiness, manifest.liveness, manifest.verification)
    probes = [probe for watch in watches if watch for probe in watch.probes]
    sources = [*(item.source for item in manifest.errors), *(item.source for item in manifest.knowledge)]
    sources += [item.source for item in manifest.readiness.awaited]
    _rendered(run, (*probes, *sources))
    own = _rendered(run, manifest.admission.probes if manifest.admission else ())
    if port := reachable(own, run.candidate.frontends):
        reason = f"`admission` asks at port {port}, which clients reach"
        raise CheckFailedError(run.candidate.service, run.candidate.version, reason)


def verified(run: HandoverRun) -> Wait | None:
    """Probe a candidate that has just been given traffic on the path that clients take, until it has proved itself.

    Raises SupervisorError: when it has ended, or does not prove itself within its deadline.
    """
    watch = run.definition.manifest.verification
    if watch is None or not run.across.proof:
        return ready(run)
    return _proves(run, watch, _fault(run, run.across.proof))


def _proof(run: HandoverRun) -> tuple[ResolvedProbe, ...]:
    """Return the verification probes that hold before the cut-over.

    Others (of an address that is not up yet, say) prove nothing of the candidate after it.
    """
    watch = run.definition.manifest.verification
    if watch is None or run.former is None or run.handover.kind.is_repair:
        return ()
    target = target_of(run.world.folders, run.candidate, run.definition)
    probes = _rendered(run, watch.probes)
    return tuple(probe for probe in probes if run.world.prober.ask(probe, target).is_good)


def _rendered(run: HandoverRun, probes: tuple[Probe, ...]) -> tuple[ResolvedProbe, ...]:
    return run.world.renderer.probes(run.definition.manifest, probes, run.router, run.candidate)


def _fault(run: HandoverRun, probes: tuple[ResolvedProbe, ...]) -> str:
    """Carry out probes once; return what is wrong, empty if they hold or clients fill a candidate that has traffic."""
    failed = failure(run.world, probes, target_of(run.world.folders, run.candidate, run.definition))
    if failed is None:
        return ""
    if run.step is not Step.VERIFY or not (crowded := _crowded(run, failed)):
        return failed.message
    notes = run.memory.of(Crowding)
    if not notes.is_said:
        log.warning("overloaded", extra={"service": run.handover.service, "reason": crowded})
        report_step(run, Step.VERIFY, crowded)
        notes.is_said = True
    return ""


def _crowded(run: HandoverRun, failed: ProbeResult) -> str:
    """Return what clients do to a candidate that is full at once; empty: it fails by itself."""
    admission = run.definition.manifest.admission
    if admission is None or not failed.is_silent:
        return ""
    own_way, world = _rendered(run, admission.probes), run.world
    wrong = failure(world, own_way, target_of(world.folders, run.candidate, run.definition))
    try:
        crowd = world.kernel.connections.crowd(run.candidate)
    except NetworkError:
        crowd = None
    own = (wrong or ProbeResult(True, "", 0.0)) if own_way else None  # None: there is none with this configuration
    return after(Overload(), admission, Evidence(failed, own, crowd), world.clock.monotonic()).message


def _proves(run: HandoverRun, watch: Watch, message: str) -> Wait | None:
    run.memory.good = 0 if message else run.memory.good + 1
    if run.memory.good >= watch.threshold:
        enlarge_buffers(run.world, run.candidate, run.definition)
        return None
    container = run.world.engine.inspect(run.candidate.container_name)
    if container.state is not ContainerState.RUNNING:
        raise CandidateEndedError(container.name, container.exit_code, _last_words(run, container.name))
    if run.elapsed > watch.deadline:
        raise CandidateNotReadyError(container.name, watch.deadline, message, _last_words(run, container.name))
    return Wait(watch.interval if message else min(watch.interval, 0.02))


def await_ready(run: HandoverRun) -> None:
    """Block until the candidate is ready: between two cuts, when nothing else may happen. Raises as `ready` does."""
    run.memory.good = 0
    while (wait := ready(run)) is not None:
        run.world.clock.sleep(wait.seconds)


def _last_words(run: HandoverRun, name: str) -> str:
    try:
        lines = [line.decode(errors="replace").strip() for line in run.world.engine.logs(name, 5, follow=False)]
    except SupervisorError:
        return ""
    return f"; it said: {' | '.join(lines)}" if lines else ""
