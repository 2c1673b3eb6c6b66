"""A connection to a control socket that stays open: a daemon that finishes often answers only those it has."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from supervisor.edges.probes.answer import silence
from supervisor.edges.probes.arguments import Arguments
from supervisor.edges.probes.bounded import unix_connection
from supervisor.values.errors import ProbeError
from supervisor.values.manifest import ProbeKind, Use
from supervisor.values.state import ProbeTarget, ResolvedProbe

ANSWER_LIMIT = 1 << 20


class PromptSession:
    """Satisfies `ports.probes.Session`: each answer ends with a prompt."""

    def __init__(self, source: ResolvedProbe, opening: Sequence[str], prompt: str, target: ProbeTarget) -> None:
        if source.kind != ProbeKind.SOCKET:
            raise ProbeError(f"cannot open a session with {target.container}: {source.kind} is no socket")
        arguments = Arguments(source, Use.LINES)
        self._line, self._prompt = arguments.required("send"), prompt.encode()
        self._container, self._timeout = target.container, source.timeout
        self._opened = ExitStack()
        try:
            place = arguments.socket_place(target)
            self._connection = self._opened.enter_context(unix_connection(place, source.timeout))
            for line in opening:
                self._ask(line)
        except (OSError, ProbeError) as error:
            self.close()
            why = silence(error, source.timeout) if isinstance(error, OSError) else error
            raise ProbeError(f"cannot open a session with {target.container}: {why}") from error

    def read(self) -> str:
        try:
            return self._ask(self._line)
        except OSError as error:
            raise ProbeError(f"cannot read {self._container}: {silence(error, self._timeout)}") from error

    def close(self) -> None:
        self._opened.close()

    def _ask(self, line: str) -> str:
        self._connection.extend(self._timeout)
        self._connection.sendall(line.encode() + b"\n")
        received = bytearray()
        while not received.endswith(self._prompt):
            chunk = self._connection.recv(65536)
            received += chunk
            if not chunk or len(received) > ANSWER_LIMIT:
                raise ProbeError(f"cannot read {self._container}: its answer to {line!r} has no end")
        return received.removesuffix(self._prompt).decode("utf-8", "replace")
