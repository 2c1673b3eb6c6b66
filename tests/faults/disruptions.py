"""Disruptions from outside the supervisor (engine, disk, kernel rules, clock): a cause that comes, lasts and goes."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import MappingProxyType

from lab import firewall, network
from lab.processes import freeze
from lab.scenarios import Loss
from lab.services import SERVICES, takeovers
from lab.tools import run, run_inside
from tests.faults.breakable_router import BreakableRouter
from tests.faults.daemon import CLOCK_FILE
from tests.faults.router_under_test import RouterUnderTest

DAY = 86_400.0
TIMES, PAUSE = 3, 0.4  # how often others interfere with one hand-over
# What meets the moment without rules is refused or lost: silence is bounded, single requests are not counted.
MOMENT = Loss(requests=None, gap=2.5)


@dataclass(frozen=True, slots=True)
class Disruption:
    """One cause; `inject` makes it last as long as its context does."""

    name: str
    inject: Callable[[RouterUnderTest], AbstractContextManager[None]]
    message: str = ""  # regular expression: what status, the log or a refused swap must say; empty: nothing to say
    loss: Loss | None = None  # instead of each client's own
    lasts: float = 3.0  # seconds; of a sample, and of everything
    lasts_longest: float | None = None
    stops_writing: bool = False  # clients whose answers are written down first are counted, and not judged
    spares: frozenset[str] = frozenset()  # services whose swap may not meet it: nothing need be said if it succeeds

    def __str__(self) -> str:
        return self.name


# ---------------------------------------------------------------- the engine


def engine_pid(sut: RouterUnderTest) -> int:
    return int(json.loads((sut.router.runtime / "engine.json").read_text())["pid"])


@contextlib.contextmanager
def _engine_killed(sut: RouterUnderTest) -> Iterator[None]:
    os.kill(engine_pid(sut), signal.SIGKILL)
    yield


@contextlib.contextmanager
def _engine_hung(sut: RouterUnderTest) -> Iterator[None]:
    pid = engine_pid(sut)
    try:
        freeze(pid)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


# ---------------------------------------------------------------- the disk


@contextlib.contextmanager
def _disk_full(sut: RouterUnderTest) -> Iterator[None]:
    """Fill the disk that holds journal, images, containers and leases."""
    ballast = sut.router.state / "ballast"
    run(["sync", "--file-system", str(sut.router.state)])  # what was removed is free only after that
    try:
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
            for size in (1 << 24, 1 << 16, 1 << 9):  # whatever is left is taken by smaller and smaller pieces
                with contextlib.suppress(OSError):
                    while True:
                        file.write(bytes(size))
            os.fsync(file.fileno())
        assert os.statvfs(sut.router.state).f_bavail == 0, os.statvfs(sut.router.state)
        yield
    finally:
        ballast.unlink(missing_ok=True)


@contextlib.contextmanager
def _disk_read_only(sut: RouterUnderTest) -> Iterator[None]:
    """Make every file immutable, which also stops writers: a mount that is written to cannot be made read-only."""
    _chattr(sut, "+i")
    try:
        yield
    finally:
        _chattr(sut, "-i")


def _chattr(sut: RouterUnderTest, change: str) -> None:
    """Change the attributes of everything but the layers: containers' roots are read-only anyway."""
    find = ["find", str(sut.router.state), "-path", "*/overlay/*", "-prune", "-o"]
    kinds = ["(", "-type", "f", "-o", "-type", "d", ")", "-exec", "chattr", change, "{}", "+"]
    subprocess.run([*find, *kinds], check=False, capture_output=True, timeout=60)


# ---------------------------------------------------------------- the kernel's rules


@contextlib.contextmanager
def _rules_refused(sut: RouterUnderTest) -> Iterator[None]:
    router = sut.router
    assert isinstance(router, BreakableRouter)
    router.refusing.touch()
    try:
        yield
    finally:
        router.refusing.unlink()


@contextlib.contextmanager
def _flushed(sut: RouterUnderTest) -> Iterator[None]:
    try:
        with _meanwhile(lambda: run_inside(sut.router.lab.router, ["nft", "flush", "ruleset"])):
            yield
    finally:
        network.up(sut.router.lab, "cloudstack")


@contextlib.contextmanager
def _rules_replaced(sut: RouterUnderTest) -> Iterator[None]:
    """Load the router's own rules anew, as its scripts do: the rules that admit what we serve go with them."""

    def reload() -> None:
        run_inside(sut.router.lab.router, ["iptables-nft-restore"], stdin=firewall.CLOUDSTACK)

    with _meanwhile(reload):
        yield


@contextlib.contextmanager
def _connections_forgotten(sut: RouterUnderTest) -> Iterator[None]:
    with _meanwhile(lambda: run_inside(sut.router.lab.router, ["conntrack", "-F"])):
        yield


@contextlib.contextmanager
def _meanwhile(interfere: Callable[[], object]) -> Iterator[None]:
    """Interfere a few times while the context runs."""
    errors: list[Exception] = []

    def insist() -> None:
        try:
            for _ in range(TIMES):
                interfere()
                time.sleep(PAUSE)
        except Exception as error:  # raised by the thread that waits
            errors.append(error)

    thread = threading.Thread(target=insist)
    thread.start()
    try:
        yield
    finally:
        thread.join()
    if errors:
        raise errors[0]


# ---------------------------------------------------------------- time


def _clock_jumps(by: float) -> Callable[[RouterUnderTest], AbstractContextManager[None]]:
    @contextlib.contextmanager
    def jumped(sut: RouterUnderTest) -> Iterator[None]:
        file = sut.router.settings.with_name(CLOCK_FILE)
        file.with_suffix(".new").write_text(str(by), encoding="utf-8")
        file.with_suffix(".new").replace(file)
        try:
            yield
        finally:
            file.unlink()

    return jumped


DISRUPTIONS: Mapping[str, Disruption] = MappingProxyType(
    {
        disruption.name: disruption
        for disruption in (
            Disruption("engine-killed", _engine_killed, message="engine back"),
            Disruption("engine-hung", _engine_hung, message="engine did not answer", lasts=15.0, lasts_longest=60.0),
            Disruption(
                "disk-full",
                _disk_full,
                message="full|[Nn]o space|MiB free",
                stops_writing=True,
                spares=frozenset(SERVICES),
            ),
            Disruption(
                "disk-read-only",
                _disk_read_only,
                message="read.?only|not permitted|I/O|engine did not answer",  # it may wait for its disk
                stops_writing=True,
            ),
            Disruption(
                "nft-refused",
                _rules_refused,
                message="cannot .*nft.* not permitted",
                spares=frozenset(takeovers()),  # no rule changes when a daemon that carries the data is replaced
            ),
            Disruption("ruleset-flushed", _flushed, message="restored .*what=table", loss=MOMENT),
            Disruption("iptables-restored", _rules_replaced, message="restored .*admission", loss=MOMENT),
            Disruption("conntrack-flushed", _connections_forgotten),
            Disruption("clock-a-day-ahead", _clock_jumps(DAY), lasts=0.3),
            Disruption("clock-a-day-behind", _clock_jumps(-DAY), lasts=0.3),
        )
    }
)
