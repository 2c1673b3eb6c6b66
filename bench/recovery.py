"""How long a service is silent when its daemon dies or hangs, as its clients see it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from lab import peer
from lab.clients import Client, DnsProbe, HttpProbe, launch
from lab.router import Router
from lab.scenarios.facts import renew_passwords, service
from lab.scenarios.loads import METADATA_URL
from lab.tools import LabError
from lab.topology import CLIENT_IP, ROUTER_GUEST_IP, VIP, guests_of_lab
from supervisor.edges.engine import make_engine
from supervisor.edges.probes import vici
from supervisor.values.errors import NoSuchContainerError
from supervisor.values.state import ProbeTarget, ResolvedProbe

RATE = 100.0  # requests a second: what a silence is measured in
TIMEOUT = 0.1  # a client that hangs asks again
LONGEST = 60.0
WARM_UP = 0.7
PATIENCE = 30.0
MOST_HUNG = 3  # of one service in a row: after five failures within ten minutes it goes back to a former version

_ASK = (("DomU_Request", "send_my_password"),)
_GUEST = guests_of_lab()[7]
# A client for each service, and where it sits. The key daemon's work is told by its own status: see `_control`.
CLIENTS: Mapping[str, tuple[Client, str]] = MappingProxyType(
    {
        "apache-metadata": (
            HttpProbe(METADATA_URL, rate=RATE, seconds=LONGEST, keep_alive=False, timeout=TIMEOUT),
            "guest",
        ),
        "dnsmasq": (DnsProbe("udp", rate=RATE, seconds=LONGEST, timeout=TIMEOUT), "guest"),
        "haproxy": (
            HttpProbe(
                f"http://{VIP}/ip",
                CLIENT_IP,
                CLIENT_IP,
                rate=RATE,
                seconds=LONGEST,
                keep_alive=False,
                timeout=TIMEOUT,
            ),
            "public",
        ),
        "password": (
            HttpProbe(
                f"http://{ROUTER_GUEST_IP}:8080/",
                _GUEST.password,
                _GUEST.address,
                rate=RATE,
                seconds=LONGEST,
                keep_alive=False,
                timeout=TIMEOUT,
                headers=_ASK,
            ),
            "guest",
        ),
    }
)


def silence(router: Router, name: str, number: signal.Signals) -> float:
    """Send the service's daemon a signal (SIGKILL, or SIGSTOP to make it hang); seconds until it serves again.

    The service is at rest before and after, with a generation that never failed: pauses between restarts grow.
    """
    _fresh(router, name)
    pid = _pid(router, name)
    if name not in CLIENTS:
        is_loaded = _control(router, name)
        began = time.monotonic()
        _signal(pid, number)
        _until(f"{name} is gone", lambda: not is_loaded(), 0.001)
        _until(f"{name} answers again", is_loaded, 0.005)
        return time.monotonic() - began
    client, role = CLIENTS[name]
    with launch(client, router.lab.namespace(role)) as running:
        time.sleep(WARM_UP)
        _signal(pid, number)
        _until(f"{name} runs again", lambda: _is_well(router, name) and _pid(router, name) != pid, 0.05)
        time.sleep(2 * TIMEOUT)
        seen = running.stop()
    if not seen.completed or seen.longest_gap is None:
        raise LabError(f"cannot tell how long {name} was silent: {seen.client} had no good answer: {dict(seen.facts)}")
    return seen.longest_gap


def _signal(pid: int, number: signal.Signals) -> None:
    """The daemon with all that it started: a parent that hangs is not missed as long as its children answer."""
    for one in (*_descendants(pid), pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(one, number)


def _descendants(pid: int) -> tuple[int, ...]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*"):
        with contextlib.suppress(OSError):
            children = [int(word) for word in (task / "children").read_text().split()]
            found += [one for child in children for one in (*_descendants(child), child)]
    return tuple(found)


def _fresh(router: Router, name: str) -> None:
    _until(f"{name} can be restarted", lambda: _is_well(router, name), 0.05)
    if name == "password":
        renew_passwords(router)  # what a guest acknowledged before is on offer no more
    router.vrctl("restart", name)
    _until(f"{name} is at rest", lambda: _is_well(router, name), 0.05)
    if name not in CLIENTS:
        _until("the tunnel is up", lambda: peer.status(router.lab).is_established, 0.1)


def _is_well(router: Router, name: str) -> bool:
    now = service(router, name)
    return bool(now["ready"]) and now["handover"] is None and not now["draining"]


def _pid(router: Router, name: str) -> int:
    engine = make_engine(router.engine, router.state, router.runtime, router.dockerd.socket, router.namespaces)
    try:
        return engine.inspect(f"vrs-{name}-{service(router, name)['generation']}").pid or 0
    except NoSuchContainerError:
        return 0
    finally:
        engine.close()


def _control(router: Router, name: str) -> Callable[[], bool]:
    """Does the key daemon of whichever generation serves have its connections loaded?"""
    known = json.loads(router.vrctl("config", "show", "--json").stdout)["vpn"]["site_to_site"]
    connections = ",".join(str(one["name"]).replace(".", "-") for one in known)
    arguments = (("runtime", "run"), ("path", "charon.vici"), ("connections", connections))

    def is_loaded() -> bool:
        generations = sorted((router.runtime / name).glob("*"), key=lambda path: int(path.name))
        target = ProbeTarget("", None, (("run", str(generations[-1] / "run" / "run")),))
        return vici.ask(ResolvedProbe("vici", arguments, TIMEOUT), target).is_good

    return is_loaded


def _until(what: str, holds: Callable[[], bool], pause: float) -> None:
    limit = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > limit:
            raise LabError(f"not within {PATIENCE:g} s: {what}")
        time.sleep(pause)
