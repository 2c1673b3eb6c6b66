"""Counters of a DNS server's answers, as the kernel counts them on their way out."""

from __future__ import annotations

from supervisor.edges.probes.arguments import Arguments
from supervisor.edges.probes.handler import Handler, Means
from supervisor.values.manifest import ProbeKind, Use
from supervisor.values.state import ProbeTarget, ResolvedProbe


def read(source: ResolvedProbe, target: ProbeTarget, means: Means) -> str:
    """Return a line of counts for each client and server. Raises NetworkError: the kernel cannot be asked."""
    arguments = Arguments(source, Use.READ)
    return means.answers(target.container, arguments.port(), arguments.text("servers").split())


HANDLER = Handler(ProbeKind.ANSWERS, read=read)
