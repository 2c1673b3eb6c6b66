"""One service's life: a thread that observes, plans, carries out hand-overs and keeps what serves running.

Everything that changes the service happens on this thread, in order. Others put requests into its inbox. A slow or
hung action of one service never delays another.
"""

from __future__ import annotations

import logging
import queue
from collections.abc import Callable

from supervisor.decisions.handover import verdict
from supervisor.decisions.overtaking import may_overtake
from supervisor.decisions.plan import NewGeneration, Next, Nothing, ReloadInPlace, Write
from supervisor.loop.care.healing import Healer
from supervisor.loop.care.keeper import Keeper
from supervisor.loop.care.soak import SoakWatch
from supervisor.loop.care.undertakings import UndertakingWatch
from supervisor.loop.generations.allocation import Allocator
from supervisor.loop.generations.definitions import Definitions
from supervisor.loop.generations.frontends import follow
from supervisor.loop.generations.instances import is_running, version_of
from supervisor.loop.handover.announcement import announce, catch_up
from supervisor.loop.handover.cleanup import Cleanup
from supervisor.loop.handover.executor import carry_on, revert
from supervisor.loop.handover.foreground import ROLLED_BACK, Foreground
from supervisor.loop.handover.opening import Opening, Wish
from supervisor.loop.handover.overtaking import note_configuration
from supervisor.loop.handover.run import HandoverRun, Listener, Wait
from supervisor.loop.service.adoption import adopt
from supervisor.loop.service.comparison import compare
from supervisor.loop.service.configured import Configured, log_recovery
from supervisor.loop.service.inbox import Inbox
from supervisor.loop.service.isolation import PAUSE_SECONDS, Isolation
from supervisor.loop.service.keeping import Keeping
from supervisor.loop.service.retry_policy import RetryPolicy
from supervisor.loop.service.stopping import stop
from supervisor.loop.service.thread import ServiceThread
from supervisor.loop.world import World
from supervisor.values.errors import BusyError, ManifestError, RequestError
from supervisor.values.handover import NO_WAIVER, Direction, Kind, Mode, Outcome, Step, Waiver
from supervisor.values.manifest import ServiceDefinition
from supervisor.values.names import ServiceName
from supervisor.values.release import Version
from supervisor.values.router import RouterConfig
from supervisor.values.state import Instance, RenderedFile
from supervisor.values.status import EventRecord, Progress

log = logging.getLogger(__name__)

IDLE_SECONDS = 60.0


class Worker(ServiceThread):
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
        super().__init__(name, inbox or Inbox(name))
        self._world, self._digest, self._router = world, digest, router
        self._number = 0  # of the router's configuration, as the supervision counts
        self._is_dirty, self._is_adopted = True, False
        self._not_before = 0.0  # when the foreground hand-over wants to be carried on
        self._room_at = 0.0  # when a configuration that found no room beside a soak may look again
        self._isolation = Isolation(world, name, self._complain)
        self._cleanup = Cleanup(world.clock)
        self._definition_of = Definitions(world, name)
        self._healer = Healer(world, name)
        self._soak_watch = SoakWatch(world)
        self._opening = Opening(world, name, allocator, self._definition_of)
        self.undertaking_watch = UndertakingWatch(
            world, name, lambda take: self._inbox.put(lambda: self._isolation.guard("upkeep", take))
        )
        self._keeping = Keeping(world, self._isolation, digest, self._on_exit, self.undertaking_watch.follow)
        self._under_way = Foreground()
        # Read by status from other threads; what they hold is replaced whole.
        self.retry_policy = RetryPolicy(world, name)
        self.configured = Configured()

    # ------------------------------------------------------------ from other threads

    @property
    def keeper(self) -> Keeper | None:
        return self._keeping.keeper

    @property
    def foreground(self) -> HandoverRun | None:
        return self._under_way.run

    @property
    def cleanup(self) -> tuple[HandoverRun, ...]:
        """Hand-overs that are decided and not cleared away yet."""
        return self._cleanup.runs

    def configure(self, router: RouterConfig, number: int = 0) -> None:
        """Give the worker the router's new configuration; `configured` shows what becomes of it."""
        self._inbox.put(lambda: self._configure(router, number))

    def begin(self, kind: Kind, version: Version | None, waiver: Waiver = NO_WAIVER) -> Listener:
        """Ask for a hand-over to `version` (None: the one that runs). RequestError or BusyError when refused.

        The listener gets every step and ends with a final Progress.
        """
        return self._inbox.ask(lambda: self._begin(kind, version, waiver))

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

    def _let_go(self) -> None:
        self._keeping.let_go()

    def _look_back(self) -> None:
        """Record whether the router's configuration serves; one that was refused, for want of space say, may later."""
        if self._router is None or not self._is_adopted:
            return
        refusal, serves = self._isolation.refusal("reconcile"), False
        if not self._is_dirty and (self.foreground is None or self._soaks):
            serves = self._keeping.serves(self._router)
            refusal = refusal or ("" if serves else self.retry_policy.refusal_of(self._router))
        former = self.configured
        self.configured = former.after(self._number, serves=serves, refusal=refusal)
        if self.configured.recovers(former):
            self._isolation.guard("event", lambda: log_recovery(self._world, self.name))

    def _complain(self, message: str) -> None:
        self.retry_policy.complain(message)
        self._is_dirty = True

    def _due_in(self) -> float:
        now = self._world.clock.monotonic()
        due = {"idle": now + IDLE_SECONDS, "renew": self.retry_policy.retry_at}
        if not self._is_adopted:
            due["adopt"] = 0.0
        if self.foreground:
            due["walk"] = self._not_before
        if self._is_dirty and self._router is not None and (self.foreground is None or self._soaks):
            due["reconcile"] = self._room_at if self._soaks else self._not_before
        if not self._under_way.is_configuring:
            due["clear"] = self._cleanup.due
        if self.keeper and not self._under_way.leaves_active_alone:
            due["keeper"] = now + min(self.keeper.due_in(), self._soak_watch.due_in(self.foreground))
            due["upkeep"] = now + self.undertaking_watch.due_in(self.keeper)
        return max(0.0, min(max(at, self._isolation.until(part)) for part, at in due.items()) - now)

    def _turn(self) -> None:
        now = self._world.clock.monotonic()
        if not self._is_adopted:
            self._isolation.guard("adopt", self._adopt)
            return
        self._isolation.guard("renew", self._renew)
        if self.foreground and now >= self._not_before:
            self._isolation.guard("walk", self._carry_on)
        if now >= self._cleanup.due and not self._under_way.is_configuring:
            self._isolation.guard("clear", self._cleanup.carry_on)
        if self.keeper and not self._under_way.leaves_active_alone:
            self._isolation.guard("keeper", self._keep_alive)
            self._isolation.guard("upkeep", lambda: self.undertaking_watch.turn(self.keeper))
        if self._is_dirty and self._router is not None:
            if self.foreground is None and now >= self._not_before:
                self._isolation.guard("reconcile", self._reconcile)
            elif self._soaks and now >= self._room_at:
                self._isolation.guard("reconcile", self._reconfigure)

    def _renew(self) -> None:
        self._is_dirty = self.retry_policy.renew() or self._is_dirty

    def _keep_alive(self) -> None:
        if self.keeper:
            try:
                self.keeper.turn()
            finally:  # an engine that is away is no reason to stay with a candidate that has ended
                is_judged = not self.keeper.is_hung or self._inbox.is_empty  # else: that it ended is heard first
                if is_judged and self._soak_watch.turn(self.foreground, self.keeper, self._router):
                    self._not_before = 0.0
            self._heal()
            self._replace_what_is_gone()

    @property
    def _soaks(self) -> bool:
        return self._under_way.soaks

    def _adopt(self) -> None:
        found = adopt(self._world, self.name, self._router or RouterConfig(), self._definition_of)
        if found.active:
            try:
                self._keep(found.active, self._definition_of(found.active.definition))
            except ManifestError as error:  # of an older supervisor, say: it serves on until another version does
                self._complain(str(error))
        for run in found.runs:
            if run.is_background:
                self._cleanup.add(run)
                catch_up(run, self._opening.remember_former)
            else:
                self._under_way.begin(run)
        recorded = self._opening.active()
        if recorded and self.foreground is None:
            self.retry_policy.found(recorded, self._world.store.desired(self.name))
        self._is_adopted = True

    # ------------------------------------------------------------ hand-overs

    def _carry_on(self) -> None:
        run = self.foreground
        if run is None:
            return
        wait: Wait | None = None
        while wait is None and not run.is_over and not run.is_background:
            self._pass_on()  # once more if the store refused, or another supervisor did not come so far
            if run.is_background:
                break
            before = run.step
            wait = carry_on(run)
            self._follow(run, is_proved=before is Step.VERIFY and run.step is Step.SOAK)
            self._pass_on()
            if self._is_stopping or (wait is None and run.step and self._has_to_look_up):
                return  # to the same hand-over, in a moment
        if wait is not None and not run.is_background:
            self._not_before = self._world.clock.monotonic() + wait.seconds
            return
        self._settle(run)  # all of it again if the store refuses: until then the hand-over is not let go
        self._under_way.end()
        self._not_before = 0.0

    def _pass_on(self) -> None:
        """A configuration that has proved itself beside what soaks: that is decided, or goes on with it."""
        if decided := self._under_way.pass_on():
            self._settle(decided)
            self._under_way.overtaken = None

    @property
    def _has_to_look_up(self) -> bool:
        """Does somebody ask for something, or has what serves to be looked at, before the next step?"""
        is_due = self.keeper is not None and not self._under_way.leaves_active_alone and self.keeper.due_in() == 0
        return is_due or not self._inbox.is_empty

    def _follow(self, run: HandoverRun, *, is_proved: bool) -> None:
        """Keep the keeper on the instance that has traffic; one odd answer says nothing of what just proved itself."""
        active = self._world.switchboard.serving(self.name).active
        is_dead = run.handover.kind is Kind.START and active == run.former  # there is nothing to start again
        if active is None or is_dead:
            self._keeping.let_go()
        elif is_proved or self.keeper is None or self.keeper.instance.generation != active.generation:
            is_candidate = active.generation == run.candidate.generation
            definition = run.definition if is_candidate else run.former_definition
            if definition is not None:  # which a former one always has
                self._keep(active, definition, is_proved=is_proved)

    def _settle(self, run: HandoverRun) -> None:
        """The soak is over or the hand-over has ended: tell those who wait, and remember what it means."""
        if verdict(run.handover) is not Outcome.SUCCEEDED:
            self._healer.undone(run)
            self.retry_policy.undone(run, serves=self.keeper is not None and not self.keeper.is_down)
        elif run.handover.kind is Kind.FALL_BACK:
            self.retry_policy.fell_back(run)
        else:
            self.retry_policy.succeeded(run)
            self._opening.remember_former(run)
            self._keeping.give(run.candidate.generation, run.router)
        announce(run)
        if run.is_background:
            self._cleanup.add(run)
        self._is_dirty = True

    def _replace_what_is_gone(self) -> None:
        """A container that somebody removed cannot be started again: a new generation takes its place."""
        if self.keeper and self.keeper.is_gone and self.foreground is None:
            self._keeping.let_go()
            self.retry_policy.forgive()  # whatever was refused: now nothing serves
            self._is_dirty = True

    def _heal(self) -> None:
        if self.keeper is None or self.foreground is not None or self._router is None:
            return
        if not self._inbox.is_empty:
            return  # what does not answer may have ended meanwhile: that is heard first
        cure = self._healer.cure(self.keeper, is_crowded=self._cleanup.crowds(Kind.HEAL))
        if cure:  # the configuration that it has is good; the router's may have been refused
            given = self._keeping.given(self.keeper.instance.generation) if cure.kind is Kind.HEAL else None
            self._open(Wish(cure.kind, cure.version), [], given)

    # ------------------------------------------------------------ requests, on the thread

    def _configure(self, router: RouterConfig, number: int) -> None:
        self._number = number
        if router == self._router:
            return
        self._router, self._is_dirty = router, True
        self._isolation.guard("frontends", lambda: follow(self._world, self._keeping.active, router))
        self._isolation.forget("reconcile")
        self.retry_policy.forgive()

    def _begin(self, kind: Kind, version: Version | None, waiver: Waiver) -> Listener:
        self._refuse_if_busy()
        active = self.keeper.instance if self.keeper else None
        wanted = version or (version_of(active) if active else None)
        if wanted is None:
            raise RequestError(f"cannot {kind} {self.name}: nothing of it runs")
        listener: Listener = queue.SimpleQueue()
        if active and not kind.is_anew and version_of(active).is_same_as(wanted):
            down = self.keeper.message if self.keeper and self.keeper.is_down else None
            text = f"{self.name} runs {wanted.version} already{self.retry_policy.stay(wanted)}"
            listener.put(Progress(self.name, "nothing", text, fraction=1.0, is_final=True, error=down))
            return listener
        self._open(Wish(kind, wanted, waiver), [listener])
        return listener

    def _refuse_if_busy(self) -> None:
        if not self._is_adopted:
            raise BusyError(self.name, "what runs of it could not be looked at yet")
        if decided := self._under_way.end_soak():
            self._settle(decided)
            self._under_way.end()
        if self.foreground:
            handover = self.foreground.handover
            raise BusyError(
                self.name,
                f"{handover.kind} to {self.foreground.candidate.version} (hand-over {handover.id})"
                f" is at {self.foreground.step}",
            )
        if self._cleanup.crowds(Kind.SWAP):
            raise BusyError(self.name, self._cleanup.held)

    def _revert(self) -> Listener | None:
        run = self.foreground
        listener: Listener = queue.SimpleQueue()
        if run is None:
            return self._cleanup.back_already(self.name)
        kind = run.handover.kind
        if self._under_way.soaks_configuration:
            return None  # what is meant is the version before this one
        if self._under_way.want_back(listener):
            return listener
        if kind.is_repair or kind is Kind.CONFIGURE or run.handover.direction is Direction.UNDO:
            self._refuse_if_busy()
        run.listeners.append(listener)
        revert(run, ROLLED_BACK)
        self._not_before = 0.0
        return listener

    def _confirm(self) -> None:
        run = self.foreground
        if run is None or not self._soaks:
            raise RequestError(f"cannot confirm {self.name}: nothing soaks")
        run.is_confirmed, self._not_before = True, 0.0

    def _stop_service(self) -> None:
        self._keeping.let_go()
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
        follow(self._world, self._keeping.active, self._router)
        wanted = self._wanted(desired)
        files, action = compare(self._world, self._keeping.active, wanted, self._router, self._digest)
        if isinstance(action, Nothing):
            self.retry_policy.clear()
            if self.keeper:
                self._keeping.give(self.keeper.instance.generation, self._router)
            return
        if self.retry_policy.is_refused(wanted, self._router):
            return
        log.info("plan", extra={"service": self.name, "action": repr(action)})
        match action:
            case NewGeneration(kind=kind) if self._is_crowded(kind):
                self._is_dirty, self._not_before = True, self._world.clock.monotonic() + PAUSE_SECONDS
            case NewGeneration(kind=Kind.START):
                self._open(Wish(Kind.START, self._healer.starts(wanted)), [])
            case NewGeneration(kind=kind):
                self._open(Wish(Kind.RETRY if kind is Kind.SWAP else kind, wanted), [])
            case Write(changed=changed):
                self._write(files)
                self._world.store.log_event(
                    EventRecord(self._world.clock.now(), self.name, "configured", f"{len(changed)} files written")
                )
            case ReloadInPlace() if self.keeper:
                self._reload(files)

    def _is_crowded(self, kind: Kind) -> bool:
        """A configuration does not wait for drains either."""
        return self._cleanup.crowds(kind) and not (kind is Kind.CONFIGURE and self._cleanup.make_room(soaking=0))

    def _wanted(self, desired: Version) -> Version:
        """The desired version, unless it failed and another one has to serve in its place for the time being."""
        active = self._opening.active()
        return version_of(active) if active and self.retry_policy.holds_back(desired) else desired

    def plan(self, desired: Version | None) -> Next:
        """What would be done for `desired`; may be asked from any thread."""
        if self._router is None:
            return Nothing()
        return compare(self._world, self._keeping.active, desired, self._router, self._digest)[1]

    def _reconfigure(self) -> None:
        """A configuration does not wait for a soak; see `decisions/overtaking.py`. A dead candidate is judged first."""
        soaking = self.foreground
        self._is_dirty = False
        if soaking is None or self.keeper is None or self._router is None:
            return
        follow(self._world, self._keeping.active, self._router)
        running = version_of(self.keeper.instance)
        files, action = compare(self._world, self._keeping.active, running, self._router, self._digest)
        if isinstance(action, Nothing):
            self._keeping.give(self.keeper.instance.generation, self._router)
        elif isinstance(action, Write):
            note_configuration(soaking, self._router)
            self._write(files)
        elif self.retry_policy.is_refused(running, self._router):
            return
        elif isinstance(action, ReloadInPlace) and may_overtake(soaking.handover, Mode.RELOAD):
            self._reload(files)
        elif may_overtake(soaking.handover, Mode(self.keeper.definition.manifest.strategy)):
            if self._cleanup.make_room(soaking=1):
                self._open(Wish(Kind.CONFIGURE, running), [])
            else:
                self._is_dirty, self._room_at = True, self._world.clock.monotonic() + PAUSE_SECONDS

    def _reload(self, files: tuple[RenderedFile, ...]) -> None:
        assert self._keeping.active and self._router  # noqa: PT018
        self._under_way.begin(self._opening.reload(*self._keeping.active, self._router, files))
        self._not_before = 0.0

    def _write(self, files: tuple[RenderedFile, ...]) -> None:
        if self.keeper and self._router:
            self._world.folders.write(self.keeper.instance, self.keeper.definition.manifest, files)
            self._keeping.give(self.keeper.instance.generation, self._router)

    def _open(self, wish: Wish, listeners: list[Listener], given: RouterConfig | None = None) -> None:
        router = given or self._router
        if router is None:
            raise RequestError(f"cannot {wish.kind} {self.name}: the router has no configuration yet")
        run = self._opening.new_generation(wish, router, listeners)
        self._under_way.begin(run)
        self._keeping.expect(run.candidate.generation, router)
        self._not_before = 0.0

    def _keep(self, instance: Instance, definition: ServiceDefinition, *, is_proved: bool = False) -> None:
        self._keeping.keep(instance, definition, self._router or RouterConfig(), is_proved=is_proved)

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
            if not self._under_way.leaves_active_alone:
                self._isolation.guard("keeper", self._keep_alive)
