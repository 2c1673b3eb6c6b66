"""Carries out any resolved probe: finds the module of its kind, measures the time, satisfies `ports.Prober`."""

from __future__ import annotations

import time
from collections.abc import Callable

from supervisor.edges.probes import command, control, dhcp, http, leases, resolver, tally, tcp, vici
from supervisor.edges.probes.answer import Answer
from supervisor.values.errors import ProbeError
from supervisor.values.manifest import ProbeKind
from supervisor.values.state import ProbeResult, ProbeTarget, ResolvedProbe, Tally

Ask = Callable[[ResolvedProbe, ProbeTarget], Answer]


def _uncounted(container: str, port: int) -> str:
    raise ProbeError(f"cannot read counters of {container}: nobody counts answers from port {port}")


class ProtocolProber:
    """Asks in the caller's thread and network namespace; never takes longer than the probe's `timeout`.

    `execute` runs a command inside a container (name, command, timeout) and bounds it; `answers` tells how often each
    DNS response code left a container's port.
    """

    def __init__(self, execute: tally.Execute, answers: tally.Answers = _uncounted) -> None:
        self._execute, self._answers = execute, answers
        self._asks: dict[str, Ask] = {
            ProbeKind.DNS: resolver.ask,
            ProbeKind.DHCP: dhcp.ask,
            ProbeKind.HTTP: http.ask,
            ProbeKind.TCP: tcp.ask,
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

    def tally(self, source: ResolvedProbe, failed: str, total: str, target: ProbeTarget) -> tuple[Tally, ...]:
        return tally.count(tally.read(source, target, self._execute, self._answers), failed, total)

    def replay(self, source: ResolvedProbe, granted: bytes, known: bytes, target: ProbeTarget) -> int:
        if source.kind != ProbeKind.LEASES:
            raise ProbeError(f"cannot replay {source.kind!r}: only {ProbeKind.LEASES} are known")
        return leases.replay(source, granted, known, target)
