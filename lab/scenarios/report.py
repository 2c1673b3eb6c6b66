"""The result of a hand-over under load: what each client saw, what it may have lost, and how long it took."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lab.clients import Outcome
from lab.service import Check, Load

_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}


@dataclass(frozen=True, slots=True)
class Seen:
    """One client and what it saw."""

    load: Load
    outcome: Outcome

    @property
    def lost(self) -> int:
        return self.outcome.sent - self.outcome.completed

    @property
    def longest_gap(self) -> float | None:
        """The longest silence; for clients that do not measure it, the longest wait for an answer."""
        if self.outcome.longest_gap is not None:
            return self.outcome.longest_gap
        facts = dict(self.outcome.facts)
        if "max_delay_ms" in facts:
            return float(facts["max_delay_ms"]) / 1000
        return _seconds(facts.get("max_latency"))

    @property
    def fault(self) -> str | None:
        """The way in which the client lost more than it may; None if it did not."""
        outcome, loss = self.outcome, self.load.loss
        if outcome.sent == 0 or outcome.completed == 0:
            return f"{self.load.label}: nothing was answered: {outcome}"
        if loss.requests is not None and self.lost > loss.requests:
            return f"{self.load.label}: {self.lost} of {outcome.sent} lost, {loss.requests} may be: {outcome}"
        if loss.gap is not None and (self.longest_gap or 0.0) > loss.gap:
            return f"{self.load.label}: silent for {self.longest_gap:.2f} s, {loss.gap:g} s may be: {outcome}"
        return None


@dataclass(frozen=True, slots=True)
class Report:
    """One hand-over (or another action) under load."""

    service: str
    action: str  # swap, rollback, or what was done to the router
    from_version: str
    to_version: str
    seen: tuple[Seen, ...]
    checks: tuple[Check, ...] = ()
    seconds_to_traffic: float | None = None  # in the supervisor: from the request to the cut
    seconds_from_command: float | None = None  # from the start of the command line program to the cut
    seconds_total: float = 0.0  # until the former generation was gone

    @property
    def requests(self) -> int:
        return sum(seen.outcome.sent for seen in self.seen)

    @property
    def lost(self) -> int:
        return sum(seen.lost for seen in self.seen)

    @property
    def longest_gap(self) -> float | None:
        return max((gap for seen in self.seen if (gap := seen.longest_gap) is not None), default=None)

    @property
    def faults(self) -> tuple[str, ...]:
        broken = [fault for seen in self.seen if (fault := seen.fault)]
        return (*broken, *(f"{check.name}: {check.observed}" for check in self.checks if not check.is_good))

    @property
    def is_good(self) -> bool:
        return not self.faults


def _seconds(latency: int | float | str | None) -> float | None:
    """Read a latency: `wrk` prints 1.50s, 12.30ms or 870.00us; `dnsperf` a number of seconds."""
    if isinstance(latency, int | float):
        return float(latency)
    match = re.fullmatch(r"([\d.]+)(us|ms|s|m)", latency or "")
    return float(match[1]) * _UNITS[match[2]] if match else None
