"""Floods of the router's frontends, and what everybody else notices of them: one value for each way in and each flood.

A guest floods from a card of its own, with one address or with two hundred; somebody on the public side from one
address. Each round compares clients of the same frontend with and without the flood, and hands services over in it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, get_args

from lab import facts, network
from lab.clients import FLOODS, Flood, FloodKind, launch
from lab.router import Router
from lab.scenarios import Check, Load, Seen, await_quiet, under_load
from lab.service import WayIn
from lab.services import SERVICES
from lab.tools import run
from lab.topology import ROUTER_GUEST_IP, extra_guests

LEAD = 1.0  # seconds from the flood's begin to the first request that is counted: by then it has all that it gets
NAMED_SECONDS = 2.0
SECONDS_EACH, MOST_UPGRADE = 3.0, 60.0  # that a service's hand-over takes without its soak; all of them together
MANY = 200  # addresses
HOG, HOG_NETWORK = "hog", "10.66.0"

Origin = Literal["1 guest", "1 guest, 200 addresses", "public"]
ORIGINS: tuple[Origin, ...] = get_args(Origin)


WAYS_IN: tuple[tuple[str, WayIn], ...] = tuple((name, way) for name, known in SERVICES.items() for way in known.ways_in)
"""Every way in, with the service whose it is."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One flood: on which way in, of which kind, from whom."""

    service: str
    way_in: WayIn
    kind: FloodKind
    origin: Origin

    def __str__(self) -> str:
        return f"{self.way_in.name}, {self.kind}, {self.origin}"

    @property
    def gets_in(self) -> bool:
        """Whether the flood reaches the frontend at all: what guests are served is not there for the public side."""
        return self.origin != "public" or self.way_in.is_public


def matrix() -> tuple[Cell, ...]:
    """Return every flood of every way in from every origin."""
    return tuple(Cell(name, way, kind, origin) for origin in ORIGINS for kind in FLOODS for name, way in WAYS_IN)


@dataclass(frozen=True, slots=True)
class Result:
    """What one flood did: to the clients of its way in, to the services, and what was said of its source."""

    cell: Cell
    quiet: Seen
    flooded: Seen
    swapped: tuple[Seen, ...]
    entered: int  # connections of the flood that came about
    refused: int
    named_after: float | None  # seconds; None: nobody was named
    checks: tuple[Check, ...]

    @property
    def ratio(self) -> float:
        """How much slower answers were, at the 99th percentile."""
        return p99(self.flooded) / p99(self.quiet)

    @property
    def requests(self) -> int:
        """Requests in the hand-overs, of clients whose losses are judged."""
        return sum(seen.outcome.sent for seen in self.swapped if seen.load.loss.requests is not None)

    @property
    def lost(self) -> int:
        return sum(seen.lost for seen in self.swapped if seen.load.loss.requests is not None)

    @property
    def faults(self) -> tuple[str, ...]:
        """All that is not as it must be, but for times."""
        seen = (self.quiet, self.flooded, *self.swapped)
        broken = [fault for one in seen if (fault := one.fault)]
        return (*broken, *(f"{check.name}: {check.observed}" for check in self.checks if not check.is_good))


def p99(seen: Seen) -> float:
    """Return the 99th percentile of a client's answers, in seconds."""
    return float(seen.outcome.fact("p99"))


def endure(router: Router, cell: Cell, turn: int = 0, release: str | None = None, *, seconds: float = 7.0) -> Result:
    """Flood a way in while its clients are at work; hand every service over to a release in the flood, one by one.

    The clients of the way in work for so many seconds before the flood, and in it. `turn` chooses who floods: a source
    that was named once is named again only after a minute without a refusal.
    """
    way = cell.way_in
    quiet = _at_work(router, way, seconds)
    events, before = len(_events(router)), _standing(router)
    length = LEAD + seconds + (MOST_UPGRADE if release else 2.0)
    with _flooder(router, cell, turn) as (role, source, addresses):
        flood = Flood(cell.kind, way.address, way.port, way.speech, addresses, *way.attempts, length)
        began = time.time()
        with launch(flood, router.lab.namespace(role)) as running:
            time.sleep(LEAD)
            flooded = _at_work(router, way, seconds)
            swapped, held = _upgraded(router, way, release) if release else ((), ())
            outcome = running.stop()
        said = _events(router)[events:]
        named = _named(said, source, began)
        checks = [*held, *_judge(cell, outcome.completed, named), _undisturbed(said)]
        # The one who floods is still there: the ends of its connections must arrive, or they drain for minutes.
        checks += _arrived(router, release) if release else [_unmoved(before, _standing(router))]
    return Result(
        cell, quiet, flooded, swapped, outcome.completed, outcome.sent - outcome.completed, named, tuple(checks)
    )


def _at_work(router: Router, way: WayIn, seconds: float) -> Seen:
    load = Load(way.name, way.role, way.client(seconds))
    with launch(load.client, router.lab.namespace(load.role)) as running:
        return Seen(load, running.result())


def _upgraded(router: Router, way: WayIn, release: str) -> tuple[tuple[Seen, ...], tuple[Check, ...]]:
    """Hand every service over, one by one, under the light clients of all and those of the flooded way in."""
    length = 2.0 + len(SERVICES) * (SECONDS_EACH + facts.soak_of(router))
    loads = [load for known in SERVICES.values() for load in known.steady_loads(length)]
    loads.append(Load(f"{way.name}, in the flood", way.role, way.client(length)))

    def act(_: object) -> None:
        router.vrctl("upgrade", "--release", release)

    return under_load(router, loads, act)


@contextmanager
def _flooder(router: Router, cell: Cell, turn: int) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Bring the one who floods into being; yield the namespace, the source as it will be named, and its addresses."""
    if cell.origin == "public":
        address = f"203.0.113.{101 + turn % 90}"
        place = router.lab.public
        run(["ip", "-n", place, "addr", "replace", f"{address}/24", "dev", "eth0"])
        try:
            yield "public", address, (address,)
        finally:
            run(["ip", "-n", place, "addr", "del", f"{address}/24", "dev", "eth0"])
        return
    known = extra_guests()
    guest = known[turn % len(known)]
    place = network.add_guest(router.lab, HOG, guest.mac)
    try:
        more = [f"{HOG_NETWORK}.{number}" for number in range(1, MANY)] if "200" in cell.origin else []
        lines = [f"addr add {guest.address}/24 dev eth0", *(f"addr add {address}/32 dev eth0" for address in more)]
        lines += [f"route add default via {ROUTER_GUEST_IP}"]
        run(["ip", "-n", place, "-batch", "-"], stdin="\n".join(lines) + "\n")
        run(["ip", "-n", router.lab.router, "route", "replace", f"{HOG_NETWORK}.0/24", "via", guest.address])
        yield HOG, guest.mac, (guest.address, *more)
    finally:
        network.remove_guest(router.lab, HOG)
        run(["ip", "-n", router.lab.router, "route", "flush", f"{HOG_NETWORK}.0/24"])


def _events(router: Router) -> list[dict[str, Any]]:
    listed = router.vrctl("events", "--json").stdout
    return [json.loads(line) for line in listed.splitlines()]


def _named(said: Sequence[Mapping[str, Any]], source: str, began: float) -> float | None:
    """Return the seconds from the flood's begin until its source was named."""
    for event in said:
        if event["name"] == "over-share" and source in event["message"]:
            return facts.moment(event["time"]) - began
    return None


def _standing(router: Router) -> dict[str, tuple[int, int]]:
    """Return generation and restarts of every service."""
    status = router.status()
    assert status
    listed = status["services"]
    assert isinstance(listed, list)
    return {entry["name"]: (entry["generation"], entry["restarts"]) for entry in listed}


DISTURBING = frozenset({"hung", "falls back", "no fall-back", "reverted", "failed"})


def _undisturbed(said: Sequence[Mapping[str, Any]]) -> Check:
    found = [f"{event['service']} {event['name']}: {event['message']}" for event in said if event["name"] in DISTURBING]
    return Check("no heal, fall-back or revert", not found, "; ".join(found))


def _unmoved(before: Mapping[str, tuple[int, int]], now: Mapping[str, tuple[int, int]]) -> Check:
    moved = {name: (before[name], now[name]) for name in now if before[name] != now[name]}
    return Check("services stay as they are", not moved, f"generation and restarts before and after: {moved}")


def _arrived(router: Router, release: str) -> list[Check]:
    """Check that every service runs the release, without a restart; wait until what the flood held open has drained."""
    checks = []
    for name in SERVICES:
        await_quiet(router, name)
        now, record = facts.service(router, name), facts.newest_handover(router, name)
        is_there = now["version"] == facts.version_in(router, release, name) and now["ready"] and not now["restarts"]
        seen = f"{now['version']}, {now['state']}, {now['restarts']} restarts, {record['outcome']}: {record['reason']}"
        checks.append(Check(f"{name} runs release {release}", is_there and record["outcome"] == "succeeded", seen))
    return checks


def _judge(cell: Cell, entered: int, named: float | None) -> tuple[Check, ...]:
    if not cell.gets_in:
        return (Check("nothing gets in", entered == 0, f"{entered} connections"),)
    return (
        Check("the flood gets something", entered > 0, f"{entered} connections"),
        Check("the source is named", named is not None, "nobody is"),
    )
