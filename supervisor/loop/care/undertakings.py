"""Looks after the undertakings of a service: asks its daemon how each stands, and calls for those that should be up.

A daemon that has loaded a connection has not made it. Each question and each call goes over another thread, one at a
time and bounded by its time-out, and the answer comes back through the worker's inbox: a daemon that is slow to answer
delays nothing else.
"""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from supervisor.decisions import undertakings as decide
from supervisor.decisions.undertakings import Call, Course
from supervisor.loop.care.keeper import Keeper
from supervisor.loop.generations.instances import target_of
from supervisor.loop.world import World
from supervisor.values.errors import SupervisorError
from supervisor.values.listing import listed
from supervisor.values.manifest import ServiceDefinition
from supervisor.values.names import ServiceName
from supervisor.values.router import RouterConfig
from supervisor.values.state import Instance, ProbeTarget
from supervisor.values.status import EventRecord
from supervisor.values.undertaking import ResolvedUndertaking, Sighting, UndertakingState

log = logging.getLogger(__name__)

GAP_SECONDS = 0.1  # between two looks, however many there are

Key = tuple[str, str]  # the kind of an undertaking ("tunnel", say), and its name
Put = Callable[[Callable[[], None]], None]
"""Has a call made on the worker's thread, soon."""


class UndertakingWatch:
    """Looks after the undertakings of one service.

    Lives on the worker's thread; `courses` is replaced whole, and may be read by others.
    """

    def __init__(self, world: World, service: ServiceName, put: Put) -> None:
        self._world, self._service, self._put = world, service, put
        self._known: Mapping[Key, ResolvedUndertaking] = {}
        self._courses: Mapping[Key, Course] = {}
        self._generation: int | None = None
        self._target: ProbeTarget | None = None
        self._inquiry = 0  # the number of the last question: answers to earlier ones come too late
        self._is_asking = False
        self._not_before = 0.0
        self._reported: set[Key] = set()  # undertakings whose trouble is in the audit log

    @property
    def courses(self) -> Mapping[Key, Course]:
        """The course of each undertaking, by what it is and its name."""
        return self._courses

    # ------------------------------------------------------------ what there is

    def look_after(self, instance: Instance, definition: ServiceDefinition, router: RouterConfig) -> None:
        """Look after the undertakings that this instance has by this configuration. Equal calls change nothing."""
        manifest, now = definition.manifest, self._world.clock.monotonic()
        try:
            rendered = self._world.renderer.undertakings(manifest, router, instance) if manifest.undertakings else ()
        except SupervisorError as error:
            log.warning("undertakings not looked after", extra={"service": self._service, "reason": str(error)})
            rendered = ()
        known = {(undertaking.what, undertaking.name): undertaking for undertaking in rendered}
        is_other = instance.generation != self._generation
        if known == self._known and not is_other:
            return
        courses = {}
        for key, undertaking in known.items():
            course = self._courses.get(key) or Course(since=now, due=now)
            is_changed = key in self._courses and (is_other or undertaking != self._known.get(key))
            courses[key] = decide.changed(course, undertaking, now) if is_changed else course
        self._known, self._courses, self._generation = known, courses, instance.generation
        self._reported &= known.keys()
        self._target = target_of(self._world.folders, instance, definition) if known else None
        self._is_asking, self._inquiry = False, self._inquiry + 1

    # ------------------------------------------------------------ turns

    def due_in(self, keeper: Keeper | None) -> float:
        """Return the seconds until `turn` has something to do; infinite while nothing is ready to be asked."""
        if self._target is None or self._is_asking or not self._courses:
            return math.inf
        if keeper is None or not keeper.is_ready or keeper.instance.generation != self._generation:
            return math.inf
        due = max(self._not_before, min(course.due for course in self._courses.values()))
        return max(0.0, due - self._world.clock.monotonic())

    def turn(self, keeper: Keeper | None) -> None:
        """Ask how the undertaking stands that is due, if any; of several, the one that has waited longest."""
        if self.due_in(keeper) > 0 or self._target is None:
            return
        key = min(self._courses, key=lambda key: self._courses[key].due)
        probe, target = self._known[key].probe, self._target
        self._ask(lambda: self._world.prober.look(probe, target), lambda sighting: self._see(key, sighting))

    def _see(self, key: Key, sighting: Sighting | None) -> None:
        now, before, undertaking = self._world.clock.monotonic(), self._courses[key], self._known[key]
        if sighting is None:
            self._set(key, decide.unseen(before, now))
            return
        after, call = decide.see(before, undertaking, sighting, now, random.random())  # noqa: S311  (jitter, not a secret)
        self._set(key, after)
        self._report(key, before, after)
        if call:
            self._call(key, call)

    def _call(self, key: Key, call: Call) -> None:
        probe, target = self._known[key].call, self._target
        if probe is None or target is None:
            return
        log.info("called", extra=self._facts(key, missing=listed(call.missing, ", ")))
        self._ask(lambda: self._world.prober.call(probe, target, call.missing, call.ended), lambda _: None)

    def _ask(self, question: Callable[[], object], answered: Callable[..., None]) -> None:
        """Put a question on another thread; `answered` gets the answer on the worker's, or None if there was none."""
        self._is_asking, self._inquiry = True, self._inquiry + 1
        inquiry = self._inquiry

        def take(answer: object) -> None:
            if inquiry == self._inquiry:
                self._is_asking = False
                self._not_before = self._world.clock.monotonic() + GAP_SECONDS
                answered(answer)

        def work() -> None:
            answer: object = None
            try:
                answer = question()
            except SupervisorError as error:
                log.debug("undertaking not asked", extra={"service": self._service, "reason": str(error)})
            except Exception:
                log.exception("unexpected failure", extra={"service": self._service, "part": "upkeep"})
            self._put(lambda: take(answer))

        try:
            self._world.seams.spawn(work)
        except RuntimeError as error:  # no thread could be made: later, and not never
            log.warning("undertaking not asked", extra={"service": self._service, "reason": str(error)})
            self._is_asking, self._not_before = False, self._world.clock.monotonic() + decide.LOOK_AGAIN_SECONDS

    # ------------------------------------------------------------ its record

    def _set(self, key: Key, course: Course) -> None:
        self._courses = {**self._courses, key: course}

    def _report(self, key: Key, before: Course, after: Course) -> None:
        if after.is_crowded and not before.is_crowded:
            self._record(key, "too-many-associations", after)
            self._reported.add(key)
        if after.state is before.state:
            return
        log.info("undertaking changed", extra=self._facts(key, state=after.state, reason=after.message))
        if after.state is UndertakingState.DOWN:
            self._record(key, "undertaking-down", after)
            self._reported.add(key)
        elif after.state is UndertakingState.UP and key in self._reported and not after.is_crowded:
            self._record(key, "undertaking-up", after)
            self._reported.discard(key)

    def _record(self, key: Key, name: str, course: Course) -> None:
        """Write an event to the audit log; a store that refuses it stops nothing."""
        reason = f": {course.message}" if course.message else ""
        state = "up" if course.state is UndertakingState.UP else f"not up since {self._at(course.since)}"
        message = f"{key[0]} {key[1]} is {state}{reason}"
        try:
            self._world.store.log_event(EventRecord(self._world.clock.now(), self._service, name, message))
        except SupervisorError as error:
            log.warning("event not recorded", extra={"service": self._service, "event": name, "reason": str(error)})

    def _at(self, monotonic: float) -> str:
        return utc(monotonic + self._world.clock.now() - self._world.clock.monotonic())

    def _facts(self, key: Key, **more: str) -> dict[str, str]:
        return {"service": self._service, "what": key[0], "undertaking": key[1], **more}


def utc(seconds: float) -> str:
    """Return a time since the epoch as people read it."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
