"""The IKE daemon: pings through its tunnel, and the peer that must see no end of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from lab import commands, peer
from lab.broken.draft import Draft
from lab.broken.kind import Breakage, replaced, wrong_answers
from lab.clients import Ping
from lab.router import Router
from lab.service import Afterwards, Check, Load, Loss, Recovery, ServiceUnderTest, StateProbe
from lab.topology import PEER_INSIDE_IP, guests_of_lab
from supervisor.edges.probes import vici_connections
from supervisor.values.state import ProbeTarget, ResolvedProbe

NAME = "strongswan"
# The data plane is the daemon itself where the kernel has no ESP: silence while it is replaced, and no longer.
SILENCE = Loss(requests=None, gap=3.0)
# Where the supervisor is killed, too, nothing carries the tunnel until it returns, and a negotiation longer.
UNJUDGED = Loss(requests=None, gap=None)
REQUESTED = r"received packet: from "


def _pings(seconds: float, loss: Loss) -> tuple[Load, ...]:
    guest = guests_of_lab()[0].address
    return (
        Load("ping out", "guest", Ping(PEER_INSIDE_IP, seconds=seconds, source=guest), loss),
        Load("ping in", "peer", Ping(guest, seconds=seconds, source=PEER_INSIDE_IP), loss),
    )


def _loads(seconds: float) -> tuple[Load, ...]:
    return _pings(seconds, SILENCE)


def _steady_loads(seconds: float) -> tuple[Load, ...]:
    return _pings(seconds, UNJUDGED)


def _prepare(router: Router, loads: tuple[Load, ...]) -> Afterwards:
    """Read the peer's counts; afterwards the tunnel must be another one, and the former must not have been deleted."""
    del loads
    before = peer.status(router.lab)

    def compare() -> tuple[Check, ...]:
        now = peer.status(router.lab)
        deletes = now.deletes_received - before.deletes_received
        return (
            Check("no IKE DELETE reaches the peer", deletes == 0, f"{deletes} received"),
            Check("the tunnel is established", now.is_established, str(now)),
            Check(
                "it was established again",
                now.established_count > before.established_count,
                str(now),
                needs_success=True,
            ),
        )

    return compare


def _is_established(router: Router) -> bool:
    return peer.status(router.lab).is_established


def _control(router: Router) -> Callable[[], bool]:
    """Return what reads whether the daemon of the newest generation has its connections loaded."""
    known = json.loads(router.vrctl("config", "show", "--json").stdout)["vpn"]["site_to_site"]
    connections = ",".join(str(connection["name"]).replace(".", "-") for connection in known)
    arguments = (("runtime", "run"), ("path", "charon.vici"), ("connections", connections))

    def is_loaded() -> bool:
        generations = sorted((router.runtime / NAME).glob("*"), key=lambda path: int(path.name))
        target = ProbeTarget("", None, (("run", str(generations[-1] / "run" / "run")),))
        return vici_connections.ask(ResolvedProbe("vici", arguments, 0.1), target).is_good

    return is_loaded


def _change(turn: int) -> tuple[str, Mapping[str, Any]]:
    return "site_2_site_vpn", commands.site_to_site() | {"esp_lifetime": 3601 + turn}


def _dies_when_called(draft: Draft) -> None:
    draft.wrap("die-when-it-says", REQUESTED)


SERVICE = ServiceUnderTest(
    name=NAME,
    loads=_loads,
    steady_loads=_steady_loads,
    prepare=_prepare,
    silence=StateProbe(_control),
    recovery=Recovery("the tunnel is established", _is_established, 15.0),
    change=_change,
    change_reloads=True,
    version_command=(("/usr/sbin/swanctl", "--help"), "strongSwan {upstream} swanctl"),
    breakage=Breakage(
        configuration="swanctl.conf",
        is_up="/run/charon/charon.vici",
        elsewhere=replaced("strongswan.conf.j2", "charon.vici", "other.vici"),
        dies_when_called=_dies_when_called,
        kinds=(wrong_answers("swanctl.conf.j2", "}} {\n        version", "}}-other {\n        version"),),
    ),
)
