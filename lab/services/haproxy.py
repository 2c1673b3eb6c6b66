"""The load balancer: clients outside whose requests and connections reach the guests' servers."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from lab import balancer_changes, commands, facts
from lab.broken.draft import Draft
from lab.broken.kind import Breakage, Fails, Kind
from lab.clients import Download, HttpProbe, LineEcho, TimedRequests, Wrk
from lab.commands import DEAD_PORT, STATISTICS_LOGIN, STATISTICS_PORT
from lab.router import NEWER, Router
from lab.service import ClientProbe, Figure, Load, ServiceUnderTest, WayIn
from lab.tools import LabError
from lab.topology import CLIENT_IP, ROUTER_PUBLIC_IP, VIP

NAME = "haproxy"
URL = f"http://{VIP}/ip"
CHANGES = 20
SOAK_SECONDS = 60.0


def _loads(seconds: float) -> tuple[Load, ...]:
    return (Load("download of 20 s", "public", Download("http", seconds=max(20.0, seconds))), *_web(seconds))


def _web(seconds: float) -> tuple[Load, ...]:
    root = f"http://{VIP}/"
    through_proxy = HttpProbe(f"http://{VIP}:8082/ip", CLIENT_IP, CLIENT_IP, seconds=seconds, keep_alive=False)
    return (
        Load("keep-alive, 50 connections", "public", Wrk(root, seconds, connections=50)),
        Load("one per connection", "public", Wrk(root, seconds, connections=2, keep_alive=False)),
        Load("tcp line", "public", LineEcho(seconds=seconds)),
        Load("X-Forwarded-For", "public", HttpProbe(URL, CLIENT_IP, CLIENT_IP, seconds=seconds)),
        Load("timed, every connection", "public", TimedRequests(seconds=seconds)),
        Load("timed, beside dead members", "public", TimedRequests(port=DEAD_PORT, seconds=seconds)),
        Load("PROXY", "public", through_proxy),
    )


def _brief(seconds: float) -> HttpProbe:
    return HttpProbe(URL, CLIENT_IP, CLIENT_IP, seconds=seconds, keep_alive=False)


def _statistics(seconds: float) -> HttpProbe:
    word = base64.b64encode(":".join(STATISTICS_LOGIN).encode()).decode()
    url = f"http://{ROUTER_PUBLIC_IP}:{STATISTICS_PORT}/admin?stats"
    headers = (("Authorization", f"Basic {word}"),)
    return HttpProbe(url, source=CLIENT_IP, seconds=seconds, keep_alive=False, headers=headers)


def _steady_loads(seconds: float) -> tuple[Load, ...]:
    return (
        Load("balanced, keep-alive", "public", HttpProbe(URL, CLIENT_IP, CLIENT_IP, seconds=seconds)),
        Load("balanced, one per connection", "public", _brief(seconds)),
    )


def _long_loads(seconds: float) -> tuple[Load, ...]:
    return (Load("tcp line", "public", LineEcho(seconds=seconds)),)


def _change(turn: int) -> tuple[str, Mapping[str, Any]]:
    content = commands.load_balancer()
    lines = content["rules"][0]["configuration"]
    at = next(i for i, line in enumerate(lines) if "timeout client" in line)
    lines[at] = f"\ttimeout client     {50_001 + turn}"
    return "load_balancer", content


def _changes_in_a_row(router: Router) -> Iterator[tuple[str, Sequence[float]]]:
    """From the request to a client that connects, each sent when the former was live: alone, and in a swap's soak."""
    yield "nothing", balancer_changes.changes(router, CHANGES)
    router.vrctl("swap", NAME, "--to", facts.version_in(router, NEWER, NAME), "--no-wait")
    deadline = time.monotonic() + SOAK_SECONDS
    while "soak" not in json.dumps(facts.service(router, NAME)["handover"]):
        if time.monotonic() > deadline:
            raise LabError(f"{NAME} does not come to its soak in {SOAK_SECONDS:g} s")
        time.sleep(0.05)
    yield "a swap soaks", balancer_changes.changes(router, CHANGES // 4)
    router.vrctl("rollback", NAME)
    facts.await_quiet(router, NAME)


def _lost_backends(draft: Draft) -> None:
    draft.replace("haproxy.cfg.j2", ":{{ backend.port }}", ":{{ backend.port + 1 }}")


SERVICE = ServiceUnderTest(
    name=NAME,
    loads=_loads,
    parts=MappingProxyType({"web": _web}),
    steady_loads=_steady_loads,
    long_loads=_long_loads,
    silence=ClientProbe(
        HttpProbe(URL, CLIENT_IP, CLIENT_IP, rate=100.0, seconds=60.0, keep_alive=False, timeout=0.1), "public"
    ),
    answers=(ClientProbe(HttpProbe(URL, CLIENT_IP, CLIENT_IP, seconds=0.2), "public"),),
    ways_in=(
        WayIn("load balancer", VIP, 80, _brief, "public", (1500, 2500.0), is_public=True),
        WayIn("statistics", ROUTER_PUBLIC_IP, STATISTICS_PORT, _statistics, "public", (400, 500.0), is_public=True),
    ),
    change=_change,
    version_command=(("/usr/sbin/haproxy", "-vv"), "HAProxy version {version}"),
    figures=(
        Figure(
            "Changes of the load balancer in a row, seconds (min / median / max)",
            ("meanwhile", "to traffic"),
            _changes_in_a_row,
        ),
    ),
    breakage=Breakage(
        configuration="haproxy.cfg",
        # A balancer's answers are its backends': no probe sees that they are wrong, only its own counters do.
        kinds=(Kind("wrong-answers", _lost_backends, Fails.SERVING, r"fails: \d+ of \d+ "),),
    ),
)
