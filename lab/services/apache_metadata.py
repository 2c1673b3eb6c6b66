"""Metadata of guests over HTTP: 200 guests that must each see their own, over connections of every kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lab import commands
from lab.broken.kind import Breakage, wrong_answers
from lab.clients import HttpProbe, MetadataIsolation, TimedRequests, Wrk
from lab.service import ClientProbe, Load, ServiceUnderTest, WayIn
from lab.topology import ROUTER_GUEST_IP, guests_of_lab

PATH = "/latest/meta-data/instance-id"
URL = f"http://{ROUTER_GUEST_IP}{PATH}"

_GUEST = guests_of_lab()[9]


def _loads(seconds: float) -> tuple[Load, ...]:
    return (
        Load("keep-alive", "guest", Wrk(URL, seconds, connections=10)),
        Load("one per connection", "guest", Wrk(URL, seconds, connections=2, keep_alive=False)),
        Load("timed, every connection", "guest", TimedRequests(ROUTER_GUEST_IP, path=PATH, seconds=seconds)),
        Load("200 guests, own data", "guest", MetadataIsolation(rate=100, seconds=seconds)),
    )


def _steady_loads(seconds: float) -> tuple[Load, ...]:
    return (
        Load("metadata, keep-alive", "guest", HttpProbe(URL, seconds=seconds)),
        Load("metadata, one per connection", "guest", HttpProbe(URL, seconds=seconds, keep_alive=False)),
    )


def _change(turn: int) -> tuple[str, Mapping[str, Any]]:
    content = commands.cmd_line()
    content["cmd_line"]["name"] = f"r-{turn + 2}-VM"
    return "cmd_line", content


def _own(seconds: float) -> HttpProbe:
    return HttpProbe(URL, _GUEST.instance, _GUEST.address, seconds=seconds, keep_alive=False)


SERVICE = ServiceUnderTest(
    name="apache-metadata",
    loads=_loads,
    steady_loads=_steady_loads,
    silence=ClientProbe(HttpProbe(URL, rate=100.0, seconds=60.0, keep_alive=False, timeout=0.1), "guest"),
    answers=(ClientProbe(HttpProbe(URL, seconds=0.2), "guest"),),
    ways_in=(WayIn("metadata", ROUTER_GUEST_IP, 80, _own, "guest", (400, 1500.0)),),
    change=_change,
    version_command=(("/usr/sbin/apache2", "-v"), "Apache/{upstream}"),
    breakage=Breakage(
        configuration="httpd.conf",
        kinds=(wrong_answers("probe.j2", "probe of", "somebody else of"),),
    ),
)
