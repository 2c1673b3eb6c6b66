"""TCP and HTTP probes against Python's own server and against servers that misbehave."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.kit.live.probe_servers import Ask, Serve, close, drip, hang, say

pytestmark = pytest.mark.integration


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        status = 404 if self.path == "/missing" else 302 if self.path == "/moved" else 200
        body = f"{self.path} for {self.headers.get('Host')} {self.headers.get('X-Mark', '-')}".encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Location", "/elsewhere")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def web() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join(5)


@pytest.fixture
def closed_port() -> Iterator[int]:
    with socket.socket() as reserved:  # bound, not listening: nobody else can take it meanwhile
        reserved.bind(("127.0.0.1", 0))
        yield reserved.getsockname()[1]


@pytest.mark.parametrize(
    ("arguments", "is_good", "outcome"),
    [
        pytest.param({}, True, "answered 200", id="root"),
        pytest.param({"path": "/a", "expect": "^/a for"}, True, "answered 200 with '^/a for'", id="body"),
        pytest.param({"path": "/missing"}, False, "answered 404 Not Found, expected 200", id="status"),
        pytest.param({"path": "/missing", "status": "404"}, True, "answered 404", id="a wanted 404"),
        pytest.param({"path": "/moved", "status": "302"}, True, "answered 302", id="redirects are not followed"),
        pytest.param({"method": "head"}, True, "answered 200", id="method"),
        pytest.param(
            {"header_Host": "a.example", "header_X-Mark": "m 1", "expect": r"for a\.example m 1$"},
            True,
            r"answered 200 with 'for a\\.example m 1$'",
            id="headers",
        ),
        pytest.param({"expect": "ami-id"}, False, ", expected 'ami-id' in it", id="other body"),
        pytest.param({"method": "BREW"}, False, "answered 501 Unsupported method ('BREW'), expected 200", id="refused"),
    ],
)
def test_a_web_server(ask: Ask, web: int, arguments: dict[str, str], is_good: bool, outcome: str) -> None:
    result = ask("http", port=web, **arguments)
    assert result.is_good is is_good
    assert result.message.endswith(outcome)
    assert f" at 127.0.0.1:{web}: " in result.message
    assert result.seconds < 0.9


def test_a_port_that_listens(ask: Ask, web: int) -> None:
    result = ask("tcp", port=web)
    assert (result.is_good, result.message) == (True, f"TCP at 127.0.0.1:{web}: connected")


@pytest.mark.parametrize("kind", ["tcp", "http"])
def test_a_port_that_does_not_listen_is_known_at_once(ask: Ask, closed_port: int, kind: str) -> None:
    result = ask(kind, port=closed_port)
    assert not result.is_good
    assert result.message.endswith("connection refused, nothing listens there")
    assert not result.is_silent
    assert result.seconds < 0.5


SILENCE = ("no answer within 0.4 s", "connection closed before an answer came")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.mark.parametrize(
    ("behave", "outcome"),
    [
        pytest.param(hang, "no answer within 0.4 s", id="hangs"),
        pytest.param(drip(OK), "no answer within 0.4 s", id="drips its headers"),
        pytest.param(close, "connection closed before an answer came", id="closes"),
        pytest.param(say(b"SSH-2.0-x\r\n"), "not an HTTP answer (BadStatusLine)", id="speaks something else"),
        pytest.param(say(b"HTTP/1.1 200 OK\r\nA:" + b"a" * 99999), "not an HTTP answer (LineTooLong)", id="too long"),
        pytest.param(
            say(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"),
            "closed 7 bytes before the end of its answer",
            id="cut short",
        ),
        pytest.param(
            say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
            "not an HTTP answer (IncompleteRead)",
            id="chunks that are none",
        ),
    ],
)
def test_a_web_server_that_misbehaves(ask: Ask, serve: Serve, behave: object, outcome: str) -> None:
    result = ask("http", timeout=0.4, port=serve(behave).port, expect="ok")
    assert not result.is_good
    assert result.message.endswith(outcome)
    assert result.is_silent is (outcome in SILENCE)
    assert result.seconds < 1.5


def test_a_slow_web_server_has_the_whole_timeout(ask: Ask, serve: Serve) -> None:
    assert ask("http", timeout=5.0, port=serve(drip(OK, pause=0.01)).port, expect="ok").is_good


def test_an_endless_body_is_cut(ask: Ask, serve: Serve) -> None:
    def flood(connection: socket.socket, ended: threading.Event) -> None:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while not ended.is_set():
            connection.sendall(b"x" * 65536)

    result = ask("http", port=serve(flood).port, expect="y")
    assert not result.is_good
    assert "expected 'y' in it" in result.message
    assert len(result.message) < 300
