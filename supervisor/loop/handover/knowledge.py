"""Carries over knowledge of a generation that the next one would find out anew at its clients' expense.

A candidate is given the knowledge of the former active (`knowledge` in the manifest) as soon as it answers. It is not
given traffic before it has found out the rest by itself (`awaited`), for a bounded time. A former active that hangs or
is dead gives no answer: then its last one counts, which is noted while it serves.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from supervisor.decisions.knowledge import Unknown, lines, unknown
from supervisor.loop.generations.instances import target_of
from supervisor.loop.handover.announcement import report_step
from supervisor.loop.handover.counting import look
from supervisor.loop.handover.run import HandoverRun
from supervisor.loop.world import World
from supervisor.values.errors import SupervisorError
from supervisor.values.manifest import Awaited, Knowledge, ServiceDefinition
from supervisor.values.router import RouterConfig
from supervisor.values.state import Instance, ResolvedProbe

One = TypeVar("One", Awaited, Knowledge)

log = logging.getLogger(__name__)

NOTE_SECONDS = 5.0  # between two notes of the knowledge of a daemon that serves
REPAIR_SECONDS = 0.3  # nobody is served meanwhile: the candidate finds out the rest with traffic


@dataclass(slots=True)
class Lessons:
    """The memory of READY: whether the candidate was given the former's knowledge, and since when it finds out more."""

    is_taught: bool = False
    since: dict[Awaited, float] = field(default_factory=dict)  # monotonic
    message: str = ""  # the last that was reported


def waits_for(run: HandoverRun) -> str:
    """Pass the former's knowledge to the candidate, once; return what it still has to find out, empty: nothing."""
    lessons = run.memory.of(Lessons)
    if not lessons.is_taught:
        lessons.is_taught = True
        former = (run.former, run.former_definition) if run.former and run.former_definition else None
        teach(run.world, run.candidate, run.definition, run.router, former)
    message = _unknown(run, lessons)
    if message != lessons.message:
        lessons.message = message
        if message:
            log.info("waiting", extra={"service": run.handover.service, "reason": message})
            report_step(run, run.step or "", message)
    return message


def _unknown(run: HandoverRun, lessons: Lessons) -> str:
    now = run.world.clock.monotonic()
    for awaited in run.definition.manifest.readiness.awaited:
        since = lessons.since.setdefault(awaited, now)
        is_repair = run.handover.kind.is_repair
        if now - since >= (min(REPAIR_SECONDS, awaited.at_most) if is_repair else awaited.at_most):
            continue
        unknown_things = _ask(run, awaited)
        if unknown_things:
            return f"waiting for {unknown_things}"
        lessons.since[awaited] = -awaited.at_most  # known: not asked again
    return ""


def _ask(run: HandoverRun, awaited: Awaited) -> Unknown | None:
    try:
        answers = _read(run.world, run.candidate, run.definition, run.router, (awaited,))
    except SupervisorError as error:
        log.warning("not known what is unknown", extra={"service": run.handover.service, "reason": str(error)})
        return None
    return unknown(awaited, answers[awaited]) if awaited in answers else None


def teach(
    world: World,
    instance: Instance,
    definition: ServiceDefinition,
    router: RouterConfig,
    former: tuple[Instance, ServiceDefinition] | None,
) -> None:
    """Pass to `instance` the knowledge of `former` (None: the service's last). Best effort: failures are logged.

    Things that the instance does not have, or has otherwise, are left out. May be repeated.
    """
    count, manifest = 0, definition.manifest
    for kind in manifest.knowledge:
        try:
            known = _known(world, kind, definition, router, former)
            own = _read(world, instance, definition, router, (kind,)).get(kind, "")
            wanted = lines(kind, known, own) if known else ()
            for source in world.renderer.probes(manifest, (kind.source,), router, instance) if wanted else ():
                refused = world.prober.send(source, wanted, target_of(world.folders, instance, definition))
                _log_refused(instance, refused)
                count += len(wanted)
        except SupervisorError as error:
            log.warning("knowledge not carried over", extra={"service": instance.service, "reason": str(error)})
    if count:
        log.info("knowledge carried over", extra={"service": instance.service, "count": count})


def teach_again(world: World, instance: Instance, definition: ServiceDefinition, router: RouterConfig) -> bool:
    """Give an instance that was started again the last knowledge of its service; False: it does not listen yet."""
    sources = [kind.source for kind in definition.manifest.knowledge]
    try:
        for source in world.renderer.probes(definition.manifest, sources[:1], router, instance):
            world.prober.read(source, target_of(world.folders, instance, definition))
    except SupervisorError:
        return False
    teach(world, instance, definition, router, None)
    return True


def _log_refused(instance: Instance, answers: tuple[str, ...]) -> None:
    for answer in answers:
        log.warning("knowledge refused", extra={"service": instance.service, "reason": answer[:200]})


def _known(
    world: World,
    kind: Knowledge,
    definition: ServiceDefinition,
    router: RouterConfig,
    former: tuple[Instance, ServiceDefinition] | None,
) -> str:
    if former is not None:
        try:
            answers = _read(world, former[0], definition, router, (kind,))
        except SupervisorError as error:
            log.info("knowledge of earlier", extra={"service": former[0].service, "reason": str(error)})
        else:
            world.shared.recollection.note(former[0].service, answers)
            return answers.get(kind, "")
    service = definition.manifest.name
    return world.shared.recollection.last(service).get(kind, "")


class Noting:
    """Notes the counters and the knowledge of the instance that serves now and then, on the worker's thread."""

    def __init__(self, world: World) -> None:
        self._world, self._due = world, 0.0

    def turn(self, instance: Instance, definition: ServiceDefinition, router: RouterConfig) -> None:
        """Note them if that is due; without an answer the last note stays."""
        now = self._world.clock.monotonic()
        if now < self._due:
            return
        self._due = now + NOTE_SECONDS
        look(self._world, instance, definition, router)
        if not definition.manifest.knowledge:
            return
        try:
            answers = _read(self._world, instance, definition, router, definition.manifest.knowledge)
        except SupervisorError as error:
            log.debug("knowledge not read", extra={"service": instance.service, "reason": str(error)})
        else:
            self._world.shared.recollection.note(instance.service, answers)


def _read(
    world: World, instance: Instance, definition: ServiceDefinition, router: RouterConfig, asked: Sequence[One]
) -> Mapping[One, str]:
    """Return the answers by kind; those that `when` leaves out are missing. Raises ProbeError or NetworkError."""
    target, texts, answers = (
        target_of(world.folders, instance, definition),
        dict[ResolvedProbe, str](),
        dict[One, str](),
    )
    for kind in asked:
        for source in world.renderer.probes(definition.manifest, (kind.source,), router, instance):
            if source not in texts:
                texts[source] = world.prober.read(source, target)
            answers[kind] = texts[source]
    return answers
