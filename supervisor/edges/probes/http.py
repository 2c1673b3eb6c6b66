"""HTTP probe: a request without redirects or proxies, the status, and a pattern in the body."""

from __future__ import annotations

import socket
from http.client import HTTPConnection, HTTPException, HTTPResponse, InvalidURL
from ipaddress import IPv4Address, IPv6Address
from re import Pattern

from supervisor.edges.probes.answer import Answer, excerpt, silence
from supervisor.edges.probes.arguments import Arguments
from supervisor.edges.probes.bounded import inet_socket
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


def ask(probe: ResolvedProbe, target: ProbeTarget) -> Answer:
    arguments = Arguments(probe, ("address", "port", "path", "method", "status", "expect"), prefixes=(HEADER,))
    address, port = arguments.address(target), arguments.port()
    method, path = arguments.text("method", "GET").upper(), arguments.text("path", "/")
    status, pattern = arguments.number("status", 100, 599, default=200), arguments.pattern()
    headers = {name.removeprefix(HEADER): text for name, text in probe.arguments if name.startswith(HEADER)}
    question = f"HTTP {method} {path} at {address}:{port}"

    connection = Connection(address, port, probe.timeout)
    try:
        try:
            connection.request(method, path, headers={"Connection": "close"} | headers)
        except (InvalidURL, ValueError) as error:  # control characters; nothing was sent
            raise arguments.error(str(error)) from error
        return _judge(question, connection.getresponse(), status, pattern)
    except OSError as error:
        return Answer(False, question, silence(error, probe.timeout))
    except (HTTPException, ValueError) as error:
        return Answer(False, question, f"not an HTTP answer ({type(error).__name__})")
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
