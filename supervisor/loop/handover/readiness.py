"""Waits for a candidate to prove itself: first to the supervisor alone, then on the path that clients take."""

from __future__ import annotations

from supervisor.loop.generations.instances import enlarge_buffers, first_fault, target_of
from supervisor.loop.handover.knowledge import waits_for
from supervisor.loop.handover.run import HandoverRun, Wait
from supervisor.values.errors import CandidateEndedError, CandidateNotReadyError, SupervisorError
from supervisor.values.handover import Step
from supervisor.values.manifest import Watch
from supervisor.values.state import ContainerState, ResolvedProbe


def ready(run: HandoverRun) -> Wait | None:
    """Probe the candidate as its manifest's readiness says, until its threshold is reached.

    Raises SupervisorError: when it has ended, or is not ready within its deadline.
    """
    watch, message = run.definition.manifest.readiness, run.probe(run.candidate_side)
    if not message and run.step is Step.READY and waits_for(run):
        return Wait(watch.interval)
    waiting = _proves(run, watch, message)
    if waiting is None and run.across.proof is None:
        run.across.proof = _proof(run)
    return waiting


def check_wording(run: HandoverRun) -> None:
    """Render every probe that the candidate will ever be asked: one that cannot be rendered cannot watch it.

    Raises RenderError: when one cannot be rendered.
    """
    manifest = run.definition.manifest
    watches = (manifest.readiness, manifest.liveness, manifest.verification)
    probes = [probe for watch in watches if watch for probe in watch.probes]
    sources = [*(item.source for item in manifest.errors), *(item.source for item in manifest.knowledge)]
    sources += [item.source for item in manifest.readiness.awaited]
    run.world.renderer.probes(manifest, (*probes, *sources), run.router, run.candidate)


def verified(run: HandoverRun) -> Wait | None:
    """Probe a candidate that has just been given traffic on the path that clients take, until it has proved itself.

    Raises SupervisorError: when it has ended, or does not prove itself within its deadline.
    """
    watch = run.definition.manifest.verification
    if watch is None or not run.across.proof:
        return ready(run)
    target = target_of(run.world.folders, run.candidate, run.definition)
    return _proves(run, watch, first_fault(run.world, run.across.proof, target))


def _proof(run: HandoverRun) -> tuple[ResolvedProbe, ...]:
    """Return the verification probes that hold before the cut-over.

    Others (of an address that is not up yet, say) prove nothing of the candidate after it.
    """
    watch = run.definition.manifest.verification
    if watch is None or run.former is None or run.handover.kind.is_repair:
        return ()
    target = target_of(run.world.folders, run.candidate, run.definition)
    probes = run.world.renderer.probes(run.definition.manifest, watch.probes, run.router, run.candidate)
    return tuple(probe for probe in probes if run.world.prober.ask(probe, target).is_good)


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
