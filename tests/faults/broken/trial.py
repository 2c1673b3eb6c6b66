"""One broken candidate: imported, swapped to under load, and every promise about its end checked."""

from __future__ import annotations

import math
import os
import re
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from lab.broken.kind import Fails, Kind
from lab.clients import Running
from lab.router import PROGRAM
from lab.scenarios import Load, Seen
from lab.services import SERVICES
from supervisor.values.handover import Outcome, Step
from supervisor.values.status import HandoverRecord, ServiceState
from tests.faults.broken.releases import BrokenRelease
from tests.faults.broken.traffic_monitor import TrafficMonitor, monitored
from tests.faults.campaign import at_work
from tests.faults.router_under_test import RouterUnderTest
from tests.kit.live.invariants import pids, violations

REVERTED_SECONDS = 1.0  # from being noticed until traffic is back
COUNTED_SECONDS = 4.0
# A client's last request before the fault and its next after it, and a connection that was being made.
MARGIN_SECONDS = 0.5
TIMEOUT_SECONDS = 2.0  # of the clients: a request that met a hanging candidate is waited for that long

_NOTICED = re.compile(r"^(\S+)Z \w+ (?:instance down|health changed|step failed) .*service=(\S+) .*")


@dataclass(frozen=True, slots=True)
class Verdict:
    """The end of one candidate that failed as it should."""

    service: str
    kind: str
    outcome: str
    seconds: float  # the hand-over, from the request to its end
    reverted_within: float | None  # seconds from being noticed until traffic was back
    served_badly: float | None  # seconds from the fault until traffic was back
    sent: int
    lost: int
    reason: str

    def __str__(self) -> str:
        times = [f"{self.seconds:.1f} s"]
        times += [f"back {self.reverted_within:.2f} s after it was noticed"] if self.reverted_within is not None else []
        times += [f"{self.served_badly:.2f} s after it happened"] if self.served_badly is not None else []
        text = f"{self.service} {self.kind}: {self.outcome}, {', '.join(times)}, {self.lost} of {self.sent} lost"
        return f"{text}: {self.reason[:160]!r}"


class Trial:
    """A swap to one broken candidate."""

    def __init__(self, sut: RouterUnderTest, name: str, kind: Kind, broken: BrokenRelease) -> None:
        self.sut, self.name, self.kind, self.broken = sut, name, kind, broken
        self.service = SERVICES[name]
        self.is_overlap = not self.service.is_takeover  # else the former is gone before the candidate can be tried
        self.fault_at: float | None = None  # since the epoch

    def hold(self) -> Verdict:
        """Swap to the candidate under load.

        Raises AssertionError: when a promise is broken.
        """
        sut, name = self.sut, self.name
        sut.router.vrctl("bundle", "import", str(self.broken.path))
        before, was_running = sut.status(name), self._containers()
        newest = max((record.id for record in sut.history(name)), default=0)
        began_at = self._log_size()
        with monitored(sut.router.lab) as watch, at_work(sut, name) as clients:
            self._swap()
            self._await_end(newest)
            if not self.is_overlap:
                sut.await_recovery(self.service)
            sut.await_rest()
            time.sleep(0.3)  # what comes late comes now
            seen = self._end(clients)
        record = sut.history(name, 1)[0]
        reverted_within = self._reverted_within(self._log_since(began_at), watch.last)
        self._judge_record(record, newest)
        self._judge_traffic(watch, record, reverted_within)
        served_badly = self._served_badly(watch, reverted_within)
        self._judge_losses(seen, served_badly)
        self._judge_rest(before.generation, before.version, was_running)
        assert record.finished is not None
        return Verdict(
            name,
            self.kind.name,
            record.outcome,
            record.finished - record.started,
            reverted_within,
            served_badly,
            sum(result.outcome.sent for result in seen),
            sum(result.lost for result in seen),
            record.reason,
        )

    # ------------------------------------------------------------ doing

    def _swap(self) -> None:
        self.sut.ask(lambda control: control.swap(self.name, self.broken.version, wait=False))
        if self.kind.is_told:
            self.sut.await_step(self.name, Step.SOAK)
            generation = self.sut.status(self.name).generation
            pid = pids(self.sut.router)[f"vrs-{self.name}-{generation}"]
            self.fault_at = time.time()
            os.kill(pid, signal.SIGUSR2)

    def _await_end(self, newest: int) -> None:
        def is_over() -> bool:
            record = self.sut.history(self.name, 1)[0]
            return record.id > newest and record.finished is not None

        self.sut.until("the hand-over ends", is_over)

    def _end(self, clients: dict[Load, Running]) -> tuple[Seen, ...]:
        return tuple(Seen(load, running.stop()) for load, running in clients.items())

    # ------------------------------------------------------------ judging

    def _judge_record(self, record: HandoverRecord, newest: int) -> None:
        assert record.id > newest, record
        assert record.to_version == self.broken.version, record
        # A takeover has traffic from its start on: what fails after that is reverted, whether it was ever right.
        is_cut = self.kind.fails is Fails.SERVING or (not self.is_overlap and record.seconds_to_cutover is not None)
        assert record.outcome == (Outcome.REVERTED if is_cut else Outcome.FAILED), record
        assert re.search(self.kind.reason, record.reason, re.DOTALL), f"the reason says {record.reason!r}"
        assert self.name in record.reason, f"whose fault was it? {record.reason!r}"

    def _judge_traffic(self, watch: TrafficMonitor, record: HandoverRecord, reverted_within: float | None) -> None:
        if not self.is_overlap:
            return
        if self.kind.fails is not Fails.SERVING:
            assert watch.changes == [], f"traffic was moved: {watch.changes}"
            assert record.seconds_to_cutover is None, record
            return
        assert watch.cut is not None, "it never had traffic: the monitor saw none move"
        assert watch.is_as_before, f"traffic does not lead where it led before: {watch.changes}"
        if reverted_within is not None:
            assert reverted_within <= REVERTED_SECONDS, f"traffic was back {reverted_within:.2f} s after it was noticed"
        else:  # its own counters gave it away: they are read every second
            assert watch.last is not None
            assert watch.last - watch.cut <= COUNTED_SECONDS, f"reverted {watch.last - watch.cut:.2f} s after the cut"

    def _judge_losses(self, seen: tuple[Seen, ...], served_badly: float | None) -> None:
        wrong = []
        for result in seen:
            if self.kind.fails is Fails.SERVING and self.is_overlap:
                assert served_badly is not None
                bound = served_badly + MARGIN_SECONDS + TIMEOUT_SECONDS
                if (result.longest_gap or 0.0) > bound or result.lost > math.ceil(_rate(result) * bound):
                    wrong.append(f"{result.load.label}: more than {bound:.2f} s: {result.outcome}")
            elif result.fault:
                wrong.append(result.fault)
        assert not wrong, wrong

    def _judge_rest(self, generation: int | None, version: str | None, was_running: dict[str, int]) -> None:
        broken = violations(self.sut.router)
        assert not broken, broken
        now = self.sut.status(self.name)
        assert (now.generation, now.version, now.desired_version) == (generation, version, version), now
        assert now.state is ServiceState.RUNNING, now
        assert now.is_ready, now
        assert self.broken.version in now.message, f"status does not say what happened: {now.message!r}"
        assert re.search(self.kind.reason, now.message, re.DOTALL), f"status does not say why: {now.message!r}"
        running = self._containers()
        if self.is_overlap or self.kind.fails is Fails.UNTOUCHED:
            assert running == was_running, f"what ran was touched: {was_running} became {running}"
        else:
            assert set(running) == set(was_running), f"{was_running} became {running}"

    def _served_badly(self, watch: TrafficMonitor, reverted_within: float | None) -> float | None:
        """Return the seconds from the fault until traffic was back.

        A candidate that is not told when to fail has failed since it was cut over.
        """
        if self.kind.fails is not Fails.SERVING or watch.last is None or watch.cut is None:
            return None
        began = watch.cut if self.fault_at is None else self.fault_at
        if self.kind.name.startswith("exits-after") and reverted_within is not None:
            began = watch.last - reverted_within
        return max(0.0, watch.last - began)

    # ------------------------------------------------------------ reading

    def _containers(self) -> dict[str, int]:
        return pids(self.sut.router)

    def _reverted_within(self, log: str, back: float | None) -> float | None:
        """Return the seconds from the first log line about the candidate's failure until the kernel led back."""
        noticed = [at for at, service, line in _lines(log) if service == self.name and _is_bad(line)]
        return max(0.0, back - noticed[0]) if noticed and back is not None else None

    def _log_size(self) -> int:
        return self.sut.router.processes.log(PROGRAM).stat().st_size

    def _log_since(self, size: int) -> str:
        with self.sut.router.processes.log(PROGRAM).open("rb") as file:
            file.seek(size)
            return file.read().decode(errors="replace")


def _lines(log: str) -> Iterator[tuple[float, str, str]]:
    for line in log.splitlines():
        noticed = _NOTICED.match(line)
        if noticed:
            yield datetime.fromisoformat(noticed[1]).replace(tzinfo=UTC).timestamp(), noticed[2], line


def _is_bad(line: str) -> bool:
    return not re.search("health changed .* is_good=True", line)


def _rate(seen: Seen) -> float:
    """Return one and a half times the client's requests a second."""
    return seen.outcome.sent / max(seen.outcome.seconds, 0.1) * 1.5
