"""One hand-over under way: where it stands, what it is about, and what its steps must remember between two calls."""

from __future__ import annotations

import queue
from dataclasses import dataclass, field, replace

from supervisor.decisions.handover import current, verdict
from supervisor.decisions.traffic import endpoints
from supervisor.loop.generations.instances import probe_once
from supervisor.loop.world import World
from supervisor.ports.engine import Engine
from supervisor.ports.probes import Session
from supervisor.values.errors import ReloadFailedError
from supervisor.values.handover import Direction, Handover, Outcome, Step
from supervisor.values.manifest import Awaited, Protocol, ServiceDefinition, StateSharing, Watch
from supervisor.values.router import RouterConfig
from supervisor.values.state import Instance, RenderedFile, ResolvedProbe
from supervisor.values.status import Progress

Listener = queue.SimpleQueue[Progress]


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do for so many seconds."""

    seconds: float


@dataclass(slots=True)
class Lessons:
    """The lesson of a candidate: whether it was given the former's knowledge, and since when it finds out the rest."""

    is_told: bool = False
    since: dict[Awaited, float] = field(default_factory=dict)
    message: str = ""


@dataclass(slots=True)
class HandoverRun:
    """What must survive this process is in the journal; the rest is found again when a step is repeated."""

    world: World
    handover: Handover
    definition: ServiceDefinition
    router: RouterConfig
    candidate: Instance
    former: Instance | None
    former_definition: ServiceDefinition | None
    began: float  # monotonic
    began_at: float  # since the epoch
    listeners: list[Listener] = field(default_factory=list)
    files: tuple[RenderedFile, ...] = ()  # reload: what is to be written
    former_files: tuple[RenderedFile, ...] = ()  # reload: what was there before
    is_confirmed: bool = False  # the operator ended the soak
    held: int = 0  # connections of the former active, when last counted
    is_uncounted: bool = False  # nobody could tell how many, lately
    drain_deadline: float = 0.0  # since the epoch
    # of the current step
    step_began: float | None = None
    good: int = 0  # probes that held in a row
    is_signalled: bool = False  # who drains was asked to refuse new work
    is_dismissed: bool = False  # and, at the deadline, to end
    telling: tuple[ResolvedProbe, ...] | None = None  # held on the clients' path before the cut-over; None: not asked
    session: Session | None = None  # with who finishes, which takes no new ones
    lessons: Lessons = field(default_factory=Lessons)  # what the candidate was told and has to find out
    # of copied state
    copies: int = 0  # made before the cut
    recuts: int = 0  # made after it
    is_copied: bool = False  # the candidate was started again from a copy and is not ready yet
    carries: int = 0  # made on the way back
    warming: float | None = None  # when the former was started again, which is not ready yet
    former_router: RouterConfig | None = None  # what the former active has, if another one came in the soak
    is_passed_on: bool = False  # its soak goes on for a candidate with another configuration
    is_refreshed: bool = False  # the former has the configuration of the candidate, or cannot have it
    wants_space: bool = False  # it failed, and not because of what it was to do
    is_wanted_back: bool = False  # as soon as the hand-over that runs beside it has ended
    is_hurried: bool = False  # its drain gives way to a newer generation
    # of a takeover
    is_port_held: bool = False

    @property
    def step(self) -> Step | None:
        return current(self.handover)

    @property
    def is_over(self) -> bool:
        return self.handover.outcome is not Outcome.RUNNING

    @property
    def is_background(self) -> bool:
        """Only clearing is left: another hand-over may begin."""
        return not self.is_over and verdict(self.handover) is not Outcome.RUNNING

    @property
    def leaving(self) -> Instance | None:
        """Who finishes its connections when traffic has moved."""
        return self.former if self.handover.direction is Direction.FORWARD else self.candidate

    @property
    def elapsed(self) -> float:
        """Seconds since the current step began."""
        now = self.world.clock.monotonic()
        return now - (now if self.step_began is None else self.step_began)

    @property
    def copies_state(self) -> bool:
        return any(volume.sharing is StateSharing.COPIED for volume in self.definition.manifest.state)

    def drain_seconds(self, definition: ServiceDefinition) -> float:
        """How long an instance may take to finish its connections."""
        own, bound = definition.manifest.drain.deadline, self.world.settings.drain
        return own if bound is None else min(own, bound)

    def remember_copy(self, digest: str) -> None:
        """What both know now: the journal hears it, a comparison after a restart depends on it."""
        noted = replace(self.handover, synced=digest)
        self.world.store.amend(noted)
        self.handover = noted

    def probe(self, instance: Instance, definition: ServiceDefinition, watch: Watch | None = None) -> str:
        """Ask the probes (readiness unless said) once; return what is wrong, or nothing."""
        return probe_once(self.world, instance, definition, self.router, watch)


def forget_datagrams(run: HandoverRun, instance: Instance) -> None:
    """Tracked datagram flows (translated ones, and the router's own) would stay with the instance that had them."""
    run.world.kernel.connections.delete(endpoints(instance, Protocol.UDP))


def tell_daemon(engine: Engine, instance: Instance, definition: ServiceDefinition) -> None:
    """Let a daemon read the files that were written for it. Raises ReloadFailedError: when it refuses them."""
    reload, name = definition.manifest.reload, instance.container_name
    if reload and reload.signal:
        engine.kill(name, reload.signal)
    elif reload:
        result = engine.execute(name, reload.command, 10.0)
        if result.exit_code != 0:
            said = (result.stderr + result.stdout).decode(errors="replace").strip()
            raise ReloadFailedError(name, reload.command[0], said[-2000:])
