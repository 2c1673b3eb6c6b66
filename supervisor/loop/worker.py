"""One service's life: a thread that observes, plans, carries out hand-overs and keeps what serves running.

Everything that changes the service happens on this thread, in order. Others put requests into its inbox. A slow or
hung action of one service never delays another.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable

from supervisor.decisions.handover import is_interrupted, leaves_active_alone, verdict
from supervisor.decisions.plan import NewGeneration, Next, Nothing, ReloadInPlace, Write
from supervisor.loop.adoption import adopt
from supervisor.loop.allocation import Allocator
from supervisor.loop.announcement import announce
from supervisor.loop.boundary import PAUSE_SECONDS, Boundary
from supervisor.loop.clearing import MOST_ALIVE, Clearing
from supervisor.loop.comparison import compare, is_configured
from supervisor.loop.definitions import Definitions
from supervisor.loop.healing import Healer
from supervisor.loop.inbox import Inbox
from supervisor.loop.instances import is_running, version_of
from supervisor.loop.keeper import Keeper
from supervisor.loop.opening import Opening
from supervisor.loop.shutting import follow
from supervisor.loop.soaking import Soaking
from supervisor.loop.standing import Standing
from supervisor.loop.stopping import stop
from supervisor.loop.walk import Listener, Wait, Walk
from supervisor.loop.walking import carry_on, revert
from supervisor.loop.world import World
from supervisor.values.errors import BusyError, ManifestError, RequestError
from supervisor.values.handover import Direction, Kind, Outcome, Step
from supervisor.values.manifest import ServiceDefinition
from supervisor.values.names import ServiceName
from supervisor.values.release import Version
from supervisor.values.router import RouterConfig
from supervisor.values.state import Instance, RenderedFile
from supervisor.values.status import EventRecord, Progress

log = logging.getLogger(__name__)

IDLE_SECONDS = 60.0


class Worker:
    """See the module. Public methods may be called from any thread."""

    def __init__(
        self,
        name: ServiceName,
        world: World,
        allocator: Allocator,
        digest: Callable[[bytes], str],
        router: RouterConfig | None,
        inbox: Inbox | None = None,
    ) -> None:
        self.name = name
        self._world, self._digest = world, digest
        self._inbox = inbox or Inbox(name)
        self._thread = threading.Thread(target=self.run, name=f"worker-{name}", daemon=True)
        self._is_stopping = False
        self._router = router
        self._is_dirty = True
        self._not_before = 0.0  # when the foreground walk wants to be carried on
        self._boundary = Boundary(world, name, self._complain)
        self._is_adopted = False
        self._clearing = Clearing(world.clock)
        self._given: dict[int, RouterConfig] = {}  # generation -> the configuration its daemon has, newest last
        self._definition_of = Definitions(world, name)
        self._healer = Healer(world, name)
        self._soaking = Soaking(world)
        self._opening = Opening(world, name, allocator, self._definition_of)
        # Read by status from other threads; each is replaced whole.
        self.keeper: Keeper | None = None
        self.foreground: Walk | None = None
        self.standing = Standing(world, name)

    # ------------------------------------------------------------ from other threads

    @property
    def clearing(self) -> tuple[Walk, ...]:
        """Hand-overs that are decided and not cleared away yet."""
        return self._clearing.walks

    @property
    def is_alive(self) -> bool:
        """Is there a thread that looks after the service?"""
        return self._thread.is_alive()

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

    def run(self) -> None:
        while not self._is_stopping:
            self._boundary.survive(self._go_on)
        if self.keeper:
            self.keeper.release()

    def _go_on(self) -> None:
        request = self._inbox.get(timeout=self._due_in())
        if request:
            request()
        elif not self._is_stopping:
            self._turn()

    def _complain(self, message: str) -> None:
        self.standing.complain(message)
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
        due["renew"] = self.standing.retry_at
        due["clear"] = self._clearing.due
        if self.keeper and not self._leaves_active_alone:
            due["keeper"] = now + min(self.keeper.due_in(), self._soaking.due_in(self.foreground))
        return max(0.0, min(max(at, self._boundary.until(part)) for part, at in due.items()) - now)

    def _turn(self) -> None:
        now = self._world.clock.monotonic()
        if not self._is_adopted:
            self._boundary.guard("adopt", self._adopt)
            return
        self._boundary.guard("renew", self._renew)
        if self.foreground and now >= self._not_before:
            self._boundary.guard("walk", self._walk)
        if now >= self._clearing.due:
            self._boundary.guard("clear", self._clearing.carry_on)
        if self.keeper and not self._leaves_active_alone:
            self._boundary.guard("keeper", self._keep_alive)
        if self._is_dirty and self._router is not None:
            if self.foreground is None and now >= self._not_before:
                self._boundary.guard("reconcile", self._reconcile)
            elif self._soaks:
                self._boundary.guard("reconcile", self._write_live_changes)

    def _renew(self) -> None:
        if self.standing.renew():
            self._is_dirty = True

    def _keep_alive(self) -> None:
        if self.keeper:
            try:
                self.keeper.turn()
            finally:  # an engine that is away is no reason to stay with a candidate that has ended
                is_judged = not self.keeper.is_hung or self._inbox.is_empty  # else: that it ended is heard first
                if is_judged and self._soaking.turn(self.foreground, self.keeper, self._router):
                    self._not_before = 0.0
            self._heal()
            self._replace_what_is_gone()

    @property
    def _soaks(self) -> bool:
        return self.foreground is not None and self.foreground.step is Step.SOAK

    @property
    def _leaves_active_alone(self) -> bool:
        return self.foreground is not None and leaves_active_alone(self.foreground.handover)

    def _adopt(self) -> None:
        found = adopt(self._world, self.name, self._router or RouterConfig(), self._definition_of)
        if found.active:
            try:
                self._keep(found.active, self._definition_of(found.active.definition))
            except ManifestError as error:  # of an older supervisor, say: it serves on until another version does
                self._complain(str(error))
        for walk in found.walks:
            if walk.is_background:
                self._clearing.add(walk)
                done = verdict(walk.handover)
                if done is Outcome.SUCCEEDED:
                    self._opening.remember_former(walk)
                elif done is Outcome.FAILED and is_interrupted(walk.handover):
                    announce(walk)  # nobody was there to do it
            else:
                self.foreground = walk
        recorded = self._opening.active()
        if recorded and self.foreground is None:
            self.standing.found(recorded, self._world.store.desired(self.name))
        self._is_adopted = True

    # ------------------------------------------------------------ hand-overs

    def _walk(self) -> None:
        walk = self.foreground
        if walk is None:
            return
        wait: Wait | None = None
        while wait is None and not walk.is_over and not walk.is_background:
            before = walk.step
            wait = carry_on(walk)
            self._follow(walk, is_proved=before is Step.VERIFY and walk.step is Step.SOAK)
            if self._is_stopping or (wait is None and walk.step and self._has_to_look_up):
                return  # to the same walk, in a moment
        if wait is not None:
            self._not_before = self._world.clock.monotonic() + wait.seconds
            return
        self._settle(walk)  # all of it again if the store refuses: until then the hand-over is not let go
        self.foreground = None
        self._not_before = 0.0

    @property
    def _has_to_look_up(self) -> bool:
        """Does somebody ask for something, or has what serves to be looked at, before the next step?"""
        is_due = self.keeper is not None and not self._leaves_active_alone and self.keeper.due_in() == 0
        return is_due or not self._inbox.is_empty

    def _follow(self, walk: Walk, *, is_proved: bool) -> None:
        """Keep the keeper on the instance that has traffic; one odd answer says nothing of what just proved itself."""
        active = self._world.switchboard.serving(self.name).active
        is_dead = walk.handover.kind is Kind.START and active == walk.former  # there is nothing to start again
        if active is None or is_dead:
            self._keep(None, None)
        elif is_proved or self.keeper is None or self.keeper.instance.generation != active.generation:
            is_candidate = active.generation == walk.candidate.generation
            definition = walk.definition if is_candidate else walk.former_definition
            self._keep(active, definition, is_proved=is_proved)

    def _settle(self, walk: Walk) -> None:
        """The soak is over or the hand-over has ended: tell those who wait, and remember what it means."""
        if verdict(walk.handover) is not Outcome.SUCCEEDED:
            self._healer.undone(walk)
            self.standing.undone(walk, serves=self.keeper is not None and not self.keeper.is_down)
        elif walk.handover.kind is Kind.FALL_BACK:
            self.standing.fell_back(walk)
        else:
            self.standing.succeeded(walk)
            self._opening.remember_former(walk)
            self._give(walk.candidate.generation, walk.router)
        announce(walk)
        if walk.is_background:
            self._clearing.add(walk)
        self._is_dirty = True

    def _replace_what_is_gone(self) -> None:
        """A container that somebody removed cannot be started again: a new generation takes its place."""
        if self.keeper and self.keeper.is_gone and self.foreground is None:
            self._keep(None, None)
            self.standing.forgive()  # whatever was refused: now nothing serves
            self._is_dirty = True

    def _heal(self) -> None:
        if self.keeper is None or self.foreground is not None or self._router is None:
            return
        if not self._inbox.is_empty:  # what does not answer may have ended meanwhile: that is heard first
            return
        cure = self._healer.cure(self.keeper, is_crowded=self._clearing.crowds(Kind.HEAL))
        if cure:  # the configuration that it has is good; the router's may have been refused
            given = self._given.get(self.keeper.instance.generation) if cure.kind is Kind.HEAL else None
            self._open(cure.kind, cure.version, [], given)

    # ------------------------------------------------------------ requests, on the thread

    def _configure(self, router: RouterConfig) -> None:
        if router == self._router:
            return
        self._router, self._is_dirty = router, True
        self._boundary.guard("frontends", lambda: follow(self._world, self._active, router))
        self.standing.forgive()

    def _give(self, generation: int, router: RouterConfig) -> None:
        """A daemon has this configuration now: its probes are worded accordingly, and not before."""
        self._given = dict([*self._given.items(), (generation, router)][-2 * MOST_ALIVE :])
        keeper = self.keeper
        if keeper and keeper.instance.generation == generation:
            self._boundary.guard("configure", lambda: keeper.configure(router))

    def _begin(self, kind: Kind, version: Version | None) -> Listener:
        self._refuse_if_busy()
        active = self.keeper.instance if self.keeper else None
        wanted = version or (version_of(active) if active else None)
        if wanted is None:
            raise RequestError(f"cannot {kind} {self.name}: nothing of it runs")
        listener: Listener = queue.SimpleQueue()
        if active and not kind.is_anew and version_of(active).is_same_as(wanted):
            text = f"{self.name} runs {wanted.version} already"
            desired = self._world.store.desired(self.name)
            if desired != wanted:  # perhaps the same from another release
                self._world.store.set_desired(self.name, wanted)
            if desired is None or not desired.is_same_as(wanted):  # it fell back to it, and is to stay there
                self.standing.decided()
                text += ", and stays there"
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
        if self._clearing.crowds(Kind.SWAP):
            raise BusyError(self.name, self._clearing.held)

    def _revert(self) -> Listener | None:
        walk = self.foreground
        listener: Listener = queue.SimpleQueue()
        if walk is None:
            return self._is_back_already(listener)
        kind = walk.handover.kind
        if kind.is_repair or kind is Kind.CONFIGURE or walk.handover.direction is Direction.UNDO:
            self._refuse_if_busy()
        walk.listeners.append(listener)
        revert(walk, "rolled back by the operator")
        self._not_before = 0.0
        return listener

    def _is_back_already(self, listener: Listener) -> Listener | None:
        """What was reverted a moment ago and only clears up is what is meant, not the version before that."""
        if back_on := self._clearing.returned_to():
            text = f"{self.name} is back on {back_on} already"
            listener.put(Progress(self.name, "nothing", text, fraction=1.0, is_final=True))
        return listener if back_on else None

    def _confirm(self) -> None:
        walk = self.foreground
        if walk is None or walk.step is not Step.SOAK:
            raise RequestError(f"cannot confirm {self.name}: nothing soaks")
        walk.is_confirmed, self._not_before = True, 0.0

    def _stop_service(self) -> None:
        self._keep(None, None)
        stop(self._world, self.name, self._definition_of)
        self._is_stopping = True

    # ------------------------------------------------------------ observe and plan

    def _reconcile(self) -> None:
        assert self._router is not None
        desired = self._world.store.desired(self.name)
        self._is_dirty = False
        if desired is None:
            return
        if self.keeper is None:
            self._keep_what_runs()
        follow(self._world, self._active, self._router)
        wanted = self._wanted(desired)
        files, action = compare(self._world, self._active, wanted, self._router, self._digest)
        if isinstance(action, Nothing):
            self.standing.clear()
            if self.keeper:
                self._give(self.keeper.instance.generation, self._router)
            return
        if self.standing.is_refused(wanted, self._router):
            return
        log.info("plan", extra={"service": self.name, "action": repr(action)})
        match action:
            case NewGeneration(kind=kind) if self._clearing.crowds(kind):
                self._is_dirty, self._not_before = True, self._world.clock.monotonic() + PAUSE_SECONDS
            case NewGeneration(kind=Kind.START):
                self._open(Kind.START, self._healer.starts(wanted), [])
            case NewGeneration(kind=kind):
                self._open(Kind.RETRY if kind is Kind.SWAP else kind, wanted, [])
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

    def _wanted(self, desired: Version) -> Version:
        """The desired version, unless it failed and another one has to serve in its place for the time being."""
        active = self._opening.active()
        return version_of(active) if active and self.standing.holds_back(desired) else desired

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

    def _write(self, files: tuple[RenderedFile, ...]) -> None:
        if self.keeper and self._router:
            self._world.folders.write(self.keeper.instance, self.keeper.definition.manifest, files)
            self._give(self.keeper.instance.generation, self._router)

    def _open(self, kind: Kind, version: Version, listeners: list[Listener], given: RouterConfig | None = None) -> None:
        router = given or self._router
        if router is None:
            raise RequestError(f"cannot {kind} {self.name}: the router has no configuration yet")
        self.foreground = self._opening.new_generation(kind, version, router, listeners)
        self._given[self.foreground.candidate.generation] = router
        self._not_before = 0.0

    def _keep(
        self, instance: Instance | None, definition: ServiceDefinition | None, *, is_proved: bool = False
    ) -> None:
        if self.keeper:
            self.keeper.release()
        self.keeper = None
        if instance and definition:
            router = self._given.get(instance.generation) or self._router or RouterConfig()
            self.keeper = Keeper(self._world, instance, definition, router, self._on_exit, is_proved=is_proved)
            is_known = instance.generation in self._given  # else an earlier supervisor gave it something
            if not is_known and not is_configured(self._world, instance, definition, router, self._digest):
                self.keeper.doubt_words()

    def _keep_what_runs(self) -> None:
        """What the store calls active and runs is never started beside itself."""
        active = self._opening.active()
        if active and is_running(self._world, active):
            self._keep(active, self._definition_of(active.definition))

    def _on_exit(self) -> None:
        """From the thread that watches processes."""
        self._inbox.put(self._look)

    def _look(self) -> None:
        """What serves has ended, or may have: a hand-over that is under way goes on after that."""
        if self.keeper:
            self.keeper.exited()
            if not self._leaves_active_alone:
                self._boundary.guard("keeper", self._keep_alive)
