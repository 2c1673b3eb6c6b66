"""Lines sent to a daemon's control socket, with a connection for each, as probes do."""

from __future__ import annotations

from collections.abc import Sequence

from supervisor.edges.probes.answer import silence
from supervisor.edges.probes.arguments import Arguments
from supervisor.edges.probes.bounded import unix_connection
from supervisor.values.errors import ProbeError
from supervisor.values.manifest import ProbeKind, Use
from supervisor.values.state import ProbeTarget, ResolvedProbe

ANSWER_LIMIT = 64 * 1024


def send(source: ResolvedProbe, lines: Sequence[str], target: ProbeTarget) -> tuple[str, ...]:
    """Return the answers that are not empty. Raises ProbeError: at the first line that could not be sent."""
    if source.kind != ProbeKind.SOCKET:
        raise ProbeError(f"cannot send lines to {target.container}: {source.kind} is no socket")
    place = Arguments(source, Use.LINES).socket_place(target)
    answers = []
    for line in lines:
        try:
            with unix_connection(place, source.timeout) as connection:
                connection.sendall(line.encode() + b"\n")
                received = bytearray()
                while len(received) < ANSWER_LIMIT and (chunk := connection.recv(65536)):
                    received += chunk
        except OSError as error:
            raise ProbeError(f"cannot send {line!r} to {target.container}: {silence(error, source.timeout)}") from error
        if text := received.decode("utf-8", "replace").strip():
            answers.append(text)
    return tuple(answers)
