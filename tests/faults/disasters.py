"""What befalls a router that is none of its fault: each disaster has a cause that comes, lasts and goes."""

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
from lab.session import SERVICES
from lab.tools import run, run_inside
from tests.faults.daemon import CLOCK_FILE
from tests.faults.frail import FrailRouter
from tests.faults.subject import Subject

DAY = 86_400.0
TIMES, PAUSE = 3, 0.4  # how often others interfere with one hand-over
# What meets the moment without rules is refused or lost: silence is bounded, single requests are not counted.
MOMENT = Loss(requests=None, gap=2.5)
# A password that was handed out is written down first: where nothing can be written the guest is told to ask again.
ASKING = frozenset({"a guest that asks"})


@dataclass(frozen=True, slots=True)
class Disaster:
    """`strikes` makes the cause last as long as its context does."""

    name: str
    strikes: Callable[[Subject], AbstractContextManager[None]]
    message: str = ""  # regular expression: what status, the log or a refused swap must say; empty: nothing to say
    loss: Loss | None = None  # instead of each client's own
    lasts: float = 3.0  # seconds; of a sample, and of everything
    lasts_longest: float | None = None
    suffers: frozenset[str] = frozenset()  # clients whose losses are told, and not judged
    passes: frozenset[str] = frozenset()  # services whose swap may not meet it: nothing need be said if it succeeds

    def __str__(self) -> str:
        return self.name


# ---------------------------------------------------------------- the engine


def engine_pid(subject: Subject) -> int:
    return int(json.loads((subject.router.runtime / "engine.json").read_text())["pid"])


@contextlib.contextmanager
def _engine_killed(subject: Subject) -> Iterator[None]:
    os.kill(engine_pid(subject), signal.SIGKILL)
    yield


@contextlib.contextmanager
def _engine_hung(subject: Subject) -> Iterator[None]:
    pid = engine_pid(subject)
    try:
        freeze(pid)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


# ---------------------------------------------------------------- the disk


@contextlib.contextmanager
def _disk_full(subject: Subject) -> Iterator[None]:
    """Journal, images, containers and leases are on it."""
    ballast = subject.router.state / "ballast"
    run(["sync", "--file-system", str(subject.router.state)])  # what was removed is free only after that
    try:
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
            for size in (1 << 24, 1 << 16, 1 << 9):  # whatever is left is taken by smaller and smaller pieces
                with contextlib.suppress(OSError):
                    while True:
                        file.write(bytes(size))
            os.fsync(file.fileno())
        assert os.statvfs(subject.router.state).f_bavail == 0, os.statvfs(subject.router.state)
        yield
    finally:
        ballast.unlink(missing_ok=True)


@contextlib.contextmanager
def _disk_read_only(subject: Subject) -> Iterator[None]:
    """Immutable, which also stops those who have a file open: a mount that is written to cannot be made read-only."""
    _chattr(subject, "+i")
    try:
        yield
    finally:
        _chattr(subject, "-i")


def _chattr(subject: Subject, change: str) -> None:
    """Of everything but the layers: containers' roots are read-only anyway."""
    find = ["find", str(subject.router.state), "-path", "*/overlay/*", "-prune", "-o"]
    kinds = ["(", "-type", "f", "-o", "-type", "d", ")", "-exec", "chattr", change, "{}", "+"]
    subprocess.run([*find, *kinds], check=False, capture_output=True, timeout=60)


# ---------------------------------------------------------------- the kernel's rules


@contextlib.contextmanager
def _rules_refused(subject: Subject) -> Iterator[None]:
    router = subject.router
    assert isinstance(router, FrailRouter)
    router.refusing.touch()
    try:
        yield
    finally:
        router.refusing.unlink()


@contextlib.contextmanager
def _flushed(subject: Subject) -> Iterator[None]:
    try:
        with _meanwhile(lambda: run_inside(subject.router.lab.router, ["nft", "flush", "ruleset"])):
            yield
    finally:
        network.up(subject.router.lab, "cloudstack")


@contextlib.contextmanager
def _rules_replaced(subject: Subject) -> Iterator[None]:
    """The router's own scripts load all their rules anew, and with them go those that admit what we serve."""

    def reload() -> None:
        run_inside(subject.router.lab.router, ["iptables-nft-restore"], stdin=firewall.CLOUDSTACK)

    with _meanwhile(reload):
        yield


@contextlib.contextmanager
def _connections_forgotten(subject: Subject) -> Iterator[None]:
    with _meanwhile(lambda: run_inside(subject.router.lab.router, ["conntrack", "-F"])):
        yield


@contextlib.contextmanager
def _meanwhile(interfere: Callable[[], object]) -> Iterator[None]:
    """Some of it before, some of it after whatever happens within, and some of it in the middle."""
    errors: list[Exception] = []

    def insist() -> None:
        try:
            for _ in range(TIMES):
                interfere()
                time.sleep(PAUSE)
        except Exception as error:  # told by the thread that waits
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


def _clock_jumps(by: float) -> Callable[[Subject], AbstractContextManager[None]]:
    @contextlib.contextmanager
    def jumped(subject: Subject) -> Iterator[None]:
        file = subject.router.settings.with_name(CLOCK_FILE)
        file.with_suffix(".new").write_text(str(by), encoding="utf-8")
        file.with_suffix(".new").replace(file)
        try:
            yield
        finally:
            file.unlink()

    return jumped


DISASTERS: Mapping[str, Disaster] = MappingProxyType(
    {
        one.name: one
        for one in (
            Disaster("engine-killed", _engine_killed, message="engine back"),
            Disaster("engine-hung", _engine_hung, message="engine did not answer", lasts=15.0, lasts_longest=60.0),
            Disaster(
                "disk-full",
                _disk_full,
                message="full|[Nn]o space|MiB free",
                suffers=ASKING,
                passes=frozenset(SERVICES),
            ),
            Disaster(
                "disk-read-only",
                _disk_read_only,
                message="read.?only|not permitted|I/O|engine did not answer",  # it may wait for its disk
                suffers=ASKING,
            ),
            Disaster(
                "nft-refused",
                _rules_refused,
                message="cannot .*nft.* not permitted",
                passes=frozenset({"strongswan"}),  # no rule changes when a daemon that carries the data is replaced
            ),
            Disaster("ruleset-flushed", _flushed, message="restored .*what=table", loss=MOMENT),
            Disaster("iptables-restored", _rules_replaced, message="restored .*admission", loss=MOMENT),
            Disaster("conntrack-flushed", _connections_forgotten),
            Disaster("clock-a-day-ahead", _clock_jumps(DAY), lasts=0.3),
            Disaster("clock-a-day-behind", _clock_jumps(-DAY), lasts=0.3),
        )
    }
)
