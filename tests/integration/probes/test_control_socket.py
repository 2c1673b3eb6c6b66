"""Control socket probes against a load balancer's admin socket and against servers that misbehave."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.kit.live.probe_servers import Ask, Run, Serve, close, drip, hang, say, wait_until

pytestmark = pytest.mark.integration

CONFIGURATION = """
global
    stats socket {folder}/admin.sock mode 600 level admin
defaults
    mode tcp
    timeout connect 1s
    timeout client 1s
    timeout server 1s
frontend web
    bind unix@{folder}/web.sock
    default_backend servers
backend servers
    server one 127.0.0.1:9
"""


def test_a_load_balancer(ask: Ask, run: Run, tmp_path: Path) -> None:
    (tmp_path / "balancer.cfg").write_text(CONFIGURATION.format(folder=tmp_path))
    assert "the socket does not exist" in ask("socket", runtime="run", path="admin.sock", send="show info").message
    run("haproxy", "-db", "-f", str(tmp_path / "balancer.cfg"))
    wait_until((tmp_path / "admin.sock").exists)

    def balancer(send: str, expect: str = "") -> tuple[bool, str]:
        result = ask("socket", runtime="run", path="admin.sock", send=send, expect=expect)
        assert result.seconds < 0.9
        return result.is_good, result.message.removeprefix(f"{send!r} at {tmp_path}/admin.sock: ")

    assert balancer("show info", r"(?m)^Name: HAProxy$") == (True, "answered with '(?m)^Name: HAProxy$'")
    assert balancer("show stat", r"(?m)^servers,one,.*,no check,") == (
        True,
        "answered with '(?m)^servers,one,.*,no check,'",
    )
    is_good, message = balancer("show nonsense", "HAProxy$")
    assert not is_good
    assert message.startswith("answered ")
    assert message.endswith(", expected 'HAProxy$'")


@pytest.mark.parametrize(
    ("behave", "outcome"),
    [
        pytest.param(hang, "no answer within 0.4 s, expected 'ready'", id="hangs"),
        pytest.param(close, "closed without an answer, expected 'ready'", id="closes"),
        pytest.param(say(b"not yet\n"), "answered 'not yet', expected 'ready'", id="wrong answer"),
        pytest.param(say(b"\xff\xfe"), "answered '\ufffd\ufffd', expected 'ready'", id="not text"),
        pytest.param(drip(b"never done"), "expected 'ready'", id="drips"),
    ],
)
def test_a_daemon_that_misbehaves(ask: Ask, serve: Serve, behave: object, outcome: str) -> None:
    serve(behave, path="s")
    result = ask("socket", timeout=0.4, runtime="run", path="s", send="status", expect="ready")
    assert not result.is_good
    assert result.message.endswith(outcome)
    assert result.seconds < 1.5


def test_an_answer_counts_though_the_connection_stays_open(ask: Ask, serve: Serve) -> None:
    serve(lambda connection, ended: (connection.sendall(b"ready\n"), ended.wait(20)), path="s")
    result = ask("socket", runtime="run", path="s", expect="^ready")
    assert result.is_good
    assert result.seconds < 0.9


def test_a_socket_nobody_listens_on(ask: Ask, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(tmp_path / "s"))
    result = ask("socket", runtime="run", path="s", send="x")
    assert not result.is_good
    assert "connection refused" in result.message


def test_a_path_longer_than_the_kernel_takes(ask: Ask, serve: Serve, tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    serve(say(b"ready"), path="s")
    (tmp_path / "s").rename(deep / "s")
    path = (deep / "s").relative_to(tmp_path)
    assert ask("socket", runtime="run", path=path, send="x", expect="ready").is_good
    missing = ask("socket", runtime="run", path=path.parent / "f" / "s", send="x")
    assert "the socket does not exist" in missing.message


@pytest.mark.parametrize("planted", ["socket", "folder"])
def test_a_link_that_a_service_planted_leads_nowhere(ask: Ask, serve: Serve, tmp_path: Path, planted: str) -> None:
    serve(say(b"ready"), path="s")
    assert ask("socket", runtime="run", path="s", send="x", expect="ready").is_good
    (tmp_path / "link").symlink_to(tmp_path / "s" if planted == "socket" else tmp_path)
    result = ask("socket", runtime="run", path="link" if planted == "socket" else "link/s", send="x", expect="ready")
    assert not result.is_good


def test_a_file_in_the_place_of_a_socket_is_told(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "s").write_text("ready")
    result = ask("socket", runtime="run", path="s", send="x", expect="ready")
    assert "Socket operation on non-socket" in result.message
