"""The table: per service its clients, where they sit, when they begin, and what each may lose."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from lab.clients import (
    Client,
    Dnsperf,
    DnsProbe,
    Download,
    HttpProbe,
    LineEcho,
    MetadataIsolation,
    PasswordExchange,
    Perfdhcp,
    Ping,
    RenewingGuests,
    TimedRequests,
    Udhcpc,
    Wrk,
)
from lab.commands import DEAD_PORT
from lab.topology import CLIENT_IP, PEER_INSIDE_IP, ROUTER_GUEST_IP, VIP, Guest, extra_guests, guests_of_lab

METADATA_PATH = "/latest/meta-data/instance-id"
METADATA_URL = f"http://{ROUTER_GUEST_IP}{METADATA_PATH}"


@dataclass(frozen=True, slots=True)
class Loss:
    """What a client may lose: requests without a good answer, and seconds of silence. None: told, not judged."""

    requests: int | None = 0
    gap: float | None = None


NOTHING = Loss()


@dataclass(frozen=True, slots=True)
class Load:
    """One client at work during a hand-over. `begins_at` is a step of the hand-over; None: before it."""

    label: str
    role: str  # the lab's namespace it sits in, or the name of an extra guest
    client: Client
    loss: Loss = NOTHING
    begins_at: str | None = None
    guest: Guest | None = None  # an extra guest that exists for this load only


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


def _dnsmasq(seconds: float) -> tuple[Load, ...]:
    return (*_dns(seconds), *_dhcp(seconds))


def _metadata(seconds: float) -> tuple[Load, ...]:
    return (
        Load("keep-alive", "guest", Wrk(METADATA_URL, seconds, connections=10)),
        Load("one per connection", "guest", Wrk(METADATA_URL, seconds, connections=2, keep_alive=False)),
        Load("timed, every connection", "guest", TimedRequests(ROUTER_GUEST_IP, path=METADATA_PATH, seconds=seconds)),
        Load("200 guests, own data", "guest", MetadataIsolation(rate=100, seconds=seconds)),
    )


def _password(seconds: float) -> tuple[Load, ...]:
    return (Load("200 guests", "guest", PasswordExchange(seconds=seconds)),)


def _haproxy(seconds: float) -> tuple[Load, ...]:
    return (Load("download of 20 s", "public", Download("http", seconds=max(20.0, seconds))), *_web(seconds))


def _web(seconds: float) -> tuple[Load, ...]:
    root = f"http://{VIP}/"
    own = {"expected": CLIENT_IP, "source": CLIENT_IP, "seconds": seconds}
    return (
        Load("keep-alive, 50 connections", "public", Wrk(root, seconds, connections=50)),
        Load("one per connection", "public", Wrk(root, seconds, connections=2, keep_alive=False)),
        Load("tcp line", "public", LineEcho(seconds=seconds)),
        Load("X-Forwarded-For", "public", HttpProbe(f"http://{VIP}/ip", **own)),  # type: ignore[arg-type]
        Load("timed, every connection", "public", TimedRequests(seconds=seconds)),
        Load("timed, beside dead members", "public", TimedRequests(port=DEAD_PORT, seconds=seconds)),
        Load("PROXY", "public", HttpProbe(f"http://{VIP}:8082/ip", keep_alive=False, **own)),  # type: ignore[arg-type]
    )


def _strongswan(seconds: float) -> tuple[Load, ...]:
    # The data plane is the daemon itself where the kernel has no ESP: silence while it is replaced, and no longer.
    silence = Loss(requests=None, gap=3.0)
    guest = guests_of_lab()[0].address
    return (
        Load("ping out", "guest", Ping(PEER_INSIDE_IP, seconds=seconds, source=guest), silence),
        Load("ping in", "peer", Ping(guest, seconds=seconds, source=PEER_INSIDE_IP), silence),
    )


SERVICES: Mapping[str, Callable[[float], tuple[Load, ...]]] = MappingProxyType(
    {
        "dnsmasq": _dnsmasq,
        "apache-metadata": _metadata,
        "password": _password,
        "haproxy": _haproxy,
        "strongswan": _strongswan,
    }
)
PARTS: Mapping[str, Callable[[float], tuple[Load, ...]]] = MappingProxyType({"dns": _dns, "dhcp": _dhcp, "web": _web})


def loads_of(service: str, seconds: float, part: str | None = None) -> tuple[Load, ...]:
    """The clients of a service, each at work for so many seconds; `part` picks some of a service with several."""
    return PARTS[part](seconds) if part else SERVICES[service](seconds)
