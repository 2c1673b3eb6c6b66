"""VICI probes against a real IKE daemon in a namespace of its own, and against servers that misbehave."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
from pathlib import Path

import pytest

from lab.processes import freeze
from tests.kit.live.probe_servers import Ask, Lab, Run, Serve, close, drip, hang, say, wait_until

pytestmark = pytest.mark.integration

SETTINGS = """
charon-systemd {{
    load = random nonce openssl aes sha1 sha2 hmac kdf pem pubkey x509 kernel-netlink socket-default vici updown
    plugins {{ vici {{ socket = unix://{folder}/charon.vici }} }}
    filelog {{ stderr {{ default = 1 }} }}
    journal {{ default = -1 }}
}}
swanctl {{ load = random nonce openssl pem pubkey x509 vici }}
"""

CONNECTIONS = """
connections {
    office { remote_addrs = 10.1.1.20
        local { auth = psk }
        remote { auth = psk }
        children { net { local_ts = 10.3.0.0/24
            remote_ts = 10.2.0.0/24 } } }
    depot { remote_addrs = 10.1.1.21
        local { auth = psk }
        remote { auth = psk } }
}
"""


def test_an_ike_daemon(ask: Ask, run: Run, lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "settings").write_text(SETTINGS.format(folder=tmp_path))
    (tmp_path / "connections").write_text(CONNECTIONS)
    environment = {"STRONGSWAN_CONF": str(tmp_path / "settings")}
    daemon = run("charon-systemd", within=lab.router, environment=environment)

    def ike(connections: str = "") -> tuple[bool, str]:
        result = ask("vici", runtime="run", path="charon.vici", connections=connections)
        assert result.seconds < 0.9
        return result.is_good, result.message.removeprefix(f"VICI at {tmp_path}/charon.vici: ")

    wait_until(lambda: ike()[0])
    assert ike("office") == (False, "connections loaded are none, expected also office")
    subprocess.run(
        ["swanctl", "--load-conns", f"--uri=unix://{tmp_path}/charon.vici", f"--file={tmp_path}/connections"],
        env=os.environ | environment,
        check=True,
        capture_output=True,
    )
    is_good, message = ike("office, depot")
    assert is_good
    assert message.startswith("charon-systemd ")
    assert message.endswith(" has 2 of 2 expected connections")
    assert ike("depot,elsewhere") == (False, "connections loaded are depot, office, expected also elsewhere")

    freeze(daemon.pid)  # it hangs: connections are accepted by the kernel, nobody answers
    try:
        result = ask("vici", timeout=0.4, runtime="run", path="charon.vici", connections="office")
        assert (result.is_good, result.message.rpartition(": ")[2]) == (False, "no answer within 0.4 s")
        assert result.seconds < 1.5
    finally:
        daemon.send_signal(signal.SIGCONT)
    wait_until(lambda: ike("office")[0])

    daemon.kill()
    daemon.wait()
    assert ike() == (False, "connection refused, nothing listens there")


def packet(payload: bytes) -> bytes:
    return struct.pack("!I", len(payload)) + payload


@pytest.mark.parametrize(
    ("behave", "outcome"),
    [
        pytest.param(hang, "no answer within 0.4 s", id="hangs"),
        pytest.param(close, "Connection closed", id="closes"),
        pytest.param(drip(packet(b"\x01" + b"\0" * 60)), "no answer within 0.4 s", id="drips"),
        pytest.param(say(b"HTTP/1.1 400 Bad"), "Connection closed", id="speaks something else"),
        pytest.param(say(packet(b"\x02")), "not a VICI answer", id="knows no such command"),
        pytest.param(say(packet(b"\x01\x03\x05ab")), "not a VICI answer", id="junk"),
        pytest.param(say(packet(b"")), "not a VICI answer", id="empty"),
    ],
)
def test_a_daemon_that_misbehaves(ask: Ask, serve: Serve, behave: object, outcome: str) -> None:
    serve(behave, path="s")
    result = ask("vici", timeout=0.4, runtime="run", path="s", connections="office")
    assert not result.is_good
    assert outcome in result.message
    assert result.seconds < 1.5
