"""A daemon's own counters, read from real ones: a load balancer with good and bad servers, and from what misbehaves."""

from __future__ import annotations

import re
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from supervisor.edges.catalog import load_definition
from supervisor.edges.probes import ProtocolProber
from supervisor.values.errors import EngineError, ProbeError
from supervisor.values.manifest import ErrorCounter, Probe, ProbeKind
from supervisor.values.state import ExecResult, ProbeTarget, ResolvedProbe
from supervisor.values.tally import Reading, Tally
from tests.kit.live.probe_servers import Run, Serve, Web, wait_until

ROOT = Path(__file__).parents[3]
SOURCE = ResolvedProbe("socket", (("runtime", "run"), ("path", "admin.sock"), ("send", "show stat -1 3 -1")), 1.0)
CLIENTS = ResolvedProbe(
    "socket", (("runtime", "run"), ("path", "admin.sock"), ("send", "show table supervisor-clients")), 1.0
)


def counter(failed: str = r"(?m)^bad (\d+)") -> ErrorCounter:
    return ErrorCounter("things", Probe(ProbeKind.EXEC, ()), failed, r"(?m)^all (\d+)", share=0.1, minimum=1)


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


def get(port: int, path: str, client: str) -> None:
    connection = HTTPConnection("127.0.0.1", port, timeout=5, source_address=(client, 0))
    with suppress(HTTPException, OSError), closing(connection):
        connection.request("GET", f"/{path}", headers={"Connection": "close"})
        connection.getresponse().read()


CONFIGURATION = """
global
    stats socket {folder}/admin.sock mode 600 level admin
defaults
    timeout connect 500ms
    timeout client 5s
    timeout server 5s
backend supervisor-clients
    stick-table {table}
listen web
    mode http
    bind 127.0.0.1:{ports[0]}
    {track_web}
    {failures}
    http-request return status 500 if {{ path /refused }}
    server one 127.0.0.1:{good}
listen nobody
    mode http
    bind 127.0.0.1:{ports[1]}
    retries 0
    {track_nobody}
    {failures}
    server one 127.0.0.1:{closed}
listen plain
    mode tcp
    bind 127.0.0.1:{ports[2]}
    {track_plain}
    {answered}
    server one 127.0.0.1:{good}
listen plain-nobody
    mode tcp
    bind 127.0.0.1:{ports[3]}
    retries 0
    {track_plain_nobody}
    {answered}
    server one 127.0.0.1:{closed}
"""
PROBE = "127.0.0.9"


def shipped_lines(folder: Path, ports: list[int], good: int) -> str:
    """Return the configuration above, with the lines that count as the shipped template words them."""
    golden = (ROOT / "services/haproxy/golden/sample/haproxy.cfg").read_text()

    def line(pattern: str) -> str:
        found = re.search(pattern, golden)
        assert found, pattern
        return found[0].strip()

    def track(protocol: str, name: str) -> str:
        shipped = line(rf"tcp-request connection track-sc2 src,concat\(@{protocol}:.*")
        named = re.sub(rf"@{protocol}:[^)]*", f"@{protocol}:{name}", shipped)
        return re.sub(r"!\{.*\}", f"!{{ src {PROBE} }}", named)

    return CONFIGURATION.format(
        folder=folder,
        ports=ports,
        good=good,
        closed=free_port(),
        table=line("type string .*"),
        failures=line("http-after-response .*"),
        answered=line("tcp-response content .*"),
        track_web=track("http", "web"),
        track_nobody=track("http", "nobody"),
        track_plain=track("tcp", "plain"),
        track_plain_nobody=track("tcp", "plain-nobody"),
    )


@pytest.fixture
def balancer(tmp_path: Path, run: Run) -> Iterator[list[int]]:
    """Return the ports of listeners: with a good server, with none, and the same in TCP."""
    if not shutil.which("haproxy"):
        pytest.skip("haproxy is not installed")
    ports = [free_port() for _ in range(4)]
    with web() as good:
        (tmp_path / "haproxy.cfg").write_text(shipped_lines(tmp_path, ports, good))
        run("haproxy", "-db", "-f", str(tmp_path / "haproxy.cfg"))
        wait_until((tmp_path / "admin.sock").exists)
        yield ports


def test_a_load_balancer_tells_what_failed_for_each_client_of_each_listener(
    balancer: list[int], target: ProbeTarget
) -> None:
    first, second = "127.0.0.1", "127.0.0.2"
    for port, path, times, client in (
        (0, "", 5, first),
        (0, "bad", 3, first),
        (0, "refused", 2, second),
        (1, "", 2, first),
        (2, "", 4, first),
        (3, "", 6, second),
        (0, "bad", 7, PROBE),
        (3, "", 7, PROBE),
    ):
        for _ in range(times):
            get(balancer[port], path, client)
    requests, connections = load_definition(ROOT / "services/haproxy").manifest.errors
    assert prober().tally(CLIENTS, requests, target).parts == (
        Tally("nobody", 2, 2, first),
        Tally("web", 3, 8, first),
        Tally("web", 2, 2, second),
    )
    assert prober().tally(CLIENTS, connections, target).parts == (
        Tally("plain", 0, 4, first, 4),
        Tally("plain-nobody", 0, 6, second, 0),
    )


def test_counters_over_http(target: ProbeTarget) -> None:
    with web() as port:
        source = ResolvedProbe("http", (("address", "127.0.0.1"), ("port", str(port)), ("path", "/")), 1.0)
        assert prober().tally(source, counter(), target) == Reading(())
        bad = ResolvedProbe("http", (("address", "127.0.0.1"), ("port", str(port)), ("path", "/bad")), 1.0)
        with pytest.raises(ProbeError, match="answered 500"):
            prober().tally(bad, counter(), target)


COMMAND = ResolvedProbe("exec", (("command", "tell all"),), 1.0)


def test_counters_of_a_command(target: ProbeTarget) -> None:
    result = ExecResult(0, b"bad 3\nall 10\nbad 4\nall 20\n", b"")
    assert prober(result).tally(COMMAND, counter(), target).parts == (Tally("", 7, 30),)


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
        prober(result).tally(COMMAND, counter(), target)


@pytest.mark.parametrize(
    ("failed", "cause"), [(r"bad (\w+)", "not a number"), (r"((", "not a regular expression")], ids=["word", "broken"]
)
def test_what_is_no_number_is_no_reading(failed: str, cause: str, target: ProbeTarget) -> None:
    with pytest.raises(ProbeError, match=cause):
        prober(ExecResult(0, b"bad luck\nall 10\n", b"")).tally(COMMAND, counter(failed), target)


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
        prober().tally(SOURCE, counter(), target)
    assert time.monotonic() - began < 3


def test_a_socket_that_is_not_there_is_no_reading(target: ProbeTarget) -> None:
    with pytest.raises(ProbeError, match="does not exist"):
        prober().tally(SOURCE, counter(), target)
