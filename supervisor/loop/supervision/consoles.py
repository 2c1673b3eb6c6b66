"""Answers for a service's daemon with what its former generations have counted added."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from supervisor.decisions.counters import with_others
from supervisor.loop.generations.instances import target_of
from supervisor.loop.handover.counting import look
from supervisor.loop.service.worker import Worker
from supervisor.loop.world import World
from supervisor.values.errors import RequestError
from supervisor.values.router import RouterConfig


def counted(worker: Worker, world: World) -> Iterator[tuple[str, str, str, int]]:
    """Yield (service, row, column, count) of what is published, as it was read last: no scrape waits for a daemon."""
    keeper = worker.keeper
    counters = keeper.definition.manifest.counters if keeper else None
    if counters is None:
        return
    for key, row in sorted(world.shared.ledger.totals(world.store, worker.name).items()):
        yield from ((worker.name, "/".join(key), name, row[name]) for name in counters.published if name in row)


def console(worker: Worker, world: World, router: RouterConfig, line: str) -> str:
    """Return the active generation's answer to a line, with the sums of the others in its table. ProbeError."""
    keeper = worker.keeper
    counters = keeper.definition.manifest.counters if keeper else None
    if keeper is None or counters is None:
        raise RequestError(f"cannot ask {worker.name}: nothing of it runs that counts")
    instance, definition = keeper.instance, keeper.definition
    for other in world.switchboard.serving(worker.name).alive:  # those that finish are followed already
        look(world, other, definition, router)
    answer = ""
    for source in world.renderer.probes((counters.source,), router, instance):
        asked = replace(source, arguments=(*((k, v) for k, v in source.arguments if k != "send"), ("send", line)))
        answer += world.prober.read(asked, target_of(world.folders, instance, definition))
    others = world.shared.ledger.totals(world.store, worker.name, without=instance.generation)
    return with_others(counters, answer, others)
