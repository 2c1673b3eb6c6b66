"""One service's life: a thread that observes, plans, carries out hand-overs and keeps what serves running.

Everything that changes the service happens on this thread, in order. Others put requests into its inbox. A slow or
hung action of one service never delays another.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass

from supervisor.decisions.plan import NewGeneration, Next, Nothing, ReloadInPlace, Write
from supervisor.loop.adoption import adopt
from supervisor.loop.allocation import Allocator
from supervisor.loop.announcement import announce
from supervisor.loop.boundary import PAUSE_SECONDS, Boundary
from supervisor.loop.comparison import compare
from supervisor.loop.definitions import Definitions
from supervisor.loop.inbox import Inbox
from supervisor.loop.instances import discard, version_of
from supervisor.loop.keeper import Keeper
from supervisor.loop.opening import Opening
from supervisor.loop.walk import Listener, Wait, Walk
from supervisor.loop.walking import carry_on, revert
from supervisor.loop.world import World
from supervisor.values.errors import BusyError, RequestError
from supervisor.values.handover import Direction, Kind, Mode, Outcome, Step
from supervisor.values.manifest import ServiceDefinition
from supervisor.values.names import ServiceName
from supervisor.values.release import InstanceState, Version
from supervisor.values.router import RouterConfig
from supervisor.values.state import Instance, RenderedFile
from supervisor.values.status import EventRecord, Progress

log = logging.getLogger(__name__)

MOST_ALIVE = 3  # generations of one service
REFUSED_RETRY_SECONDS = 300.0
NOTHING_SERVES_RETRY_SECONDS = 5.0
IDLE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """A desired state that failed; it is not tried again until it changes or some time has passed."""

    version: Version
    router: RouterConfig
    until: float
    reason: str


class Worker:
    """See the module. Public methods may be called from any thread."""

    def __init__(
        self,
        name: ServiceName,
        world: World,
        allocator: Allocator,
        digest: Callable[[bytes], str],
        router: RouterConfig | None,
    ) -> None:
        self.name = name
        self._world, self._digest = world, digest
        self._inbox = Inbox(name)
        self._thread = threading.Thread(target=self._run, name=f"worker-{name}", daemon=True)
        self._is_stopping = False
        self._router = router
        self._is_dirty = True
        self._refusal: Refusal | None = None
        self._not_before = 0.0  # when the foreground walk wants to be carried on
        self._boundary = Boundary(world, name, self._complain)
        self._is_adopted = False
        self._clearing_due: dict[int, float] = {}
        self._definition_of = Definitions(world, name)
        self._opening = Opening(world, name, allocator, self._definition_of)
        # Read by status from other threads; each is replaced whole.
        self.keeper: Keeper | None = None
        self.foreground: Walk | None = None
        self.clearing: tuple[Walk, ...] = ()
        self.message = ""
        self.is_degraded = False  # what runs is not what is desired

    # ------------------------------------------------------------ from other threads

    def start(self) -> None:
        self._thread.start()

    def ask_to_stop(self) -> None:
        """End the thread between two steps; the service is left as it is."""
        self._is_stopping = True
        self._inbox.put(lambda: None)

    def join(self, timeout: float) -> None:
        self._thread.join(timeout)

    def configure(self, router: RouterConfig) -> None:
        """Tell the worker what the router looks like now."""
        self._inbox.put(lambda: self._configure(router))

    def begin(self, kind: Kind, version: Version | None) -> Listener:
        """Ask for a hand-over to `version` (None: the one that runs). RequestError or BusyError when refused.

        The listener gets every step and ends with a final Progress.
        """
        return self._inbox.ask(lambda: self._begin(kind, version))

    def revert(self) -> Listener | None:
        """Return to the former active while it is still warm; None when no hand-over is under way."""
        return self._inbox.ask(self._revert)

    def confirm(self) -> None:
        """End the soak now. RequestError when nothing soaks."""
        self._inbox.ask(self._confirm)

    def stop_service(self) -> None:
        """Take every container of the service along; what serves keeps its state and its record."""
        self._inbox.ask(self._stop_service)

    # ------------------------------------------------------------ the thread

    def _run(self) -> None:
        while not self._is_stopping:
            request = self._inbox.get(timeout=self._due_in())
            if request:
                request()
            elif not self._is_stopping:
                self._turn()
        if self.keeper:
            self.keeper.release()

    def _complain(self, message: str) -> None:
        if message != self.message:
            log.warning("service degraded", extra={"service": self.name, "reason": message})
        self.message, self.is_degraded = message, True
        self._is_dirty = True

    def _due_in(self) -> float:
        now = self._world.clock.monotonic()
        due = {"idle": now + IDLE_SECONDS}
        if not self._is_adopted:
            due["adopt"] = 0.0
        if self.foreground:
            due["walk"] = self._not_before
        if self._is_dirty and self._router is not None and (self.foreground is None or self._soaks):
            due["reconcile"] = 0.0 if self._soaks else self._not_before
        if self._refusal:
            due["refusal"] = self._refusal.until
        if self._clearing_due:
            due["clear"] = min(self._clearing_due.values())
        if self.keeper and not self._is_taking_over:
            due["keeper"] = now + self.keeper.due_in()
        return max(0.0, min(max(at, self._boundary.until(part)) for part, at in due.items()) - now)

    def _turn(self) -> None:
        now = self._world.clock.monotonic()
        if not self._is_adopted:
            self._boundary.guard("adopt", self._adopt)
            return
        if self._refusal and now >= self._refusal.until:
            self._refusal, self._is_dirty = None, True
        if self.foreground and now >= self._not_before:
            self._boundary.guard("walk", self._walk)
        if self._clearing_due and now >= min(self._clearing_due.values()):
            self._boundary.guard("clear", self._clear)
        if self._is_dirty and self._router is not None:
            if self.foreground is None and now >= self._not_before:
                self._boundary.guard("reconcile", self._reconcile)
            elif self._soaks:
                self._boundary.guard("reconcile", self._write_live_changes)
        if self.keeper and not self._is_taking_over:
            self._boundary.guard("keeper", self._keep_alive)

    def _keep_alive(self) -> None:
        if self.keeper:
            self.keeper.turn()
            self._judge_soak()
            self._replace_what_is_gone()

    @property
    def _soaks(self) -> bool:
        return self.foreground is not None and self.foreground.step is Step.SOAK

    @property
    def _is_taking_over(self) -> bool:
        """Is the active down, or may it be, because the hand-over says so?"""
        walk = self.foreground
        if walk is None or walk.handover.mode is not Mode.TAKEOVER:
            return False
        return walk.step not in (None, Step.STAGE, Step.CHECK, Step.CREATE, Step.SOAK, Step.RETIRE, Step.UNSTAGE)

    def _adopt(self) -> None:
        found = adopt(self._world, self.name, self._router or RouterConfig(), self._definition_of)
        if found.active:
            self._keep(found.active, self._definition_of(found.active.definition))
        for walk in found.walks:
            if walk.is_background:
                self._clear_later(walk)
                self._remember_former(walk)
            else:
                self.foreground = walk
        self._is_adopted = True

    def _clear_later(self, walk: Walk) -> None:
        self.clearing = (*self.clearing, walk)
        self._clearing_due[walk.handover.id] = 0.0

    def _remember_former(self, walk: Walk) -> None:
        """What a rollback returns to."""
        former, mode = walk.former, walk.handover.mode
        if former and mode is not Mode.RELOAD and version_of(former) != version_of(walk.candidate):
            self._world.store.set_previous(self.name, version_of(former))

    # ------------------------------------------------------------ hand-overs

    def _walk(self) -> None:
        walk = self.foreground
        if walk is None:
            return
        wait: Wait | None = None
        while wait is None and not walk.is_over and not walk.is_background:
            wait = carry_on(walk)
            self._follow(walk)
            if self._is_stopping:
                return
        if wait is not None:
            self._not_before = self._world.clock.monotonic() + wait.seconds
            return
        self.foreground = None
        self._not_before = 0.0
        self._settle(walk)

    def _follow(self, walk: Walk) -> None:
        """Keep the keeper on the instance that has traffic."""
        active = self._world.switchboard.serving(self.name).active
        if active is None:
            self._keep(None, None)
        elif self.keeper is None or self.keeper.instance.generation != active.generation:
            is_candidate = active.generation == walk.candidate.generation
            definition = walk.definition if is_candidate else walk.former_definition
            self._keep(active, definition)

    def _settle(self, walk: Walk) -> None:
        """The soak is over or the hand-over has ended: tell those who wait, and remember what it means."""
        handover = walk.handover
        if handover.outcome in (Outcome.FAILED, Outcome.REVERTED):
            self._refuse(walk)
        else:
            self.message, self.is_degraded = "", False
            self._refusal = None
            self._remember_former(walk)
        if walk.is_background:
            self._clear_later(walk)
        announce(walk)
        self._is_dirty = True

    def _refuse(self, walk: Walk) -> None:
        handover = walk.handover
        self.message = f"{handover.kind} to {walk.candidate.version} {handover.outcome}: {handover.reason}"
        self.is_degraded = handover.kind in (Kind.CONFIGURE, Kind.START)  # others leave what is desired as it was
        serves = self.keeper is not None and not self.keeper.is_down
        seconds = REFUSED_RETRY_SECONDS if serves else NOTHING_SERVES_RETRY_SECONDS
        self._refusal = Refusal(
            version_of(walk.candidate), walk.router, self._world.clock.monotonic() + seconds, handover.reason
        )

    def _clear(self) -> None:
        now = self._world.clock.monotonic()
        for walk in self.clearing:
            if now < self._clearing_due[walk.handover.id]:
                continue
            wait = carry_on(walk)
            if walk.is_over:
                self.clearing = tuple(other for other in self.clearing if other is not walk)
                del self._clearing_due[walk.handover.id]
            else:
                self._clearing_due[walk.handover.id] = now + (wait.seconds if wait else 0.0)

    def _replace_what_is_gone(self) -> None:
        """A container that somebody removed cannot be started again: a new generation takes its place."""
        if self.keeper and self.keeper.is_gone and self.foreground is None:
            self._keep(None, None)
            self._is_dirty = True

    def _judge_soak(self) -> None:
        """In soak the candidate serves under watch: what fails is reverted, not retried."""
        walk, keeper = self.foreground, self.keeper
        if walk is None or keeper is None or walk.step is not Step.SOAK or walk.former is None:
            return
        if keeper.is_down:
            revert(walk, keeper.message)
        elif keeper.readiness.is_known and not keeper.readiness.is_good:
            revert(walk, f"{keeper.instance.container_name} stopped being ready: {keeper.readiness.message}")
        else:
            return
        self._not_before = 0.0

    # ------------------------------------------------------------ requests, on the thread

    def _configure(self, router: RouterConfig) -> None:
        if router == self._router:
            return
        self._router, self._is_dirty, self._refusal = router, True, None
        if self.keeper:
            keeper = self.keeper
            self._boundary.guard("configure", lambda: keeper.configure(router))

    def _begin(self, kind: Kind, version: Version | None) -> Listener:
        self._refuse_if_busy()
        active = self.keeper.instance if self.keeper else None
        wanted = version or (version_of(active) if active else None)
        if wanted is None:
            raise RequestError(f"cannot {kind} {self.name}: nothing of it runs")
        listener: Listener = queue.SimpleQueue()
        if active and kind is not Kind.RESTART and version_of(active) == wanted:
            text = f"{self.name} runs {wanted.version} already"
            listener.put(Progress(self.name, "nothing", text, fraction=1.0, is_final=True))
            return listener
        self._open(kind, wanted, [listener])
        return listener

    def _refuse_if_busy(self) -> None:
        if not self._is_adopted:
            raise BusyError(self.name, "what runs of it could not be looked at yet")
        if self.foreground:
            handover = self.foreground.handover
            raise BusyError(
                self.name,
                f"{handover.kind} to {self.foreground.candidate.version} (hand-over {handover.id})"
                f" is at {self.foreground.step}",
            )
        if self._is_crowded:
            held = ", ".join(str(walk.former.generation) for walk in self.clearing if walk.former)
            raise BusyError(self.name, f"generations {held} still drain; at most {MOST_ALIVE} may be alive")

    @property
    def _is_crowded(self) -> bool:
        return len(self.clearing) + 2 > MOST_ALIVE  # with the active and a candidate

    def _revert(self) -> Listener | None:
        walk = self.foreground
        if walk is None:
            return None
        if walk.handover.kind in (Kind.CONFIGURE, Kind.START) or walk.handover.direction is Direction.UNDO:
            self._refuse_if_busy()
        listener: Listener = queue.SimpleQueue()
        walk.listeners.append(listener)
        revert(walk, "rolled back by the operator")
        self._not_before = 0.0
        return listener

    def _confirm(self) -> None:
        walk = self.foreground
        if walk is None or walk.step is not Step.SOAK:
            raise RequestError(f"cannot confirm {self.name}: nothing soaks")
        walk.is_confirmed = True
        self._not_before = 0.0

    def _stop_service(self) -> None:
        """What serves keeps its state, and its record: the next start begins from it."""
        self._keep(None, None)
        for instance, state in self._world.store.instances(self.name):
            definition = self._definition_of(instance.definition)
            self._world.engine.stop(instance.container_name, definition.manifest.stop.timeout)
            self._world.engine.remove(instance.container_name)
            if state is InstanceState.ACTIVE:
                if instance.link:
                    self._world.links.remove(instance.link)
                self._world.folders.remove(instance, definition.manifest, keep_state=True)
            else:
                discard(self._world, instance, definition)
        self._is_stopping = True

    # ------------------------------------------------------------ observe and plan

    def _reconcile(self) -> None:
        assert self._router is not None
        desired = self._world.store.desired(self.name)
        self._is_dirty = False
        if desired is None:
            return
        files, action = compare(self._world, self._active, desired, self._router, self._digest)
        if isinstance(action, Nothing):
            if self._refusal is None:
                self.message, self.is_degraded = "", False
            return
        if self._is_refused(desired, self._router):
            return
        log.info("plan", extra={"service": self.name, "action": repr(action)})
        match action:
            case NewGeneration() if self._is_crowded:
                self._is_dirty, self._not_before = True, self._world.clock.monotonic() + PAUSE_SECONDS
            case NewGeneration(kind=kind):
                self._open(kind, desired, [])
            case Write(changed=changed):
                self._write(files)
                self._world.store.log_event(
                    EventRecord(self._world.clock.now(), self.name, "configured", f"{len(changed)} files written")
                )
            case ReloadInPlace() if self.keeper:
                self.foreground = self._opening.reload(
                    self.keeper.instance, self.keeper.definition, self._router, files
                )
                self._not_before = 0.0

    def plan(self, desired: Version | None) -> Next:
        """What would be done for `desired`; may be asked from any thread."""
        if desired is None or self._router is None:
            return Nothing()
        return compare(self._world, self._active, desired, self._router, self._digest)[1]

    @property
    def _active(self) -> tuple[Instance, ServiceDefinition] | None:
        keeper = self.keeper
        return (keeper.instance, keeper.definition) if keeper else None

    def _write_live_changes(self) -> None:
        """A guest that comes during a soak is not kept waiting; what is dearer waits until the soak is over."""
        self._is_dirty = False
        if self.keeper and self._router:
            running = version_of(self.keeper.instance)
            files, action = compare(self._world, self._active, running, self._router, self._digest)
            if isinstance(action, Write):
                self._write(files)

    def _is_refused(self, desired: Version, router: RouterConfig) -> bool:
        refusal = self._refusal
        if refusal is None or refusal.version != desired or refusal.router != router:
            return False
        return self._world.clock.monotonic() < refusal.until

    def _write(self, files: tuple[RenderedFile, ...]) -> None:
        assert self.keeper is not None
        self._world.folders.write(self.keeper.instance, self.keeper.definition.manifest, files)

    def _open(self, kind: Kind, version: Version, listeners: list[Listener]) -> None:
        if self._router is None:
            raise RequestError(f"cannot {kind} {self.name}: the router has no configuration yet")
        self.foreground = self._opening.new_generation(kind, version, self._router, listeners)
        self._not_before = 0.0

    def _keep(self, instance: Instance | None, definition: ServiceDefinition | None) -> None:
        if self.keeper:
            self.keeper.release()
        self.keeper = None
        if instance and definition:
            router = self._router or RouterConfig()
            self.keeper = Keeper(self._world, instance, definition, router, self._on_exit)

    def _on_exit(self) -> None:
        """From the thread that watches processes."""
        self._inbox.put(lambda: self.keeper.exited() if self.keeper else None)
