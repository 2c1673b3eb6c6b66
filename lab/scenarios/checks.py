"""What must hold around a hand-over beside the clients' counts: prepared before it, compared after it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from lab import peer
from lab.router import Router
from lab.scenarios import facts
from lab.scenarios.loads import Load
from lab.scenarios.report import Check

Afterwards = Callable[[], tuple[Check, ...]]
"""Called when the hand-over is over."""


def before(router: Router, service: str, loads: tuple[Load, ...]) -> Afterwards:
    """Prepare the service's users; the answer tells afterwards what must have stayed and what must have come."""
    return _CHECKS.get(service, _nothing)(router, loads)


def _nothing(router: Router, loads: tuple[Load, ...]) -> Afterwards:
    del router, loads
    return tuple


def _leases(router: Router, loads: tuple[Load, ...]) -> Afterwards:
    if not any(load.guest for load in loads):
        return tuple
    facts.lease_all(router)
    new = {load.guest.mac: load.guest.address for load in loads if load.guest}
    for load in loads:
        if load.guest:
            facts.give_back(router, load.guest)
    was = {mac: address for mac, address in facts.leases(router).items() if mac not in new}

    def compare() -> tuple[Check, ...]:
        now = facts.leases(router)
        wrong = sorted(set(now.items()) ^ set((was | new).items()))
        found = f"{len(was)} and {len(new)} new became {len(now)}; differ: {wrong[:5]}"
        return (Check("leases after are those before and the new ones", not wrong and len(was) >= 200, found),)

    return compare


def _passwords(router: Router, loads: tuple[Load, ...]) -> Afterwards:
    del loads
    facts.renew_passwords(router)
    return tuple


def _tunnel(router: Router, loads: tuple[Load, ...]) -> Afterwards:
    del loads
    was = peer.status(router.lab)

    def compare() -> tuple[Check, ...]:
        now = peer.status(router.lab)
        deletes = now.deletes_received - was.deletes_received
        return (
            Check("no IKE DELETE reaches the peer", deletes == 0, f"{deletes} received"),
            Check("the tunnel is established", now.is_established, str(now)),
            Check("it was established again", now.established_count > was.established_count, str(now)),
        )

    return compare


_CHECKS: Mapping[str, Callable[[Router, tuple[Load, ...]], Afterwards]] = MappingProxyType(
    {"dnsmasq": _leases, "password": _passwords, "strongswan": _tunnel}
)
