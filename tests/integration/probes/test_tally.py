"""A daemon's own counters, read from real ones: a load balancer with good and bad servers, and from what misbehaves."""

from __future__ import annotations

import shutil
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import HTTPError

import pytest

from supervisor.edges.catalog import load_definition
from supervisor.edges.probes import ProtocolProber
from supervisor.values.errors import EngineError, ProbeError
from supervisor.values.state import ExecResult, ProbeTarget, ResolvedProbe, Tally
from tests.integration.probes.probe_servers import Run, Serve

ROOT = Path(__file__).parents[3]
SOURCE = ResolvedProbe("socket", (("runtime", "run"), ("path", "admin.sock"), ("send", "show stat -1 3 -1")), 1.0)
NUMBERS = (r"(?m)^bad (\d+)", r"(?m)^all (\d+)")


class Web(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(500 if "bad" in self.path else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def target(tmp_path: Path) -> ProbeTarget:
    return ProbeTarget("vrs-test-1", None, (("run", str(tmp_path)),))


def prober(result: ExecResult | EngineError | None = None) -> ProtocolProber:
    def execute(*_: object) -> ExecResult:
        if isinstance(result, ExecResult):
            return result
        raise result or EngineError("cannot run it: it is gone")

    return ProtocolProber(execute)


@contextmanager
def web() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Web)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def get(port: int, path: str) -> None:
    with suppress(HTTPError, OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=5) as answer:
        answer.read()


CONFIGURATION = """
global
    stats socket {folder}/admin.sock mode 600 level admin
defaults
    timeout connect 500ms
    timeout client 5s
    timeout server 5s
listen web
    mode http
    bind 127.0.0.1:{ports[0]}
    http-request return status 500 if {{ path /refused }}
    server one 127.0.0.1:{good}
listen nobody
    mode http
    bind 127.0.0.1:{ports[1]}
    retries 0
    server one 127.0.0.1:{closed}
listen plain
    mode tcp
    bind 127.0.0.1:{ports[2]}
    server one 127.0.0.1:{good}
listen plain-nobody
    mode tcp
    bind 127.0.0.1:{ports[3]}
    retries 0
    server one 127.0.0.1:{closed}
listen statistics
    mode http
    bind 127.0.0.1:{ports[4]}
    stats enable
    stats uri /
"""


def test_a_load_balancer_tells_what_failed_on_each_listener(tmp_path: Path, target: ProbeTarget, run: Run) -> None:
    if not shutil.which("haproxy"):
        pytest.skip("haproxy is not installed")
    (counter,) = load_definition(ROOT / "services/haproxy").manifest.errors
    ports = [free_port() for _ in range(5)]
    with web() as good:
        text = CONFIGURATION.format(folder=tmp_path, ports=ports, good=good, closed=free_port())
        (tmp_path / "haproxy.cfg").write_text(text)
        run("haproxy", "-db", "-f", str(tmp_path / "haproxy.cfg"))
        deadline = time.monotonic() + 10
        while not (tmp_path / "admin.sock").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        for port, path, times in (
            (0, "", 5),
            (0, "bad", 3),
            (0, "refused", 2),
            (1, "", 2),
            (2, "", 4),
            (3, "", 6),
            (4, "", 1),
        ):
            for _ in range(times):
                get(ports[port], path)
        found = prober().tally(SOURCE, counter.failed, counter.total, target)
    assert found == (
        Tally("nobody", 2, 2),
        Tally("plain", 0, 4),
        Tally("plain-nobody", 6, 6),
        Tally("statistics", 0, 1),
        Tally("web", 5, 10),
    )


def test_counters_over_http(target: ProbeTarget) -> None:
    with web() as port:
        source = ResolvedProbe("http", (("address", "127.0.0.1"), ("port", str(port)), ("path", "/")), 1.0)
        assert prober().tally(source, *NUMBERS, target) == ()
        bad = ResolvedProbe("http", (("address", "127.0.0.1"), ("port", str(port)), ("path", "/bad")), 1.0)
        with pytest.raises(ProbeError, match="answered 500"):
            prober().tally(bad, *NUMBERS, target)


COMMAND = ResolvedProbe("exec", (("command", "tell all"),), 1.0)


def test_counters_of_a_command(target: ProbeTarget) -> None:
    result = ExecResult(0, b"bad 3\nall 10\nbad 4\nall 20\n", b"")
    assert prober(result).tally(COMMAND, *NUMBERS, target) == (Tally("", 7, 30),)


@pytest.mark.parametrize(
    ("result", "cause"),
    [
        (ExecResult(1, b"", b"no such thing"), "no such thing"),
        (ExecResult(0, b"all 1\n" * 20_000, b""), "more than 64 KiB"),
        (EngineError("cannot run it: it is gone"), "it is gone"),
    ],
)
def test_a_command_that_tells_nothing_is_no_reading(
    result: ExecResult | EngineError, cause: str, target: ProbeTarget
) -> None:
    with pytest.raises(ProbeError, match=cause):
        prober(result).tally(COMMAND, *NUMBERS, target)


@pytest.mark.parametrize(
    ("failed", "cause"), [(r"bad (\w+)", "not a number"), (r"((", "not a regular expression")], ids=["word", "broken"]
)
def test_what_is_no_number_is_no_reading(failed: str, cause: str, target: ProbeTarget) -> None:
    with pytest.raises(ProbeError, match=cause):
        prober(ExecResult(0, b"bad luck\nall 10\n", b"")).tally(COMMAND, failed, NUMBERS[1], target)


@pytest.mark.parametrize(
    ("behave", "cause"),
    [
        (lambda connection, ended: ended.wait(5), "no answer within"),
        (lambda connection, ended: [connection.send(b"x" * 65536) for _ in range(40)], "more than 1024 KiB|closed"),
    ],
    ids=["silent", "endless"],
)
def test_a_socket_that_does_not_end_is_no_reading(
    behave: Callable[[socket.socket, threading.Event], object], cause: str, serve: Serve, target: ProbeTarget
) -> None:
    def carefully(connection: socket.socket, ended: threading.Event) -> None:
        with suppress(OSError):
            behave(connection, ended)

    serve(carefully, "admin.sock")
    began = time.monotonic()
    with pytest.raises(ProbeError, match=cause):
        prober().tally(SOURCE, *NUMBERS, target)
    assert time.monotonic() - began < 3


def test_a_socket_that_is_not_there_is_no_reading(target: ProbeTarget) -> None:
    with pytest.raises(ProbeError, match="does not exist"):
        prober().tally(SOURCE, *NUMBERS, target)
