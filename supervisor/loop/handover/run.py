"""A hand-over under way: its value in the journal, and what this process adds to it.

Its journal value (`Handover`) is all that outlives this process. Everything else is found again by a supervisor that
comes back, because every step may be repeated.
"""

from __future__ import annotations

import queue
from dataclasses import dataclass, field, replace
from typing import TypeVar

from supervisor.decisions.handover import current, verdict
from supervisor.decisions.overtaking import is_passed_on
from supervisor.loop.generations.instances import probe_once
from supervisor.loop.world import World
from supervisor.ports.probes import Session
from supervisor.values.handover import Direction, Handover, Outcome, Step
from supervisor.values.manifest import ServiceDefinition, Watch
from supervisor.values.router import RouterConfig
from supervisor.values.state import Instance, RenderedFile, ResolvedProbe
from supervisor.values.status import Progress

Listener = queue.SimpleQueue[Progress]
Note = TypeVar("Note")


@dataclass(frozen=True, slots=True)
class Wait:
    """The result of a step that is not complete: repeat it after so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Side:
    """The former or the candidate of a hand-over, with the router's configuration that its daemon has or is to get."""

    instance: Instance
    definition: ServiceDefinition
    router: RouterConfig


@dataclass(frozen=True, slots=True)
class ReloadFiles:
    """The files of a reload: those to be written, and those that were there before."""

    wanted: tuple[RenderedFile, ...]
    before: tuple[RenderedFile, ...]


@dataclass(frozen=True, slots=True)
class RunContext:
    """The surroundings of a hand-over, which stay the same in its course."""

    world: World
    began: float  # monotonic
    began_at: float  # since the epoch
    reload: ReloadFiles | None = None  # mode reload only


@dataclass(slots=True)
class StepMemory:
    """The memory of the current step between two calls; it is dropped when the step changes."""

    began: float | None = None  # monotonic; None: the step was not called yet
    good: int = 0  # readiness or verification probes that held in a row
    _notes: dict[type, object] = field(default_factory=dict)

    def of(self, kind: type[Note]) -> Note:
        """Return the step's own notes of this type, which is made without arguments at the first call."""
        note = self._notes.setdefault(kind, kind())
        assert isinstance(note, kind)
        return note


@dataclass(slots=True)
class AcrossSteps:
    """Things that one step of this process leaves for a later one; a process that comes back does without them."""

    proof: tuple[ResolvedProbe, ...] | None = None  # from READY to VERIFY: see `readiness`; None: not asked yet
    session: Session | None = None  # from DRAIN to RETIRE: a daemon that finishes accepts no other one
    held_port: int | None = None  # from KILL_FORMER to VERIFY: the supervisor's socket stands in for a daemon's


@dataclass(slots=True)
class Draining:
    """The drain of the generation that lost its traffic, as status shows it."""

    connections: int = 0  # when last counted
    deadline: float = 0.0  # since the epoch
    is_hurried: bool = False  # it gives way to a newer generation


@dataclass(slots=True)
class HandoverRun:
    """A hand-over under way, on its worker's thread.

    `handover` is replaced by each value that the journal has recorded (`take`). `candidate_side` is replaced when a
    configuration arrives in the soak, `former_side` when the former active is given it on the way back.
    """

    handover: Handover
    context: RunContext
    candidate_side: Side
    former_side: Side | None  # None: at a first start, and in a reload
    listeners: list[Listener] = field(default_factory=list)
    memory: StepMemory = field(default_factory=StepMemory)
    across: AcrossSteps = field(default_factory=AcrossSteps)
    draining: Draining = field(default_factory=Draining)
    is_confirmed: bool = False  # the operator ended the soak
    is_wanted_back: bool = False  # the former version is, as soon as the hand-over beside this one has ended
    is_refreshed: bool = False  # the former active has the newest configuration, or cannot be given it
    wants_space: bool = False  # it failed for want of disk space, which says nothing of what it was to do

    @property
    def world(self) -> World:
        return self.context.world

    @property
    def candidate(self) -> Instance:
        return self.candidate_side.instance

    @property
    def definition(self) -> ServiceDefinition:
        """The candidate's definition."""
        return self.candidate_side.definition

    @property
    def router(self) -> RouterConfig:
        """The configuration that the candidate is given: the newest that this hand-over has heard of."""
        return self.candidate_side.router

    @property
    def former(self) -> Instance | None:
        return self.former_side.instance if self.former_side else None

    @property
    def former_definition(self) -> ServiceDefinition | None:
        return self.former_side.definition if self.former_side else None

    @property
    def sides(self) -> tuple[Side, ...]:
        """The candidate's side, and the former active's if there is one."""
        return (self.candidate_side, *((self.former_side,) if self.former_side else ()))

    @property
    def step(self) -> Step | None:
        """The step that is to be carried out now; None: the hand-over has ended."""
        return current(self.handover)

    @property
    def is_over(self) -> bool:
        """True if nothing is left to do."""
        return self.handover.outcome is not Outcome.RUNNING

    @property
    def is_background(self) -> bool:
        """True if only clearing is left: another hand-over may begin."""
        return not self.is_over and verdict(self.handover) is not Outcome.RUNNING

    @property
    def is_passed_on(self) -> bool:
        """True if its soak goes on for a later candidate, with another configuration."""
        return is_passed_on(self.handover, self.candidate)

    @property
    def leaving(self) -> Instance | None:
        """The instance that finishes its connections once traffic has moved; None: there is none."""
        return self.former if self.handover.direction is Direction.FORWARD else self.candidate

    @property
    def elapsed(self) -> float:
        """Seconds since the current step began."""
        now = self.world.clock.monotonic()
        return now - (now if self.memory.began is None else self.memory.began)

    def take(self, recorded: Handover) -> None:
        """Go on from a value that the journal has recorded; the step's memory is dropped if the step has changed."""
        before, self.handover = self.handover, recorded
        if (before.index, before.direction, before.outcome) != (recorded.index, recorded.direction, recorded.outcome):
            self.memory = StepMemory()

    def amend(self, noted: Handover) -> None:
        """Record facts that change nothing of where the hand-over stands. Raises StateError: nothing has changed."""
        self.world.store.amend(noted)
        self.take(noted)

    def probe(self, side: Side, watch: Watch | None = None) -> str:
        """Carry out the probes of a watch (None: readiness) once; return the first failure, empty if all hold."""
        return probe_once(self.world, side.instance, side.definition, side.router, watch)

    def give_candidate(self, router: RouterConfig, instance: Instance | None = None) -> None:
        """Note that the candidate, or a later `instance` in its place, has another configuration."""
        side = self.candidate_side
        self.candidate_side = replace(side, router=router, instance=instance or side.instance)
