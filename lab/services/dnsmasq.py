"""DNS and DHCP: clients that ask for names and leases, and the leases that no hand-over may lose."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from lab import commands, facts
from lab.broken.draft import Draft
from lab.broken.kind import GIVEN_UP, NOT_READY, Breakage, Fails, Kind, replaced, wrapped, wrong_answers
from lab.clients import Dnsperf, DnsProbe, Perfdhcp, RenewingGuests, Udhcpc, run
from lab.router import Router
from lab.service import Afterwards, Check, ClientProbe, Load, ServiceUnderTest, WayIn
from lab.tools import run_inside
from lab.topology import GUEST_COUNT, ROUTER_GUEST_IP, Guest, extra_guests

NAME = "dnsmasq"
LEAST_LEASES = 200
# Of a client that is no probe of the supervisor's, which asks from the router's own address.
CALLED = r"query\[\w+\] \S+ from 10\.1\.1\.(?!1$)"


# ---------------------------------------------------------------- clients


def _dns(seconds: float) -> tuple[Load, ...]:
    return (
        Load("dnsperf 10,000/s", "guest", Dnsperf(rate=10_000, seconds=seconds)),
        Load("one source port", "guest", DnsProbe("udp", seconds=seconds)),
        Load("tcp", "guest", DnsProbe("tcp", seconds=seconds, source="10.1.1.31")),
        Load("tcp kept open", "guest", DnsProbe("tcp-kept", seconds=seconds, source="10.1.1.32")),
    )


def _dhcp(seconds: float) -> tuple[Load, ...]:
    # The guests that come: one with an infinite lease from the start, one between the copy of the leases and the cut.
    infinite, between = extra_guests()[:2]
    return (
        Load("perfdhcp 50/s", "guest", Perfdhcp(rate=50, seconds=round(seconds))),
        Load("unicast renewals", "guest", RenewingGuests(first=100, count=20, seconds=seconds)),
        Load("infinite lease", "dhcp1", Udhcpc(), begins_at="stage", guest=infinite),
        Load("lease before the cut", "dhcp2", Udhcpc(), begins_at="start", guest=between),
    )


def _loads(seconds: float) -> tuple[Load, ...]:
    return (*_dns(seconds), *_dhcp(seconds))


def _steady_loads(seconds: float) -> tuple[Load, ...]:
    return (
        Load("dnsperf", "guest", Dnsperf(rate=1000, seconds=seconds)),
        Load("one source port", "guest", DnsProbe("udp", seconds=seconds)),
        Load("tcp", "guest", DnsProbe("tcp", seconds=seconds, source="10.1.1.31")),
        Load("unicast renewals", "guest", RenewingGuests(first=100, count=20, seconds=seconds)),
    )


_ALL_GUESTS = RenewingGuests(first=0, count=GUEST_COUNT, interval=60.0, seconds=0.1)
"""Every guest of the guest namespace has, or gets, its lease."""


# ---------------------------------------------------------------- leases


def leases(router: Router) -> dict[str, str]:
    """Return the addresses by MAC of the lease file of the generation that serves; empty if there is no file."""
    generation = facts.service(router, NAME)["generation"]
    path = router.state / "volumes" / NAME / f"leases.{generation}" / "dnsmasq.leases"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {fields[1]: fields[2] for line in lines if len(fields := line.split()) == 5}


def _lease_all(router: Router) -> None:
    run(_ALL_GUESTS, router.lab.guest)


def _give_back(router: Router, guest: Guest) -> None:
    """End an extra guest's lease."""
    module = "lab.clients.probes.release"
    run_inside(router.lab.guest, [sys.executable, "-m", module, guest.mac, guest.address, ROUTER_GUEST_IP])


def _prepare(router: Router, loads: tuple[Load, ...]) -> Afterwards:
    """Lease all guests' addresses; afterwards there must be these leases and those of the guests that came."""
    if not any(load.guest for load in loads):
        return tuple
    _lease_all(router)
    new = {load.guest.mac: load.guest.address for load in loads if load.guest}
    for load in loads:
        if load.guest:
            _give_back(router, load.guest)
    before = {mac: address for mac, address in leases(router).items() if mac not in new}

    def compare() -> tuple[Check, ...]:
        now = leases(router)
        wrong = sorted(set(now.items()) ^ set((before | new).items()))
        text = f"{len(before)} and {len(new)} new became {len(now)}; differ: {wrong[:5]}"
        is_good = not wrong and len(before) >= LEAST_LEASES
        return (Check("leases after are those before and the new ones", is_good, text),)

    return compare


# ---------------------------------------------------------------- another configuration, and broken candidates


def _change(turn: int) -> tuple[str, Mapping[str, Any]]:
    return "guest_network", commands.guest_network() | {"dns": f"192.0.2.{1 + turn % 200}"}


def _elsewhere(draft: Draft) -> None:
    draft.ready_within(GIVEN_UP)
    draft.replace("dnsmasq.conf.j2", "port={{ instance.port('dns')", "port={{ 700 + instance.port('dns')")


def _dies_when_called(draft: Draft) -> None:
    draft.wrap("die-when-it-says", CALLED)
    draft.append("dnsmasq.conf.j2", "log-queries")


BREAKAGE = Breakage(
    configuration="dnsmasq.conf",
    is_up="port of /config/dnsmasq.conf",
    elsewhere=_elsewhere,
    dies_when_called=_dies_when_called,
    kinds=(
        wrong_answers("name.j2", "{{ item.address }}", "{{ item.address + 1 }}"),
        Kind(
            "wrong-lease-data",
            replaced("reservation.j2", ",{{ item.address }}", ",{{ item.address + 1 }}"),
            Fails.GATE,
            NOT_READY,
        ),
        Kind(
            "corrupt-state",
            wrapped("corrupt", "/state/leases/dnsmasq.leases"),
            Fails.GATE,
            r"lease file /state/leases",
        ),
    ),
)

SERVICE = ServiceUnderTest(
    name=NAME,
    loads=_loads,
    parts=MappingProxyType({"dns": _dns, "dhcp": _dhcp}),
    steady_loads=_steady_loads,
    prepare=_prepare,
    refresh=_lease_all,
    silence=ClientProbe(DnsProbe("udp", rate=100.0, seconds=60.0, timeout=0.1), "guest"),
    answers=(
        ClientProbe(DnsProbe("udp", seconds=0.2), "guest"),
        ClientProbe(DnsProbe("tcp", seconds=0.2), "guest"),
        ClientProbe(_ALL_GUESTS, "guest"),
    ),
    ways_in=(
        WayIn("DNS over TCP", ROUTER_GUEST_IP, 53, lambda s: DnsProbe("tcp", seconds=s), "guest", (400, 500.0), "dns"),
    ),
    remembered=leases,
    change=_change,
    version_command=(("/usr/sbin/dnsmasq", "--version"), "Dnsmasq version {upstream}"),
    breakage=BREAKAGE,
)
