"""Floods of slow clients, on real daemons behind the kernel's table: they fill what they reach, and nothing else."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from supervisor.decisions.overload import Evidence, Overload, after, reachable
from supervisor.edges.render import TemplateRenderer
from supervisor.loop.care.overload import OverloadWatch
from supervisor.loop.care.probe_set import ProbeSet
from supervisor.loop.care.probing import Probing
from supervisor.surface.assembly import SystemClock
from supervisor.values.manifest import Admission
from supervisor.values.names import ServiceName
from supervisor.values.status import EventRecord
from tests.kit.live.flood import (
    GATEWAY,
    HTTP,
    ROUTER,
    Flooded,
    Served,
    apache,
    dnsmasq,
    flood,
    give_addresses,
    password,
    reaches,
    served,
    wait_until,
)
from tests.kit.live.network_router import Router

FLOOD_SECONDS = 10.0
LONG_FLOOD_SECONDS = 51.0

pytestmark = pytest.mark.integration


def stuck_is_noticed(daemon: Served, admission: Admission, found: Overload) -> None:
    """Stop all but the processes of the way in: they answer, and it is not taken for full for longer than it may be."""
    others = [pid for pid in members(daemon.process.pid) if b"own-way" not in Path(f"/proc/{pid}/cmdline").read_bytes()]
    for pid in others:
        os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    while found.is_full:
        assert time.monotonic() - began < 3 * (admission.patience or 0.0)
        failure = daemon.ask(daemon.manifest.readiness.probes)
        result = daemon.ask(daemon.own)
        assert (failure.is_silent, result.is_good) == (True, True)
        found = after(found, admission, Evidence(failure, result, daemon.crowd()), time.monotonic())
    for pid in others:
        os.kill(pid, signal.SIGCONT)


def members(session: int) -> list[int]:
    pids = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]
    return [pid for pid in pids if _session_of(pid) == session]


def _session_of(pid: int) -> int | None:
    with suppress(ProcessLookupError):
        return os.getsid(pid)
    return None


Record = Callable[[str, object], None]


@pytest.mark.programs
def test_slow_requests_fill_the_workers_of_metadata_and_nothing_else(net: Router, record: Record) -> None:
    fills_what_guests_reach(net, record, Flooded("apache-metadata", apache, 80, 1500, 1, HTTP))


def test_slow_requests_fill_the_connections_of_passwords_and_nothing_else(net: Router, record: Record) -> None:
    fills_what_guests_reach(net, record, Flooded("password", password, 8080, 1300, 100, HTTP))


@pytest.mark.programs
def test_idle_connections_fill_names_over_tcp_and_nothing_else(net: Router, record: Record) -> None:
    fills_what_guests_reach(net, record, Flooded("dnsmasq", dnsmasq, 53, 600, 1, b"\x00", "verification"))


@pytest.mark.programs
@pytest.mark.slow
def test_a_long_flood_of_metadata_heals_nobody(net: Router, record: Record) -> None:
    heals_nobody(net, record, Flooded("apache-metadata", apache, 80, 1500, 1, HTTP))


@pytest.mark.slow
def test_a_long_flood_of_passwords_heals_nobody(net: Router, record: Record) -> None:
    heals_nobody(net, record, Flooded("password", password, 8080, 1300, 100, HTTP))


def heals_nobody(net: Router, record: Record, case: Flooded) -> None:
    """Watch a daemon in a flood as its keeper does: it is full, never hangs, and is ready again soon after."""
    with served(net, case.name, case.command) as daemon:
        said, clock = Said(), SystemClock()
        probes = ProbeSet(
            daemon.instance, daemon.manifest, TemplateRenderer(), daemon.prober, clock, lambda: daemon.target
        )
        probes.configure(ROUTER)
        service = ServiceName(case.name)
        full = OverloadWatch(service, daemon.manifest.admission, probes, clock, said, daemon.crowd)
        probing = Probing(service, daemon.manifest, probes, full, clock, lambda: None, is_proved=True)

        def watch(seconds: float, is_enough: Callable[[], bool] = lambda: False) -> float:
            began = time.monotonic()
            while not is_enough() and time.monotonic() < began + seconds:
                if probing.is_readiness_due(time.monotonic()):
                    probing.ask_readiness()
                probing.ask_liveness(time.monotonic())
                time.sleep(min(0.05, probing.due_in()))
            return time.monotonic() - began

        with flood(net.guest, case, give_addresses(net.guest, case.sources)):
            record("found_full_s", round(watch(20.0, lambda: full.is_full), 1))
            watch(LONG_FLOOD_SECONDS, lambda: not probing.liveness.is_good)
            assert (full.is_full, probing.liveness.is_good, said.names) == (True, True, ["overloaded"])
            os.killpg(daemon.process.pid, signal.SIGSTOP)
            record("found_hung_s", round(watch(20.0, lambda: not probing.liveness.is_good), 1))
            assert not probing.liveness.is_good
            os.killpg(daemon.process.pid, signal.SIGCONT)
        record("ready_again_s", round(watch(40.0, lambda: probing.readiness.is_good and probing.liveness.is_good), 1))
        assert probing.readiness.is_good


class Said:
    """Satisfies `ports.store.Audit` as far as anything is said here."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def log_event(self, event: EventRecord) -> None:
        self.names.append(event.name)

    def events(self, after: int) -> tuple[tuple[int, EventRecord], ...]:
        return ()


def fills_what_guests_reach(net: Router, record: Record, case: Flooded) -> None:
    """Flood a daemon; what guests reach is silent and full, and its own way in answers until the whole of it hangs."""
    with served(net, case.name, case.command) as daemon:
        admission, watch = daemon.manifest.admission, getattr(daemon.manifest, case.watch)
        assert admission
        assert reaches(net.guest, str(GATEWAY), case.port)
        assert_is_apart(net, daemon)
        with flood(net.guest, case, give_addresses(net.guest, case.sources)):
            wait_until(lambda: daemon.ask(watch.probes).is_silent, 20.0)
            found, own, silent, asked, gap, gaps = Overload(), [], 0, 0, time.monotonic(), [0.0]
            end = time.monotonic() + FLOOD_SECONDS
            while time.monotonic() < end:
                failure = daemon.ask(watch.probes)
                asked, silent = asked + 1, silent + failure.is_silent
                result, crowd, now = daemon.ask(daemon.own), daemon.crowd(), time.monotonic()
                own.append(result.seconds)
                assert result.is_good, result
                if crowd.taken - found.crowd.taken:
                    gaps.append(now - gap)
                    gap = now
                if not failure.is_good:
                    found = after(found, admission, Evidence(failure, result, crowd), now)
                    assert found.is_full, (failure, crowd.size)
                time.sleep(0.5)
            record("asked", asked)
            record("silent", silent)
            record("crowd", crowd.size)
            record("longest_own_ms", round(max(own) * 1000, 1))
            record("longest_without_a_new_client_s", round(max(gaps), 1))
            assert silent
            if admission.patience is not None:
                assert max(gaps) < admission.patience / 2
                stuck_is_noticed(daemon, replace(admission, patience=3.0), found)
            os.killpg(daemon.process.pid, signal.SIGSTOP)
            wait_until(lambda: not daemon.ask(daemon.own).is_good, 3.0)  # what hangs as a whole is silent there, too
            os.killpg(daemon.process.pid, signal.SIGCONT)
        wait_until(lambda: daemon.ask(watch.probes).is_good, 30.0)
        assert reaches(net.guest, str(GATEWAY), case.port)


def assert_is_apart(net: Router, daemon: Served) -> None:
    """No client reaches the way in: not at the instance's address, nor at the router's."""
    own = TemplateRenderer().probes(daemon.manifest, daemon.own, ROUTER, daemon.instance)
    ports = [int(text) for probe in own if (text := probe.argument("port"))]
    assert ports
    assert not reachable(own, daemon.instance.frontends)
    for place in (net.guest, net.public):
        for port in ports:
            assert not reaches(place, str(GATEWAY), port)
            assert not reaches(place, str(daemon.instance.address or "203.0.113.2"), port)
