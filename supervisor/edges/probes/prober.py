"""Carries out any resolved probe: finds the module of its kind, measures the time, satisfies `ports.Prober`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from supervisor.edges.probes import command, control, dhcp, http, resolver, tcp, vici
from supervisor.edges.probes.answer import Answer
from supervisor.values.errors import ProbeError
from supervisor.values.manifest import ProbeKind
from supervisor.values.state import ExecResult, ProbeResult, ProbeTarget, ResolvedProbe

Ask = Callable[[ResolvedProbe, ProbeTarget], Answer]


class ProtocolProber:
    """Asks in the caller's thread and network namespace; never takes longer than the probe's `timeout`.

    `execute` runs a command inside a container (name, command, timeout) and bounds it.
    """

    def __init__(self, execute: Callable[[str, Sequence[str], float], ExecResult]) -> None:
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
        return ProbeResult(answer.is_good, answer.message, time.monotonic() - began)
