"""HTTP probe: a request without redirects or proxies, the status, and a pattern in the body."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, InvalidURL
from ipaddress import IPv4Address, IPv6Address
from re import Pattern

from supervisor.edges.probes.answer import TEXT_LIMIT, Answer, excerpt, no_answer, whole_text
from supervisor.edges.probes.arguments import Arguments
from supervisor.edges.probes.bounded import inet_socket
from supervisor.edges.probes.handler import Handler, Means
from supervisor.values.errors import ProbeError
from supervisor.values.manifest import ProbeKind, Use
from supervisor.values.state import ProbeTarget, ResolvedProbe

HEADER = "header_"
BODY_LIMIT = 64 * 1024


class Connection(HTTPConnection):
    """Reads through a socket that is bounded in total: the library's own time-out is per read."""

    def __init__(self, address: IPv4Address | IPv6Address, port: int, timeout: float) -> None:
        super().__init__(str(address), port)
        self._to, self._total = (address, port), timeout

    def connect(self) -> None:
        address, port = self._to
        self.sock = inet_socket(address, socket.SOCK_STREAM, self._total)
        self.sock.connect((str(address), port))


@dataclass(frozen=True, slots=True)
class _Request:
    """A request to a server, and the status that its answer has to have."""

    address: IPv4Address | IPv6Address
    port: int
    method: str
    path: str
    status: int
    headers: dict[str, str]

    @staticmethod
    def of(probe: ResolvedProbe, arguments: Arguments, target: ProbeTarget) -> _Request:
        """Return the request that the arguments of a probe describe. Raises ProbeError: they describe none."""
        return _Request(
            address=arguments.address(target),
            port=arguments.port(),
            method=arguments.text("method", "GET").upper(),
            path=arguments.text("path", "/"),
            status=arguments.number("status", 100, 599, default=200),
            headers={name.removeprefix(HEADER): text for name, text in probe.arguments if name.startswith(HEADER)},
        )

    def send(self, connection: Connection) -> None:
        """Send it. Raises ValueError: the path or a header has control characters; nothing was sent."""
        connection.request(self.method, self.path, headers={"Connection": "close"} | self.headers)


def ask(probe: ResolvedProbe, target: ProbeTarget, _: Means) -> Answer:
    arguments = Arguments(probe, Use.ASK)
    request, pattern = _Request.of(probe, arguments, target), arguments.pattern()
    question = f"HTTP {request.method} {request.path} at {request.address}:{request.port}"
    connection = Connection(request.address, request.port, probe.timeout)
    try:
        try:
            request.send(connection)
        except (InvalidURL, ValueError) as error:
            raise arguments.error(str(error)) from error
        return _judge(question, connection.getresponse(), request.status, pattern)
    except OSError as error:
        return no_answer(question, error, probe.timeout)
    except (HTTPException, ValueError) as error:
        return Answer(False, question, f"not an HTTP answer ({type(error).__name__})")
    finally:
        connection.close()


def read(source: ResolvedProbe, target: ProbeTarget, _: Means) -> str:
    request = _Request.of(source, Arguments(source, Use.READ), target)
    connection = Connection(request.address, request.port, source.timeout)
    try:
        request.send(connection)
        response = connection.getresponse()
        content = response.read(TEXT_LIMIT)
        if response.status != request.status or response.length:
            problem = f"answered {response.status} {excerpt(request.path)}"
            raise ProbeError(f"cannot read counters of {target.container}: {problem}")
        return whole_text(content, target)
    except (HTTPException, ValueError) as error:
        raise ProbeError(f"cannot read counters of {target.container}: {type(error).__name__}: {error}") from error
    finally:
        connection.close()


def _judge(question: str, response: HTTPResponse, status: int, pattern: Pattern[str] | None) -> Answer:
    if response.status != status:
        return Answer(False, question, f"answered {response.status} {response.reason}, expected {status}")
    if pattern is None:
        return Answer(True, question, f"answered {status}")
    content = response.read(BODY_LIMIT)
    if response.length and len(content) < BODY_LIMIT:  # a read with a limit raises nothing for a short body
        return Answer(False, question, f"closed {response.length} bytes before the end of its answer")
    body = content.decode("utf-8", "replace")
    if pattern.search(body):
        return Answer(True, question, f"answered {status} with {pattern.pattern!r}")
    return Answer(False, question, f"answered {status} {excerpt(body)}, expected {pattern.pattern!r} in it")


HANDLER = Handler(ProbeKind.HTTP, ask=ask, read=read)
