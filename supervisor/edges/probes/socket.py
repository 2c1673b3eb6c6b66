"""Control socket probe: a line to a unix socket in a runtime folder, a pattern in what comes back."""

from __future__ import annotations

from supervisor.edges.probes.answer import TEXT_LIMIT, Answer, excerpt, no_answer, whole_text
from supervisor.edges.probes.arguments import Arguments
from supervisor.edges.probes.bounded import unix_connection
from supervisor.edges.probes.handler import Handler, Means
from supervisor.values.manifest import ProbeKind, Use
from supervisor.values.state import ProbeTarget, ResolvedProbe

ANSWER_LIMIT = 256 * 1024


def ask(probe: ResolvedProbe, target: ProbeTarget, _: Means) -> Answer:
    """Good as soon as the pattern is seen; a daemon that keeps its connection open need not be waited for."""
    arguments = Arguments(probe, Use.ASK)
    place, line, pattern = arguments.socket_place(target), arguments.text("send"), arguments.pattern()
    question = f"{line or 'greeting'!r} at {place}"
    expected = f"expected {pattern.pattern!r}" if pattern else "expected an answer"
    received = b""
    try:
        with unix_connection(place, probe.timeout) as connection:
            if line:
                connection.sendall(line.encode() + b"\n")
            while len(received) < ANSWER_LIMIT:
                chunk = connection.recv(65536)
                received += chunk
                text = received.decode("utf-8", "replace")
                if received and (pattern is None or pattern.search(text)):
                    return Answer(True, question, "answered" + (f" with {pattern.pattern!r}" if pattern else ""))
                if not chunk:
                    break
    except OSError as error:
        came = f" after {excerpt(received.decode('utf-8', 'replace'))}" if received else ""
        return no_answer(question, error, probe.timeout, f"{came}, {expected}")
    outcome = f"answered {excerpt(text)}" if received else "closed without an answer"
    return Answer(False, question, f"{outcome}, {expected}")


def read(source: ResolvedProbe, target: ProbeTarget, _: Means) -> str:
    """Return all that comes until the daemon closes."""
    arguments = Arguments(source, Use.READ)
    place, line = arguments.socket_place(target), arguments.text("send")
    received = bytearray()
    with unix_connection(place, source.timeout) as connection:
        if line:
            connection.sendall(line.encode() + b"\n")
        while len(received) < TEXT_LIMIT and (chunk := connection.recv(65536)):
            received += chunk
    return whole_text(bytes(received), target)


HANDLER = Handler(ProbeKind.SOCKET, ask=ask, read=read)
