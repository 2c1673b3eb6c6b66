"""Carries out any resolved probe: finds the module of its kind, measures the time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from supervisor.edges.probes import (
    command,
    control,
    dhcp,
    http,
    leases,
    resolver,
    tally,
    tcp,
    tls,
    tunnels,
    vici,
)
from supervisor.edges.probes.answer import Answer
from supervisor.edges.probes.lines import send as send_lines
from supervisor.edges.probes.session import PromptSession
from supervisor.values.errors import ProbeError
from supervisor.values.manifest import ErrorCounter, ProbeKind
from supervisor.values.state import ProbeResult, ProbeTarget, Reading, ResolvedProbe
from supervisor.values.undertaking import Sighting

Ask = Callable[[ResolvedProbe, ProbeTarget], Answer]


def _uncounted(container: str, port: int, servers: Sequence[str]) -> str:
    raise ProbeError(f"cannot read counters of {container}: nobody counts answers from port {port}")


class ProtocolProber:
    """Satisfies `ports.probes.Prober`, in the caller's thread and network namespace.

    `execute` runs a command inside a container (name, command, timeout) and bounds it; `answers` returns what clients
    of a container's port were answered, and what other servers answered us.
    """

    def __init__(self, execute: tally.Execute, answers: tally.Answers = _uncounted) -> None:
        self._execute, self._answers = execute, answers
        self._asks: dict[str, Ask] = {
            ProbeKind.DNS: resolver.ask,
            ProbeKind.DHCP: dhcp.ask,
            ProbeKind.HTTP: http.ask,
            ProbeKind.TCP: tcp.ask,
            ProbeKind.TLS: tls.ask,
            ProbeKind.SOCKET: control.ask,
            ProbeKind.VICI: vici.ask,
            ProbeKind.EXEC: lambda probe, target: command.ask(probe, target, execute),
        }

    def ask(self, probe: ResolvedProbe, target: ProbeTarget) -> ProbeResult:
        ask = self._asks.get(probe.kind)
        if ask is None:
            raise ProbeError(f"cannot ask {probe.kind!r} probe: known kinds are {', '.join(sorted(self._asks))}")
        if probe.timeout <= 0:
            raise ProbeError(f"cannot ask {probe.kind} probe: its timeout is {probe.timeout:g} s")
        began = time.monotonic()
        answer = ask(probe, target)
        return ProbeResult(answer.is_good, answer.message, time.monotonic() - began, answer.is_telling)

    def look(self, probe: ResolvedProbe, target: ProbeTarget) -> Sighting:
        if probe.kind == ProbeKind.VICI:
            return tunnels.look(probe, target)
        result = self.ask(probe, target)
        return Sighting(result.is_good, result.message)

    def call(self, call: ResolvedProbe, target: ProbeTarget, missing: Sequence[str], ended: Sequence[str]) -> None:
        if call.kind == ProbeKind.VICI:
            tunnels.call(call, target, missing, ended)
        elif not (result := self.ask(call, target)).is_good:
            raise ProbeError(f"cannot call: {result.message}")

    def tally(self, source: ResolvedProbe, counter: ErrorCounter, target: ProbeTarget) -> Reading:
        text = tally.read(source, target, self._execute, self._answers)
        servers = tally.count(text, counter.servers) if counter.servers else ()
        return Reading(tally.count(text, counter.parts), servers)

    def read(self, source: ResolvedProbe, target: ProbeTarget) -> str:
        return tally.read(source, target, self._execute, self._answers)

    def session(self, source: ResolvedProbe, opening: Sequence[str], prompt: str, target: ProbeTarget) -> PromptSession:
        return PromptSession(source, opening, prompt, target)

    def send(self, source: ResolvedProbe, lines: Sequence[str], target: ProbeTarget) -> tuple[str, ...]:
        return send_lines(source, lines, target)

    def replay(self, source: ResolvedProbe, granted: bytes, known: bytes, target: ProbeTarget) -> int:
        if source.kind != ProbeKind.LEASES:
            raise ProbeError(f"cannot replay {source.kind!r}: only {ProbeKind.LEASES} are known")
        return leases.replay(source, granted, known, target)
