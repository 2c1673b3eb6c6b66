"""Measures how long a service is silent when its daemon dies or hangs, as its clients see it."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from lab.clients import Client, launch
from lab.facts import service
from lab.router import Router
from lab.service import ClientProbe, ServiceUnderTest, StateProbe
from lab.services import SERVICES
from lab.tools import LabError
from supervisor.edges.engine import make_engine
from supervisor.values.errors import NoSuchContainerError

WARM_UP = 0.7
AFTERWARDS = 0.2  # seconds: a client that hangs asks again after half of that
PATIENCE = 30.0
MOST_HUNG = 3  # of one service in a row: after five failures within ten minutes it goes back to a former version


def silence(router: Router, name: str, number: signal.Signals) -> float:
    """Send the service's daemon a signal (SIGKILL, or SIGSTOP to make it hang); return the seconds of silence.

    The service is at rest before and after, with a generation that never failed: pauses between restarts grow.
    """
    known = SERVICES[name]
    _fresh(router, known)
    pid = _pid(router, name)
    match known.silence:
        case StateProbe(connect):
            return _outage(name, pid, number, connect(router))
        case ClientProbe(client, role):
            return _longest_gap(router, name, pid, number, client, role)
        case None:
            raise LabError(f"cannot measure how long {name} is silent: lab.services names no client")


def _outage(name: str, pid: int, number: signal.Signals, is_loaded: Callable[[], bool]) -> float:
    """Signal the daemon; return the seconds until it works again."""
    began = time.monotonic()
    _signal(pid, number)
    _until(f"{name} is gone", lambda: not is_loaded(), 0.001)
    _until(f"{name} answers again", is_loaded, 0.005)
    return time.monotonic() - began


def _longest_gap(router: Router, name: str, pid: int, number: signal.Signals, client: Client, role: str) -> float:
    """Signal the daemon while a client is at work; return how long that had no good answer."""
    with launch(client, router.lab.namespace(role)) as running:
        time.sleep(WARM_UP)
        _signal(pid, number)
        _until(f"{name} runs again", lambda: _is_well(router, name) and _pid(router, name) != pid, 0.05)
        time.sleep(AFTERWARDS)
        outcome = running.stop()
    if not outcome.completed or outcome.longest_gap is None:
        facts = dict(outcome.facts)
        raise LabError(f"cannot measure how long {name} was silent: {outcome.client} had no good answer: {facts}")
    return outcome.longest_gap


def _signal(pid: int, number: signal.Signals) -> None:
    """Signal the daemon and all that it started: a parent that hangs is not missed as long as its children answer."""
    for process in (*_descendants(pid), pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, number)


def _descendants(pid: int) -> tuple[int, ...]:
    below: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*"):
        with contextlib.suppress(OSError):
            for child in map(int, (task / "children").read_text().split()):
                below += [*_descendants(child), child]
    return tuple(below)


def _fresh(router: Router, known: ServiceUnderTest) -> None:
    """Restart the service, and wait until it is at rest and has recovered."""
    name = known.name
    _until(f"{name} can be restarted", lambda: _is_well(router, name), 0.05)
    known.refresh(router)
    router.vrctl("restart", name)
    _until(f"{name} is at rest", lambda: _is_well(router, name), 0.05)
    recovery = known.recovery
    if recovery is not None:
        _until(recovery.what, lambda: recovery.holds(router), 0.1)


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


def _until(what: str, holds: Callable[[], bool], pause: float) -> None:
    limit = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > limit:
            raise LabError(f"not within {PATIENCE:g} s: {what}")
        time.sleep(pause)
