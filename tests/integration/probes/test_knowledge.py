"""The parts of the load balancer's manifest about knowledge, counters and sessions, tried on the daemon itself."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from supervisor.decisions.counters import read_table
from supervisor.decisions.knowledge import lines, unknown
from supervisor.edges.catalog.definition import load_definition
from supervisor.edges.probes.prober import ProtocolProber
from supervisor.values.errors import ProbeError
from supervisor.values.manifest import Probe
from supervisor.values.state import ExecResult, ProbeTarget, ResolvedProbe
from tests.kit.live.probe_servers import Run, Serve, close, hang, wait_until

pytestmark = pytest.mark.integration

MANIFEST = load_definition(Path("services/haproxy")).manifest
CONFIGURATION = """
global
    stats socket {folder}/admin.sock mode 600 level admin
    max-spread-checks 100ms
defaults
    mode http
    timeout connect 5s
    timeout client 5s
    timeout server 5s
listen web
    bind unix@{folder}/web.sock
    server good 127.0.0.1:{port} check
    server refusing 127.0.0.1:9 check weight 10
    server silent 127.0.0.1:{silent} check
    server unchecked 127.0.0.1:9
    server {last}
"""


@pytest.fixture
def prober() -> ProtocolProber:
    def execute(*_: object) -> ExecResult:
        raise AssertionError("nothing is run")

    return ProtocolProber(execute)


def resolved(source: Probe) -> ResolvedProbe:
    return ResolvedProbe(str(source.kind), source.arguments, source.timeout)


def target(folder: Path) -> ProbeTarget:
    return ProbeTarget("daemon", None, (("control", str(folder)),))


def balancer(run: Run, folder: Path, port: int, last: str, silent: int = 9) -> int:
    folder.mkdir()
    (folder / "balancer.cfg").write_text(CONFIGURATION.format(folder=folder, port=port, last=last, silent=silent))
    process = run("haproxy", "-db", "-f", str(folder / "balancer.cfg"))
    wait_until((folder / "admin.sock").exists)
    return process.pid


@pytest.fixture
def silent() -> Iterator[int]:
    """Return a port that neither refuses nor accepts connections: its queue is full."""
    with ExitStack() as opened:
        listening = opened.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            client = opened.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listening.getsockname())
        yield listening.getsockname()[1]


def told(prober: ProtocolProber, former: Path, candidate: Path) -> set[str]:
    """Return the lines that the second is sent of the first one's knowledge."""
    found: set[str] = set()
    for knowledge in MANIFEST.knowledge:
        source = resolved(knowledge.source)
        fresh = lines(knowledge, *(prober.read(source, target(folder)) for folder in (former, candidate)))
        assert prober.send(source, fresh, target(candidate)) == ()
        found.update(fresh)
    return found


def test_a_candidate_is_told_who_is_down_and_what_was_set(
    prober: ProtocolProber, run: Run, tmp_path: Path, silent: int
) -> None:
    """haproxy/haproxy#918, #2085, for members at the same address and port alone."""
    former, candidate = tmp_path / "former", tmp_path / "candidate"
    with socket.create_server(("127.0.0.1", 0)) as member:
        port = member.getsockname()[1]
        balancer(run, former, port, "moved 127.0.0.1:9 check", silent)
        checks = MANIFEST.readiness.awaited[0]

        def waits() -> str:
            return str(unknown(checks, prober.read(resolved(checks.source), target(former))) or "")

        time.sleep(0.3)
        assert waits() == "the first check of 1 of 4 members"
        wait_until(lambda: waits() == "")
        prober.send(
            resolved(checks.source),
            ("set server web/good state drain", "set server web/unchecked state maint", "set server web/good weight 7"),
            target(former),
        )
        balancer(run, candidate, port, "moved 127.0.0.1:10 check", silent)
        assert told(prober, former, candidate) == {
            "set server web/refusing health down",
            "set server web/silent health down",
            "set server web/good state drain",
            "set server web/unchecked state maint",
            "set server web/good weight 7",
        }
        state = prober.read(resolved(MANIFEST.knowledge[0].source), target(candidate))
        known = {row.split()[3]: row.split()[5:8] for row in state.splitlines() if " web " in row}
        assert known["silent"][0] == "0"
        assert known["good"][1:] == ["8", "7"]
        assert known["unchecked"][1] == "1"


def test_a_daemon_that_finishes_still_says_what_it_counts(prober: ProtocolProber, run: Run, tmp_path: Path) -> None:
    """apache/cloudstack#6849: what a download has moved by its end belongs to the sum."""
    counters = MANIFEST.counters
    assert counters
    folder = tmp_path / "daemon"
    pid = balancer(run, folder, 9, "another 127.0.0.1:9")
    session = prober.session(resolved(counters.source), counters.session, counters.prompt, target(folder))
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(folder / "web.sock"))
        os.kill(pid, signal.SIGUSR1)
        time.sleep(0.3)
        with pytest.raises(ProbeError):
            prober.read(resolved(counters.source), target(folder))
        client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        while client.recv(65536):
            pass
    wait_until(lambda: read_table(counters, session.read())["web", "FRONTEND"]["hrsp_5xx"] == 1)
    session.close()
    session.close()
    with pytest.raises(ProbeError, match="cannot read daemon"):
        session.read()


@pytest.mark.parametrize("behave", [hang, close])
def test_a_session_with_who_does_not_answer_is_an_error(
    prober: ProtocolProber, serve: Serve, tmp_path: Path, behave: object
) -> None:
    serve(behave, "admin.sock")
    source = ResolvedProbe("socket", (("runtime", "control"), ("path", "admin.sock"), ("send", "show")), 0.3)
    with pytest.raises(ProbeError, match="cannot open a session with daemon"):
        prober.session(source, ("prompt",), "\n> ", target(tmp_path))
