"""A supervisor in the test's own thread, by virtual time: the real workers, walked until nothing is left to do."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import TypeVar

from supervisor.loop.care.keeper import Keeper
from supervisor.loop.fairness import Fairness
from supervisor.loop.handover.run import HandoverRun
from supervisor.loop.releases.library import Library
from supervisor.loop.service.inbox import Inbox
from supervisor.loop.service.retry_policy import RetryPolicy
from supervisor.loop.service.worker import Worker
from supervisor.loop.supervision.supervision import Supervision
from supervisor.loop.switchboard import Switchboard
from supervisor.loop.world import Kernel, Origin, ReadDefinition, Seams, World
from supervisor.ports.files import Renderer
from supervisor.values.errors import EngineError, Fault, NetworkError, ProbeError, RenderError, StateError
from supervisor.values.intake import Taken, TakenFile
from supervisor.values.names import ServiceName
from supervisor.values.router import RouterConfig
from supervisor.values.settings import Settings
from tests.kit.fakes.clock import VirtualClock
from tests.kit.fakes.folders import digest
from tests.kit.fakes.kernel import FakeEncapsulation, FakeExits
from tests.kit.fakes.media import FakeMedia, FakeMediaWatch
from tests.kit.simulation.faults import CountedPort
from tests.kit.simulation.machine import SimulatedMachine

T = TypeVar("T")

MOST_TURNS_AT_ONCE = 2_000
PATIENCE_SECONDS = 120.0

CHANGES: Mapping[str, frozenset[str]] = {
    "engine": frozenset({"create", "start", "stop", "kill", "remove", "run", "execute", "load", "remove_image"}),
    "links": frozenset({"ensure", "remove"}),
    "traffic": frozenset({"apply", "remove"}),
    "connections": frozenset({"delete"}),
    "associations": frozenset({"delete"}),
    "folders": frozenset({"write", "save_backup", "remove_backup", "prepare", "copy_state", "prune_state", "remove"}),
    "store": frozenset(
        {"next_generation", "save_instance", "set_state", "move_active", "open_handover", "record", "amend"}
        | {"set_desired", "set_previous", "save_configuration", "log_event", "count_restart", "set_current_release"}
    ),
}


class NothingToDo(BaseException):
    """Ends a run: the worker has nothing left to do but to watch."""


class NeverSettled(BaseException):
    """A worker does not come to rest. Never caught by the code under test."""


class SteppedInbox(Inbox):
    """Waiting for a request lets time pass; asking is answered at once."""

    def __init__(self, owner: str, clock: VirtualClock) -> None:
        super().__init__(owner)
        self._clock, self._waiting = clock, deque[Callable[[], None]]()
        self.is_quiet: Callable[[], bool] = lambda: False
        self.patience = PATIENCE_SECONDS
        self._turns = 0

    def begin(self, patience: float) -> None:
        self.patience, self._turns = self._clock.elapsed + patience, 0

    def put(self, request: Callable[[], None]) -> None:
        self._waiting.append(request)

    def ask(self, question: Callable[[], T]) -> T:
        return question()

    @property
    def is_empty(self) -> bool:
        return not self._waiting

    def get(self, timeout: float) -> Callable[[], None] | None:
        if not self._waiting and self.is_quiet():
            raise NothingToDo
        before = self._clock.elapsed
        self._clock.advance(timeout, lambda: bool(self._waiting))
        self._turns = 0 if self._clock.elapsed > before else self._turns + 1
        if self._turns > MOST_TURNS_AT_ONCE or self._clock.elapsed > self.patience:
            raise NeverSettled(
                f"{self._owner} is not at rest after {self._clock.elapsed:g} s, {self._turns} turns at once"
            )
        return self._waiting.popleft() if self._waiting else None


class SteppedWorker(Worker):
    """Does not start a thread of its own: its parts may be read between two turns."""

    def start(self) -> None:
        self._stepped.is_quiet = lambda: self.is_settled

    def join(self, timeout: float) -> None:
        """Nor has it to be waited for."""

    @property
    def _stepped(self) -> SteppedInbox:
        assert isinstance(self.parts.inbox, SteppedInbox)
        return self.parts.inbox

    @property
    def keeper(self) -> Keeper | None:
        return self.parts.keeper_slot.keeper

    @property
    def foreground(self) -> HandoverRun | None:
        return self.parts.under_way.run

    @property
    def cleanup(self) -> tuple[HandoverRun, ...]:
        return self.parts.cleanup.runs

    @property
    def retry_policy(self) -> RetryPolicy:
        return self.parts.retry_policy

    @property
    def soaks(self) -> bool:
        return self.parts.under_way.soaks

    @property
    def is_settled(self) -> bool:
        """True if no hand-over is under way, and everything that should serve does."""
        agenda, exits = self.parts.agenda, self.parts.world.kernel.exits
        assert isinstance(exits, FakeExits)
        is_busy = not agenda.is_adopted or self.foreground or self.cleanup or not exits.watched
        if is_busy or (agenda.is_dirty and agenda.router is not None):
            return False
        return self.keeper is not None and self.keeper.is_ready and not self.keeper.blind

    def run_until(self, is_enough: Callable[[], bool], patience: float = PATIENCE_SECONDS) -> None:
        self._stepped.begin(patience)
        self._stepped.is_quiet = is_enough
        with suppress(NothingToDo):
            self.run()

    def run_until_settled(self, patience: float = PATIENCE_SECONDS) -> None:
        try:
            self.run_until(lambda: self.is_settled, patience)
        except NeverSettled as error:
            run = self.foreground
            doing = f"{run.step} {run.handover}" if run else f"clearing {[w.handover for w in self.cleanup]}"
            raise NeverSettled(f"{error}; message {self.retry_policy.message!r}; {doing}") from None


class NamedConfigurations:
    """Satisfies `ports.intake.Intake`: a file's name is the name of one of the configurations."""

    BAD = "bad"  # a file of this name is refused

    def __init__(self, known: Mapping[str, RouterConfig]) -> None:
        self._known = known
        self.forgotten: set[str] = set()

    def take(self, kept: str | None, files: Sequence[tuple[str, bytes]]) -> Taken:
        names = tuple(name for name, _ in files if name != self.BAD)
        refused = tuple(Fault(name, "nobody knows it") for name, _ in files if name == self.BAD)
        newest = [kept or "", *names][-1]
        return Taken(newest, names, refused, files=tuple(TakenFile(name, ("all",)) for name in names))

    def interpret(self, kept: str | None) -> tuple[RouterConfig, tuple[Fault, ...]]:
        return self._known[kept or ""], ()

    def forget(self, kept: str | None, spent: Collection[str]) -> str | None:
        self.forgotten.update(spent)
        return None


class SteppedSupervisor:
    """One supervisor on a machine, from its start to its end. Its memory is lost with it."""

    def __init__(
        self,
        machine: SimulatedMachine,
        settings: Settings,
        configurations: Mapping[str, RouterConfig],
        renderer: Renderer,
        read_definition: ReadDefinition,
    ) -> None:
        random.seed(len(machine.granted))  # pauses between restarts: the same in every run of a scenario
        machine.exits, machine.encapsulation = FakeExits(), FakeEncapsulation()

        def watched(
            name: str, port: object, error: type[EngineError | NetworkError | ProbeError | StateError]
        ) -> CountedPort:
            return CountedPort(name, port, CHANGES.get(name, frozenset()), error, machine.faults)

        connections = watched("connections", machine.connections, NetworkError)
        fairness = Fairness(machine.shares)
        world = World(
            settings=settings,
            engine=watched("engine", machine.engine, EngineError),
            store=watched("store", machine.store, StateError),
            folders=watched("folders", machine.folders, StateError),
            renderer=CountedPort("renderer", renderer, (), RenderError, machine.faults),
            origin=Origin(read_definition, machine.trust),
            prober=watched("prober", machine, ProbeError),
            clock=machine.clock,
            kernel=Kernel(
                links=watched("links", machine.links, NetworkError),
                connections=connections,
                exits=machine.exits,
                buffers=watched("buffers", machine.buffers, NetworkError),
                gap_sockets=watched("encapsulation", machine.encapsulation, NetworkError),
                associations=watched("associations", machine.associations, NetworkError),
                shares=machine.shares,
            ),
            switchboard=Switchboard(watched("traffic", machine.traffic, NetworkError), connections, fairness),
            seams=Seams(spawn=lambda work: work()),
        )

        def employ(name, world, allocator, digest, router):  # type: ignore[no-untyped-def]
            worker = SteppedWorker(name, world, allocator, digest, router, SteppedInbox(name, machine.clock))
            self.workers[name] = worker
            return worker

        self.machine, self.world = machine, world
        self.workers: dict[ServiceName, SteppedWorker] = {}
        self.media, self.watch = FakeMedia(), FakeMediaWatch()
        library = Library(world, self.media)
        intake = NamedConfigurations(configurations)
        self.supervision = Supervision(world, library, intake, digest, self.watch, employ)
        self.supervision.start((), ())

    def settle(self, patience: float = PATIENCE_SECONDS) -> None:
        """Run every worker until it has nothing left to do."""
        for worker in self.workers.values():
            worker.run_until_settled(patience)

    def settle_known(self, patience: float = 5.0) -> None:
        """Let every worker look at what runs, those of services that nobody asked for too."""
        for worker in self.workers.values():
            worker.run_until(lambda worker=worker: worker.parts.agenda.is_adopted, patience)  # type: ignore[misc]
