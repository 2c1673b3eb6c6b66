"""Rules for the network of a service: frontends, ports and what only one network mode or strategy has."""

from __future__ import annotations

from collections.abc import Iterator

from supervisor.documents import FAULTY
from supervisor.edges.catalog.rules.draft import (
    Draft,
    expression_faults,
    item_faults,
    repeated,
    template_faults,
)
from supervisor.edges.templating import ITEM_NAMES, NAMES
from supervisor.values.errors import Fault
from supervisor.values.manifest import (
    FairRule,
    Frontend,
    GapPort,
    NetworkMode,
    Protocol,
    Strategy,
)


def frontends_have_names(draft: Draft) -> Iterator[Fault]:
    """Frontends that are always there have different names."""
    for at, name in repeated([(at, item.name) for at, item in draft.items("frontends") if item.each is None]):
        yield Fault(f"{at}.name", f"{name} is there twice")


def frontends_fit_the_network(draft: Draft) -> Iterator[Fault]:
    """Frontends have the keys that the network mode needs, and no others."""
    network, ports = draft.value("network"), dict(draft.value("ports") or ())
    for at, item in draft.items("frontends"):
        names = ITEM_NAMES if item.each else NAMES
        yield from template_faults(f"{at}.name", item.name, names)
        yield from expression_faults(f"{at}.port", item.port, names)
        yield from expression_faults(f"{at}.open", item.open, names)
        yield from item_faults(at, item, names)
        if network is NetworkMode.ISOLATED:
            yield from expression_faults(f"{at}.inside", item.inside, names)
            yield from _needed(at, item, "address", network)
            yield from expression_faults(f"{at}.interfaces", item.interfaces, names)
        elif network is NetworkMode.ROUTER:
            yield from _needed(at, item, "interfaces", network)
            if item.address is not None:
                yield Fault(f"{at}.address", f"has no meaning here: network is {network}")
            if item.inside not in ports and FAULTY not in {item.inside, draft.fields.get("ports")}:
                yield Fault(f"{at}.inside", f"{item.inside} is not one of `ports` ({', '.join(ports) or 'none'})")


def _needed(at: str, item: Frontend, key: str, network: NetworkMode) -> Iterator[Fault]:
    names = ITEM_NAMES if item.each else NAMES
    text = getattr(item, key)
    if text is None:
        yield Fault(f"{at}.{key}", f"is missing: network is {network}")
    else:
        yield from expression_faults(f"{at}.{key}", text, names)


def shares_are_of_connections(draft: Draft) -> Iterator[Fault]:
    """Only TCP has connections, so only there a source has a share of them; its size may be an expression."""
    for at, item in draft.items("frontends"):
        if not isinstance(item.fair, FairRule):
            continue
        if item.protocol is Protocol.UDP:
            yield Fault(f"{at}.fair", "has no meaning here: protocol is udp")
        if isinstance(item.fair.open, str):
            yield from expression_faults(f"{at}.fair.open", item.fair.open, ITEM_NAMES if item.each else NAMES)


def ports_can_overlap(draft: Draft) -> Iterator[Fault]:
    """In the router's own namespace, generations that overlap listen on allocated ports."""
    ports = draft.value("ports") or ()
    fixed = [(name, number) for name, number in ports if number is not None]
    if draft.value("network") is NetworkMode.ROUTER and draft.value("strategy") is Strategy.OVERLAP:
        for name, number in fixed:
            yield Fault(f"ports.{name}", f"must be null: two generations overlap and both would listen on {number}")


def masquerading_needs_a_namespace(draft: Draft) -> Iterator[Fault]:
    """Only a service in a namespace of its own connects to others with the router's address."""
    if draft.value("masquerades") is True and draft.value("network") is NetworkMode.ROUTER:
        yield Fault("masquerades", "has no meaning here: network is router")


def takeover_is_the_strategy(draft: Draft) -> Iterator[Fault]:
    """Only a takeover has a gap that the kernel needs help in."""
    if draft.is_given("takeover") and draft.value("strategy") is Strategy.OVERLAP:
        yield Fault("takeover", "has no meaning here: strategy is overlap")


def gap_port_has_a_condition_that_compiles(draft: Draft) -> Iterator[Fault]:
    """The condition of the port that is held in the gap is an expression over the usual names."""
    takeover = draft.value("takeover")
    if takeover and isinstance(takeover.gap_port, GapPort):
        yield from expression_faults("takeover.encapsulation.when", takeover.gap_port.when, NAMES)


def syncing_needs_a_namespace(draft: Draft) -> Iterator[Fault]:
    """Only generations in namespaces of their own reach each other at a port of their own."""
    if draft.is_given("sync_port") and draft.value("network") is NetworkMode.ROUTER:
        yield Fault("sync_port", "has no meaning here: network is router")
