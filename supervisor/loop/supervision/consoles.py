"""Answers in place of a service's daemon, with the counts of its former generations added."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from supervisor.decisions.counters import with_others
from supervisor.decisions.status import ServiceSnapshot
from supervisor.loop.generations.instances import target_of
from supervisor.loop.handover.counting import look
from supervisor.loop.ledger import Ledger
from supervisor.loop.world import World
from supervisor.ports.store import Store
from supervisor.values.errors import RequestError
from supervisor.values.manifest import Counters
from supervisor.values.router import RouterConfig


def counted(snapshot: ServiceSnapshot, ledger: Ledger, store: Store) -> Iterator[tuple[str, str, str, int]]:
    """Yield (service, row, column, count) of what is published, as it was read last: no scrape waits for a daemon.

    Nothing is yielded for a service that does not run, or does not count.
    """
    counters = _counters(snapshot)
    if counters is None:
        return
    service = snapshot.service
    for key, row in sorted(ledger.totals(store, service).items()):
        yield from ((service, "/".join(key), name, row[name]) for name in counters.published if name in row)


def counts(snapshot: ServiceSnapshot) -> bool:
    """True if something of the service runs whose counters are added up."""
    return _counters(snapshot) is not None


def _counters(snapshot: ServiceSnapshot) -> Counters | None:
    return snapshot.active.definition.manifest.counters if snapshot.active else None


def console(snapshot: ServiceSnapshot, world: World, router: RouterConfig, line: str) -> str:
    """Return the active generation's answer to a line, with the sums of the others in its table.

    Raises RequestError: nothing runs that counts. Raises ProbeError: the daemon does not answer.
    """
    active, counters = snapshot.active, _counters(snapshot)
    if active is None or counters is None:
        raise RequestError(f"cannot ask {snapshot.service}: nothing of it runs that counts")
    instance, definition = active.instance, active.definition
    for other in world.switchboard.serving(snapshot.service).alive:  # those that finish are followed already
        look(world, other, definition, router)
    answer = ""
    for source in world.renderer.probes(definition.manifest, (counters.source,), router, instance):
        asked = replace(source, arguments=(*((k, v) for k, v in source.arguments if k != "send"), ("send", line)))
        answer += world.prober.read(asked, target_of(world.folders, instance, definition))
    others = world.shared.ledger.totals(world.store, snapshot.service, without=instance.generation)
    return with_others(counters, answer, others)
