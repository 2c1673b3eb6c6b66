"""The clients at work throughout a campaign: light, so that hundreds of hand-overs fit, and with nothing to lose."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from lab.clients import Dnsperf, DnsProbe, HttpProbe, Ping, RenewingGuests
from lab.scenarios import Load, Loss
from lab.scenarios.loads import METADATA_URL
from lab.topology import CLIENT_IP, PEER_INSIDE_IP, ROUTER_GUEST_IP, VIP, guests_of_lab

LONGEST = 900.0  # seconds; every client is told to end before that
# The tunnel is silent while nothing carries it: from the kill to the supervisor's return, and a negotiation more.
SILENCE = Loss(requests=None, gap=None)


def _dnsmasq() -> tuple[Load, ...]:
    return (
        Load("dnsperf", "guest", Dnsperf(rate=1000, seconds=LONGEST)),
        Load("one source port", "guest", DnsProbe("udp", seconds=LONGEST)),
        Load("tcp", "guest", DnsProbe("tcp", seconds=LONGEST, source="10.1.1.31")),
        Load("unicast renewals", "guest", RenewingGuests(first=100, count=20, seconds=LONGEST)),
    )


def _metadata() -> tuple[Load, ...]:
    return (
        Load("keep-alive", "guest", HttpProbe(METADATA_URL, seconds=LONGEST)),
        Load("one per connection", "guest", HttpProbe(METADATA_URL, seconds=LONGEST, keep_alive=False)),
    )


def _password() -> tuple[Load, ...]:
    guest, url = guests_of_lab()[7], f"http://{ROUTER_GUEST_IP}:8080/"
    ask = (("DomU_Request", "send_my_password"),)
    client = HttpProbe(url, guest.password, guest.address, seconds=LONGEST, keep_alive=False, headers=ask)
    return (Load("a guest that asks", "guest", client),)


def _haproxy() -> tuple[Load, ...]:
    url = f"http://{VIP}/ip"
    return (
        Load("keep-alive", "public", HttpProbe(url, CLIENT_IP, CLIENT_IP, seconds=LONGEST)),
        Load("one per connection", "public", HttpProbe(url, CLIENT_IP, CLIENT_IP, seconds=LONGEST, keep_alive=False)),
    )


def _strongswan() -> tuple[Load, ...]:
    guest = guests_of_lab()[0].address
    return (
        Load("ping out", "guest", Ping(PEER_INSIDE_IP, seconds=LONGEST, source=guest), SILENCE),
        Load("ping in", "peer", Ping(guest, seconds=LONGEST, source=PEER_INSIDE_IP), SILENCE),
    )


EVERYDAY: Mapping[str, Callable[[], tuple[Load, ...]]] = MappingProxyType(
    {
        "dnsmasq": _dnsmasq,
        "apache-metadata": _metadata,
        "password": _password,
        "haproxy": _haproxy,
        "strongswan": _strongswan,
    }
)
