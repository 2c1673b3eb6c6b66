"""Carries out any resolved probe: finds the module of its kind, measures the time."""

from __future__ import annotations

import time
from collections.abc import Sequence

from supervisor.edges.probes import tally
from supervisor.edges.probes.answer import silence
from supervisor.edges.probes.handler import Answers, Execute, Means
from supervisor.edges.probes.registry import HANDLERS
from supervisor.edges.probes.socket_lines import send as send_lines
from supervisor.edges.probes.socket_session import PromptSession
from supervisor.values.errors import ProbeError
from supervisor.values.manifest import ErrorCounter
from supervisor.values.state import ProbeResult, ProbeTarget, ResolvedProbe
from supervisor.values.tally import Reading
from supervisor.values.undertaking import Sighting


def _uncounted(container: str, port: int, servers: Sequence[str]) -> str:
    raise ProbeError(f"cannot read counters of {container}: nobody counts answers from port {port}")


class ProtocolProber:
    """Satisfies `ports.probes.Prober`, in the caller's thread and network namespace.

    `execute` runs a command inside a container (name, command, timeout) and bounds it; `answers` returns what clients
    of a container's port were answered, and what other servers answered us.
    """

    def __init__(self, execute: Execute, answers: Answers = _uncounted) -> None:
        self._means = Means(execute, answers)

    def ask(self, probe: ResolvedProbe, target: ProbeTarget) -> ProbeResult:
        handler = HANDLERS.get(probe.kind)
        if handler is None or handler.ask is None:
            known = ", ".join(sorted(kind for kind, handler in HANDLERS.items() if handler.ask))
            raise ProbeError(f"cannot ask {probe.kind!r} probe: known kinds are {known}")
        if probe.timeout <= 0:
            raise ProbeError(f"cannot ask {probe.kind} probe: its timeout is {probe.timeout:g} s")
        began = time.monotonic()
        answer = handler.ask(probe, target, self._means)
        return ProbeResult(
            answer.is_good, answer.message, time.monotonic() - began, answer.is_telling, answer.is_silent
        )

    def look(self, probe: ResolvedProbe, target: ProbeTarget) -> Sighting:
        if (handler := HANDLERS.get(probe.kind)) and handler.look:
            return handler.look(probe, target)
        result = self.ask(probe, target)
        return Sighting(result.is_good, result.message)

    def call(self, call: ResolvedProbe, target: ProbeTarget, missing: Sequence[str], ended: Sequence[str]) -> None:
        if (handler := HANDLERS.get(call.kind)) and handler.call:
            handler.call(call, target, missing, ended)
        elif not (result := self.ask(call, target)).is_good:
            raise ProbeError(f"cannot call: {result.message}")

    def tally(self, source: ResolvedProbe, counter: ErrorCounter, target: ProbeTarget) -> Reading:
        text = self.read(source, target)
        servers = tally.count(text, counter.servers) if counter.servers else ()
        return Reading(tally.count(text, counter.parts), servers)

    def read(self, source: ResolvedProbe, target: ProbeTarget) -> str:
        handler = HANDLERS.get(source.kind)
        if handler is None or handler.read is None:
            raise ProbeError(f"cannot read counters: {source.kind} has none")
        try:
            return handler.read(source, target, self._means)
        except OSError as error:
            reason = silence(error, source.timeout)
            raise ProbeError(f"cannot read counters of {target.container}: {reason}") from error

    def session(self, source: ResolvedProbe, opening: Sequence[str], prompt: str, target: ProbeTarget) -> PromptSession:
        return PromptSession(source, opening, prompt, target)

    def send(self, source: ResolvedProbe, lines: Sequence[str], target: ProbeTarget) -> tuple[str, ...]:
        return send_lines(source, lines, target)

    def replay(self, source: ResolvedProbe, granted: bytes, known: bytes, target: ProbeTarget) -> int:
        handler = HANDLERS.get(source.kind)
        if handler is None or handler.replay is None:
            replayed = ", ".join(sorted(kind for kind, handler in HANDLERS.items() if handler.replay))
            raise ProbeError(f"cannot replay {source.kind!r}: only {replayed} are known")
        return handler.replay(source, granted, known, target)
