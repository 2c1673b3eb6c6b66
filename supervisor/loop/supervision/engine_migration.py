"""Moves a router from one container engine to another: images first, then one service after the other, by hand-over.

A service whose hand-over fails stays where it is and is named; the rest goes on. The former engine is left once it has
nothing of ours any more. All of it may be done again, by this supervisor or by the next one, and begins where it ended.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import replace

from supervisor.decisions.container import SERVICE_LABEL
from supervisor.decisions.retries import MIGRATION_BUSY, MIGRATION_SILENCE, retry
from supervisor.loop.handover.run import Listener
from supervisor.loop.service.worker import Worker
from supervisor.loop.world import World
from supervisor.ports.engine import EngineMove
from supervisor.values.errors import BusyError, EngineError, EngineUnavailableError, RequestError, SupervisorError
from supervisor.values.handover import Kind
from supervisor.values.listing import listed
from supervisor.values.names import ServiceName
from supervisor.values.state import Container
from supervisor.values.status import EventRecord, Progress

log = logging.getLogger(__name__)

TURN_SECONDS = 0.25
CLEARING_SECONDS = 30.0  # beside the longest time that connections are given

Follow = Callable[[Listener], Iterator[Progress]]


def refuse_settings(to: str, engine: str) -> None:
    """Refuse a move unless the settings allow for both ends: if it is turned round it ends on the former engine.

    Raises RequestError: `engine` of the settings is not `auto`.
    """
    if engine != "auto":
        raise RequestError(
            f"cannot move to {to}: the settings file says engine: {engine}, which a later start would insist on, "
            "however the move ends; say engine: auto there first, and start the supervisor again"
        )


class EngineMigration:
    """Carries out one move. `closing` is set when the supervisor ends; `follow` yields the progress of a hand-over.

    `images` is locked while images are carried or removed: nobody imports or prunes then.
    """

    def __init__(
        self,
        world: World,
        move: EngineMove,
        workers: Mapping[ServiceName, Worker],
        follow: Follow,
        images: AbstractContextManager[object],
        closing: threading.Event,
        turn_seconds: float = TURN_SECONDS,
    ) -> None:
        self._world, self._move, self._workers = world, move, workers
        self._follow, self._images, self._closing = follow, images, closing
        self._turn_seconds = turn_seconds
        self._stayed: dict[ServiceName, str] = {}  # why
        self._began = world.clock.monotonic()

    def begin(self, to: str) -> None:
        """Make new containers on the engine `to` from now on. Raises RequestError, EngineError: all is as before."""
        refuse_settings(to, self._world.settings.engine)
        with self._images:
            self._move.move_to(to)

    def carry_out(self) -> Iterator[Progress]:
        """Move images and services from the engine that is left to the one in use. May be repeated.

        Raises EngineError: what is done stays done.
        """
        to, left = self._world.engine.name, self._move.leaving
        if left is None:
            yield self._progress("nothing", f"the router runs on {to} already", is_final=True)
            return
        try:
            yield from self._carry_out(to, left)
        except SupervisorError as error:
            self._remember("move-incomplete", f"not everything moved from {left} to {to}: {error}")
            raise

    def _carry_out(self, to: str, left: str) -> Iterator[Progress]:
        with self._images:
            yield from self._carry_images(to, left)
        for number, (_, worker) in enumerate(sorted(self._workers.items())):
            yield from self._hand_over(worker, number / len(self._workers))
        yield from self._wait_for_clearing(left)
        if self._closing.is_set():
            text = f"the supervisor ends; the move to {to} is carried on when it is asked for again"
            yield self._progress("interrupted", text, is_final=True, error=text)
            return
        remaining = self._remaining()
        if remaining:
            reasons = listed(f"{name}: {self._stayed.get(name, 'it still drains')}" for name in sorted(remaining))
            text = f"not everything moved from {left} to {to}: {reasons}; ask again when that is mended"
            self._remember("move-incomplete", text)
            yield self._progress("failed", text, is_final=True, error=text)
            return
        with self._images:
            self._move.leave()
        text = f"the router runs on {to}; nothing of ours is left in {left}"
        self._remember("moved", text)
        yield self._progress("succeeded", text, 1.0, is_final=True)

    def _carry_images(self, to: str, left: str) -> Iterator[Progress]:
        try:
            for done, total in self._move.carry_images():
                yield self._progress("images", f"image {done + 1} of {total} to {to}", done / total)
        except EngineError:
            self._turn_round(to, left)
            raise

    def _turn_round(self, to: str, left: str) -> None:
        """Go back to the former engine because images cannot be carried over, unless something runs on the new one."""
        try:
            if not self._move.arrived():
                self._move.move_to(left)
                self._move.leave()
        except EngineError as error:  # the caller raises the error that came before it
            log.error("move not turned round", extra={"to": to, "left": left, "reason": str(error)})

    def _hand_over(self, worker: Worker, fraction: float) -> Iterator[Progress]:
        """Hand a service over, unless its active has moved or nothing of it runs: then its next start is there."""
        try:
            listener = retry(
                replace(MIGRATION_BUSY, pause=self._turn_seconds),
                lambda: worker.begin(Kind.MIGRATE, None) if self._is_to_move(worker) else None,
                on=BusyError,
                sleep=self._closing.wait,
                now=self._world.clock.monotonic,
            )
        except SupervisorError as error:  # of this service alone: the others are moved
            if not (isinstance(error, BusyError) and self._closing.is_set()):
                self._stay(worker.name, str(error))
            return
        if listener is None:
            return
        for progress in self._follow(listener):
            if progress.error:
                self._stay(worker.name, progress.error)
            yield Progress(
                progress.service, progress.phase, progress.error or progress.message, fraction, self._elapsed
            )

    def _stay(self, service: ServiceName, why: str) -> None:
        log.warning("service not moved", extra={"service": service, "reason": why})
        self._stayed[service] = why

    def _is_to_move(self, worker: Worker) -> bool:
        return self._is_left_behind(worker) and not self._closing.is_set()

    def _is_left_behind(self, worker: Worker) -> bool:
        """True if the service's active container is still on the engine being left.

        If it is not known yet which one that is, true if any of its containers is.
        """
        active = worker.snapshot.active
        if active is None:
            return worker.name in self._remaining()
        return active.instance.container_name in {container.name for container in self._left_behind()}

    def _remaining(self) -> frozenset[ServiceName]:
        """Return the services that still have containers on the former engine."""
        return frozenset(
            ServiceName(container.label(SERVICE_LABEL) or container.name) for container in self._left_behind()
        )

    def _left_behind(self) -> tuple[Container, ...]:
        """Return the containers on the former engine, which is started if it does not answer.

        Raises EngineUnavailableError: it did not come in time.
        """

        def revive(seconds: float) -> bool:
            if not self._closing.is_set():
                with suppress(EngineError):
                    self._world.engine.start_service()
            return self._closing.wait(seconds)

        return retry(
            replace(MIGRATION_SILENCE, pause=self._turn_seconds),
            self._move.left_behind,
            on=EngineUnavailableError,
            sleep=revive,
            now=self._world.clock.monotonic,
        )

    def _wait_for_clearing(self, left: str) -> Iterator[Progress]:
        """Wait until former generations have finished their connections and are gone, for as long as that may take."""
        actives = [active for worker in self._workers.values() if (active := worker.snapshot.active)]
        longest = max((active.definition.manifest.drain.deadline for active in actives), default=0.0)
        deadline = self._world.clock.monotonic() + longest + CLEARING_SECONDS
        reported: frozenset[ServiceName] = frozenset()
        while waited := self._remaining() - set(self._stayed):
            if self._world.clock.monotonic() > deadline or self._closing.is_set():
                return
            if waited != reported:
                reported = waited
                yield self._progress("drain", f"{', '.join(sorted(waited))} still end in {left}", 1.0)
            self._closing.wait(self._turn_seconds)

    @property
    def _elapsed(self) -> float:
        return self._world.clock.monotonic() - self._began

    def _progress(
        self, phase: str, text: str, fraction: float | None = None, *, is_final: bool = False, error: str | None = None
    ) -> Progress:
        return Progress("", phase, text, fraction, self._elapsed, is_final=is_final, error=error)

    def _remember(self, name: str, text: str) -> None:
        log.info("engine", extra={"outcome": name, "told": text})
        self._world.store.log_event(EventRecord(self._world.clock.now(), "", name, text))
