"""TLS probes against a real load balancer, whose certificate may be another one than the file's."""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from supervisor.edges.probes import ProtocolProber
from supervisor.values.errors import ProbeError
from supervisor.values.state import ProbeResult, ProbeTarget
from tests.kit.live.probe_servers import Run, Serve, close, drip, hang, probe, say, wait_until

pytestmark = pytest.mark.integration

SETTINGS = """
global
    master-worker
defaults
    mode http
    timeout client 5s
    timeout server 5s
    timeout connect 5s
frontend web
    bind unix@{folder}/unused.sock
    bind 127.0.0.1:{port} ssl crt {folder}/web.pem
    http-request return status 200
"""

Look = Callable[..., ProbeResult]


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def certificate(folder: Path, name: str) -> bytes:
    """Return a new key and the certificate that it signed itself."""
    key, made = folder / f"{name}.key", folder / f"{name}.crt"
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-days", "2"]
    subprocess.run([*words, "-keyout", key, "-out", made], check=True, capture_output=True)
    return made.read_bytes() + key.read_bytes()


@pytest.fixture
def look(tmp_path: Path) -> Look:
    prober = ProtocolProber(lambda *_: pytest.fail("nothing is executed"))
    target = ProbeTarget("vrs-test-1", None, (), str(tmp_path))
    return lambda timeout=1.0, **arguments: prober.ask(probe("tls", timeout, **arguments), target)


def test_a_certificate_that_was_written_and_is_not_served(look: Look, run: Run, tmp_path: Path) -> None:
    """A load balancer that did not load it goes on with the one before."""
    port, pem = free_port(), tmp_path / "web.pem"
    pem.write_bytes(certificate(tmp_path, "first"))
    (tmp_path / "settings").write_text(SETTINGS.format(folder=tmp_path, port=port))
    daemon = run("haproxy", "-W", "-f", str(tmp_path / "settings"))
    wait_until(lambda: look(port=port, file="web.pem").is_good)
    assert look(port=port, file="web.pem").seconds < 0.9
    trusted = pem.read_bytes().replace(b" CERTIFICATE", b" TRUSTED CERTIFICATE")  # another name of the same form
    (tmp_path / "trusted.pem").write_bytes(trusted)
    assert look(port=port, file="trusted.pem").is_good
    pem.write_bytes(certificate(tmp_path, "second"))
    result = look(port=port, file="web.pem")
    assert not result.is_good
    assert ": serves certificate " in result.message
    assert ", expected " in result.message
    daemon.send_signal(signal.SIGUSR2)
    wait_until(lambda: look(port=port, file="web.pem").is_good)


@pytest.mark.parametrize(
    ("behave", "outcome"),
    [
        pytest.param(hang, "no answer within 0.4 s", id="hangs"),
        pytest.param(close, "connection closed", id="closes"),
        pytest.param(say(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "no handshake", id="speaks without it"),
        pytest.param(drip(b"\x16\x03\x03\x40\x00" + b"\0" * 60), "no answer within 0.4 s", id="drips"),
    ],
)
def test_a_server_that_misbehaves(look: Look, serve: Serve, tmp_path: Path, behave: object, outcome: str) -> None:
    (tmp_path / "web.pem").write_bytes(certificate(tmp_path, "web"))
    result = look(0.4, port=serve(behave).port, file="web.pem")
    assert not result.is_good
    assert outcome in result.message
    assert result.seconds < 1.5


def test_nobody_listens(look: Look, tmp_path: Path) -> None:
    (tmp_path / "web.pem").write_bytes(certificate(tmp_path, "web"))
    port = free_port()
    assert look(port=port, file="web.pem").message == (
        f"TLS at 127.0.0.1:{port}: connection refused, nothing listens there"
    )


@pytest.mark.parametrize(
    ("file", "problem"),
    [
        pytest.param("none.pem", "none.pem cannot be read: No such file", id="missing"),
        pytest.param("../web.pem", "not below the configuration folder", id="elsewhere"),
        pytest.param("/etc/passwd", "not below the configuration folder", id="absolute"),
        pytest.param("key.pem", "key.pem holds no certificate", id="a key alone"),
        pytest.param("junk.pem", "junk.pem holds no certificate that can be read", id="junk"),
    ],
)
def test_a_file_that_says_nothing(look: Look, tmp_path: Path, file: str, problem: str) -> None:
    (tmp_path / "key.pem").write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    (tmp_path / "junk.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAAA\n-----END CERTIFICATE-----\n")
    with pytest.raises(ProbeError, match=problem):
        look(port=1, file=file)
