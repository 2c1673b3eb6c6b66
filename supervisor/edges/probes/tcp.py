"""TCP probe: a connection can be opened."""

from __future__ import annotations

import socket

from supervisor.edges.probes.answer import Answer, no_answer
from supervisor.edges.probes.arguments import Arguments
from supervisor.edges.probes.bounded import inet_socket
from supervisor.edges.probes.handler import Handler, Means
from supervisor.values.manifest import ProbeKind, Use
from supervisor.values.state import ProbeTarget, ResolvedProbe


def ask(probe: ResolvedProbe, target: ProbeTarget, _: Means) -> Answer:
    arguments = Arguments(probe, Use.ASK)
    address, port = arguments.address(target), arguments.port()
    question = f"TCP at {address}:{port}"
    with inet_socket(address, socket.SOCK_STREAM, probe.timeout) as connection:
        try:
            connection.connect((str(address), port))
        except OSError as error:
            return no_answer(question, error, probe.timeout)
    return Answer(True, question, "connected")


HANDLER = Handler(ProbeKind.TCP, ask=ask)
