"""One hand-over being carried out: the machine says what is next, this does it and reports.

Each step is a method that may be repeated safely. It returns `Wait` when there is nothing to do but wait for a named
event with a deadline; the worker comes back then. The journal is written before each step is acted on.
"""

from __future__ import annotations

import logging
import queue
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from supervisor.decisions.container import check_spec
from supervisor.decisions.handover import advance, current, has_traffic, is_committed
from supervisor.decisions.traffic import endpoints
from supervisor.loop.instances import (
    discard,
    is_running,
    probe_once,
    spec_of,
    version_of,
    with_instance,
    without_instance,
)
from supervisor.loop.switchboard import Serving
from supervisor.loop.world import World
from supervisor.values.errors import SupervisorError
from supervisor.values.handover import (
    Event,
    Handover,
    Kind,
    Mode,
    Outcome,
    RevertAsked,
    Step,
    StepDone,
    StepFailed,
)
from supervisor.values.manifest import Protocol, ServiceDefinition, StateSharing
from supervisor.values.router import RouterConfig
from supervisor.values.state import ContainerState, Instance, RenderedFile
from supervisor.values.status import Progress

log = logging.getLogger(__name__)

SYNC_ATTEMPTS = 5  # copies of the state before a cut-over that accepts a small difference
RETRY_SECONDS = 1.0  # after a failed undo or clearing step
DRAIN_POLL_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do for so many seconds."""

    seconds: float


Listener = queue.SimpleQueue[Progress]


@dataclass(slots=True)
class Walk:
    """The state of one hand-over while this process carries it out; what must survive is in the journal."""

    world: World
    handover: Handover
    definition: ServiceDefinition
    router: RouterConfig
    candidate: Instance
    former: Instance | None
    former_definition: ServiceDefinition | None
    files: tuple[RenderedFile, ...] = ()  # reload: what is to be written
    former_files: tuple[RenderedFile, ...] = ()  # reload: what was there before
    listeners: list[Listener] = field(default_factory=list)
    began: float = 0.0  # monotonic
    began_at: float = 0.0  # since the epoch
    held: int = 0  # connections of the former active, when last counted
    drain_deadline: float = 0.0  # since the epoch
    _step_began: float | None = None
    _good: int = 0
    _attempts: int = 0
    _synced: str | None = None
    _restarted_former: bool = False
    is_confirmed: bool = False  # the operator ended the soak

    # ------------------------------------------------------------ walking

    @property
    def step(self) -> Step | None:
        return current(self.handover)

    @property
    def is_over(self) -> bool:
        return self.handover.outcome is not Outcome.RUNNING

    @property
    def is_background(self) -> bool:
        """Only clearing is left: another hand-over may begin."""
        return is_committed(self.handover)

    def advance(self) -> Wait | None:
        """Carry out the current step once; return how long to wait before the next call, None to go on at once."""
        step = self.step
        if step is None:
            return None
        if self._step_began is None:
            self._step_began = self.world.clock.monotonic()
            self._tell(step, "")
        try:
            wait = self._perform(step)
        except SupervisorError as error:
            return self._fail(step, str(error))
        if wait is not None:
            return wait
        self._take(StepDone())
        return None

    def revert(self, reason: str) -> None:
        """Turn round: the former active is wanted back."""
        self._take(RevertAsked(reason))

    def _fail(self, step: Step, reason: str) -> Wait | None:
        before = self.handover
        log.warning("step failed", extra={"service": before.service, "step": step, "reason": reason})
        self._take(StepFailed(reason))
        return Wait(RETRY_SECONDS) if self.handover == before else None

    def _take(self, event: Event) -> None:
        after = advance(self.handover, event)
        if after == self.handover:
            return
        self.world.store.record(after, current(after), self.world.clock.now())
        self.handover = after
        self._step_began = None
        self._good = 0
        if self.is_over:
            self._finish()

    def _finish(self) -> None:
        outcome = self.handover.outcome
        log.info(
            "hand-over ended",
            extra={"service": self.handover.service, "outcome": outcome, "generation": self.candidate.generation},
        )

    def _tell(self, step: Step, message: str) -> None:
        log.debug("step", extra={"service": self.handover.service, "step": step})
        elapsed = self.world.clock.monotonic() - self.began
        for listener in self.listeners:
            listener.put(Progress(self.handover.service, step, message, elapsed=elapsed))

    @property
    def _elapsed(self) -> float:
        """Seconds since the current step began."""
        return self.world.clock.monotonic() - (self._step_began or self.world.clock.monotonic())

    def _perform(self, step: Step) -> Wait | None:
        return _STEPS[step](self)

    # ------------------------------------------------------------ forward

    def stage(self) -> Wait | None:
        folders, candidate, manifest = self.world.folders, self.candidate, self.definition.manifest
        folders.prepare(candidate, manifest)
        folders.write(candidate, manifest, self.world.renderer.files(self.definition, self.router, candidate))
        if candidate.link:
            self.world.links.ensure(candidate.link)
        if self.former and self._copies_state:
            self._synced = folders.state_digest(self.former, manifest)
            folders.copy_state(self.former, candidate, manifest)
        return None

    def check(self) -> Wait | None:
        checks = self.definition.manifest.checks
        if not checks:
            return None
        trial = self._trial() if self.handover.mode is Mode.RELOAD else self.candidate
        try:
            spec = spec_of(self.world, trial, self.definition)
            for number, check in enumerate(checks):
                result = self.world.engine.run(check_spec(spec, number, check), check.timeout)
                if result.exit_code != 0:
                    said = (result.stderr + result.stdout).decode(errors="replace").strip()
                    raise SupervisorError(
                        f"cannot use {self.candidate.version} of {self.candidate.service}: "
                        f"{check.command[0]} refused the configuration: {said[-2000:]}"
                    )
        finally:
            if trial is not self.candidate:
                self.world.folders.remove(trial, self.definition.manifest)
        return None

    def _trial(self) -> Instance:
        """Folders of generation 0, which is never given: what a reload would write, for the checks only."""
        trial = replace(self.candidate, generation=0)
        self.world.folders.prepare(trial, self.definition.manifest)
        self.world.folders.write(trial, self.definition.manifest, self.files)
        return trial

    def create(self) -> Wait | None:
        self._ensure_created()
        return None

    def start(self) -> Wait | None:
        self._ensure_created()
        self.world.engine.start(self.candidate.container_name)
        self._keep_alive()
        return None

    def ready(self) -> Wait | None:
        watch = self.definition.manifest.readiness
        message = self._probe(self.candidate, self.definition)
        self._good = 0 if message else self._good + 1
        if self._good >= watch.threshold:
            return None
        container = self.world.engine.inspect(self.candidate.container_name)
        if container.state is not ContainerState.RUNNING:
            raise SupervisorError(
                f"cannot give traffic to {container.name}: it ended with exit code {container.exit_code}"
                f"{self._last_words(container.name)}"
            )
        if self._elapsed > watch.deadline:
            raise SupervisorError(
                f"cannot give traffic to {container.name}: not ready after {watch.deadline:g} s: {message}"
                f"{self._last_words(container.name)}"
            )
        return Wait(watch.interval if message else min(watch.interval, 0.02))

    def sync(self) -> Wait | None:
        """Copy the state again while the former active still changes it; the candidate reads it at its start."""
        if not (self.former and self._copies_state):
            return None
        manifest = self.definition.manifest
        if self._good:  # a copy was made in this step: wait until the candidate is back
            waiting = self.ready()
            if waiting:
                return waiting
        digest = self.world.folders.state_digest(self.former, manifest)
        if digest == self._synced or self._attempts >= SYNC_ATTEMPTS:
            return None
        self._attempts += 1
        self._recopy(digest)
        return Wait(0.0)

    def _recopy(self, digest: str) -> None:
        assert self.former is not None
        name = self.candidate.container_name
        self.world.engine.kill(name, "SIGKILL")
        self.world.folders.copy_state(self.former, self.candidate, self.definition.manifest)
        self.world.engine.start(name)
        self._synced, self._good = digest, 0
        self._step_began = self.world.clock.monotonic()

    def kill_former(self) -> Wait | None:
        if self.former and is_running(self.world, self.former):
            self.world.engine.kill(self.former.container_name, "SIGKILL")
        return None

    def cut_over(self) -> Wait | None:
        serving = self.world.switchboard.serving(self.handover.service)
        self.world.switchboard.serve(
            self.handover.service, Serving(self.candidate, with_instance(serving.alive, self.candidate))
        )
        store, former = self.world.store, self.former
        store.move_active(self.handover.service, self.candidate.generation, former.generation if former else None)
        store.set_desired(self.handover.service, version_of(self.candidate))
        if former:
            self._forget_datagrams(former)
        log.info(
            "cut-over",
            extra={
                "service": self.handover.service,
                "generation": self.candidate.generation,
                "version": self.candidate.version,
            },
        )
        return None

    def verify(self) -> Wait | None:
        if self.former and self._copies_state and self._missed_state():
            return Wait(0.0)
        return self.ready()

    def _missed_state(self) -> bool:
        """Did the former active change its state between the last copy and the cut? Then go back and copy again.

        Both generations run: moving traffic back, copying and moving it again costs clients nothing.
        """
        assert self.former is not None
        digest = self.world.folders.state_digest(self.former, self.definition.manifest)
        if digest == self._synced or self._attempts >= SYNC_ATTEMPTS:
            return False
        self._attempts += 1
        serving = self.world.switchboard.serving(self.handover.service)
        self.world.switchboard.serve(self.handover.service, Serving(self.former, serving.alive))
        self._recopy(self.world.folders.state_digest(self.former, self.definition.manifest))
        self._await_ready()
        self.world.switchboard.serve(self.handover.service, Serving(self.candidate, serving.alive))
        return True

    def soak(self) -> Wait | None:
        if self.former is None or self.is_confirmed or self.handover.kind is Kind.START:
            return None
        settings = self.world.settings
        left = (self.definition.manifest.soak if settings.soak is None else settings.soak) - self._elapsed
        return Wait(left) if left > 0 else None

    def drain(self) -> Wait | None:
        if self.former is None or self.former_definition is None:
            return None
        drain = self.former_definition.manifest.drain
        if not is_running(self.world, self.former):
            return None
        if drain.signal and not self._good:
            self.world.engine.kill(self.former.container_name, drain.signal)
            self._good = 1
        self.drain_deadline = self.world.clock.now() - self._elapsed + self._drain_deadline
        self.held = self.world.connections.count(endpoints(self.former, Protocol.TCP))
        if self.held == 0 or self._elapsed > self._drain_deadline:
            return None
        return Wait(DRAIN_POLL_SECONDS)

    @property
    def _drain_deadline(self) -> float:
        own = self.former_definition.manifest.drain.deadline if self.former_definition else 0.0
        bound = self.world.settings.drain
        return own if bound is None else min(own, bound)

    def retire(self) -> Wait | None:
        if self.former and self.former_definition:
            former = self.former
            self.world.engine.remove(former.container_name)
            left = without_instance(self.world.switchboard.serving(former.service).alive, former)
            self.world.switchboard.serve(former.service, Serving(self.candidate, left))
            self.world.connections.delete(endpoints(former, None))
            discard(self.world, former, self.former_definition)
        return None

    def apply(self) -> Wait | None:
        self.world.folders.write(self.candidate, self.definition.manifest, self.files)
        self._tell_daemon()
        return None

    # ------------------------------------------------------------ back

    def switch_back(self) -> Wait | None:
        former = self.former
        serving = self.world.switchboard.serving(self.handover.service)
        if former is None or self.handover.kind is Kind.START:
            self.world.switchboard.serve(self.handover.service, Serving(None, serving.alive))
            return None
        if self.handover.mode is Mode.OVERLAP and self._carry_state_back(former):
            return Wait(0.02)
        self.world.switchboard.serve(self.handover.service, Serving(former, serving.alive))
        self.world.store.move_active(self.handover.service, former.generation, self.candidate.generation)
        self.world.store.set_desired(self.handover.service, version_of(former))
        self._forget_datagrams(self.candidate)
        log.info("cut back", extra={"service": former.service, "generation": former.generation})
        return None

    def _carry_state_back(self, former: Instance) -> bool:
        """Give the former active what changed since the cut, while the candidate can still answer for it.

        True: it was started again and is not ready yet. A candidate that is broken is not waited for.
        """
        if not self._copies_state or not has_traffic(self.handover):
            return False
        if not self._restarted_former:
            if self._probe(self.candidate, self.definition):
                return False
            if self.world.folders.state_digest(self.candidate, self.definition.manifest) == self._synced:
                return False
            self.world.engine.kill(former.container_name, "SIGKILL")
            self.world.folders.copy_state(self.candidate, former, self.definition.manifest)
            self.world.engine.start(former.container_name)
            self._restarted_former = True
        definition = self.former_definition or self.definition
        return bool(self._probe(former, definition)) and self._elapsed < definition.manifest.readiness.deadline

    def revive_former(self) -> Wait | None:
        if self.former is None or self.handover.kind is Kind.START:
            return None
        self.world.engine.start(self.former.container_name)
        return None

    def remove_candidate(self) -> Wait | None:
        self.world.engine.remove(self.candidate.container_name)
        return None

    def unstage(self) -> Wait | None:
        service, candidate = self.handover.service, self.candidate
        serving = self.world.switchboard.serving(service)
        active = None if serving.active == candidate else serving.active
        self.world.switchboard.serve(service, Serving(active, without_instance(serving.alive, candidate)))
        self.world.connections.delete(endpoints(candidate, None))
        discard(self.world, candidate, self.definition)
        return None

    def unapply(self) -> Wait | None:
        self.world.folders.write(self.candidate, self.definition.manifest, self.former_files)
        self._tell_daemon()
        return None

    # ------------------------------------------------------------ parts

    @property
    def _copies_state(self) -> bool:
        return any(volume.sharing is StateSharing.COPIED for volume in self.definition.manifest.state)

    def _ensure_created(self) -> None:
        names = {container.name for container in self.world.engine.containers()}
        if self.candidate.container_name not in names:
            self.world.engine.create(spec_of(self.world, self.candidate, self.definition))

    def _keep_alive(self) -> None:
        """Let answers of the candidate out, although no new work goes to it yet."""
        serving = self.world.switchboard.serving(self.handover.service)
        if self.candidate not in serving.alive:
            self.world.switchboard.serve(
                self.handover.service, Serving(serving.active, with_instance(serving.alive, self.candidate))
            )

    def _await_ready(self) -> None:
        """Ask until the candidate is ready; for the rare second cut, when nothing else may happen in between."""
        self._good = 0
        while (wait := self.ready()) is not None:
            self.world.clock.sleep(wait.seconds)

    def _probe(self, instance: Instance, definition: ServiceDefinition) -> str:
        """Ask the readiness probes once; return what is wrong, or nothing."""
        return probe_once(self.world, instance, definition, self.router)

    def _forget_datagrams(self, instance: Instance) -> None:
        """Datagram flows through address translation would stay with the instance that had them."""
        if instance.link:
            self.world.connections.delete(endpoints(instance, Protocol.UDP))

    def _tell_daemon(self) -> None:
        reload, name = self.definition.manifest.reload, self.candidate.container_name
        if reload and reload.signal:
            self.world.engine.kill(name, reload.signal)
        elif reload:
            result = self.world.engine.execute(name, reload.command, 10.0)
            if result.exit_code != 0:
                said = (result.stderr + result.stdout).decode(errors="replace").strip()
                raise SupervisorError(f"cannot reload {name}: {reload.command[0]} ended with {said[-2000:]}")

    def _last_words(self, name: str) -> str:
        try:
            lines = b"\n".join(self.world.engine.logs(name, 5, follow=False)).decode(errors="replace").strip()
        except SupervisorError:
            return ""
        return f"; it said: {lines}" if lines else ""


_STEPS: dict[Step, Callable[[Walk], Wait | None]] = {
    Step.STAGE: Walk.stage,
    Step.CHECK: Walk.check,
    Step.CREATE: Walk.create,
    Step.START: Walk.start,
    Step.READY: Walk.ready,
    Step.SYNC: Walk.sync,
    Step.KILL_FORMER: Walk.kill_former,
    Step.CUT_OVER: Walk.cut_over,
    Step.VERIFY: Walk.verify,
    Step.SOAK: Walk.soak,
    Step.DRAIN: Walk.drain,
    Step.RETIRE: Walk.retire,
    Step.APPLY: Walk.apply,
    Step.SWITCH_BACK: Walk.switch_back,
    Step.REVIVE_FORMER: Walk.revive_former,
    Step.REMOVE_CANDIDATE: Walk.remove_candidate,
    Step.UNSTAGE: Walk.unstage,
    Step.UNAPPLY: Walk.unapply,
}
