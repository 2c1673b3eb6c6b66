"""What belongs to a guest, a rule or a peer goes with it: nothing of it is served, and no file holds it."""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from lab import commands
from lab.tools import inside
from lab.topology import ROUTER_GUEST_IP, VIP, Guest, guests_of_lab
from tests.kit.live.router import LiveRouter, until
from tests.reports.conftest import Apply

GUEST = guests_of_lab()[148]
SECONDS = 5.0
COPIES_SECONDS = 20.0  # two copies of the memory are renewed, one after the other


def asked(live: LiveRouter, guest: Guest, path: str, *more: str) -> tuple[int, str]:
    """Ask the router over HTTP as a guest does, from its address; return status and body."""
    url = f"http://{ROUTER_GUEST_IP}{path}"
    command = ["curl", "-s", "-m", "5", "-w", "\n%{http_code}", "--interface", guest.address, *more, url]
    done = subprocess.run(inside(live.lab.guest, command), capture_output=True, text=True, timeout=20, check=False)
    body, _, status = done.stdout.rpartition("\n")
    return int(status or 0), body


def password(live: LiveRouter, guest: Guest, wish: str = "send_my_password") -> str:
    return asked(live, guest, ":8080/", "-H", f"DomU_Request: {wish}")[1]


def files_with(live: LiveRouter, text: str) -> list[str]:
    """Files of the supervisor, on disk and in memory, that hold a text."""
    found = []
    for top in (live.router.state, live.router.runtime):
        for folder, below, names in os.walk(top):
            below[:] = [name for name in below if name != live.router.engine]  # images and containers
            found += [path for name in names if text.encode() in _content(path := Path(folder) / name)]
    return sorted(map(str, found))


def await_gone(live: LiveRouter, text: str, seconds: float = SECONDS) -> None:
    """Wait until no file holds the text, copies of the memory after a while neither; a failure names those that do."""
    try:
        until("only copies hold it", lambda: all(".copy-" in path for path in files_with(live, text)), seconds)
    except AssertionError as error:
        raise AssertionError(f"{error}: {files_with(live, text)}") from None


def await_copies(live: LiveRouter, text: str, seconds: float = COPIES_SECONDS) -> None:
    try:
        until("no file holds it", lambda: not files_with(live, text), seconds)
    except AssertionError as error:
        raise AssertionError(f"{error}: {files_with(live, text)}") from None


def _content(path: Path) -> bytes:
    if path.is_symlink() or not path.is_file():
        return b""
    try:
        return path.read_bytes()
    except OSError:  # gone meanwhile
        return b""


@pytest.fixture
def guest(live: LiveRouter, apply: Apply) -> Iterator[Guest]:
    """A guest with an entry, metadata and a password that it has not asked for; it is there again afterwards."""
    offer = commands.password_of(GUEST) | {"password": f"unfetched-{uuid.uuid4().hex[:8]}"}
    apply(commands.dhcp_entry(GUEST), commands.metadata(GUEST), offer)
    until("its data is served", lambda: asked(live, GUEST, "/latest/meta-data/instance-id")[1] == GUEST.instance, 10)
    until("its password is there", lambda: files_with(live, offer["password"]), 10)
    yield Guest(GUEST.name, GUEST.mac, GUEST.address, GUEST.instance, GUEST.lease_seconds, offer["password"])
    apply(commands.dhcp_entry(GUEST), commands.metadata(GUEST), commands.password_of(GUEST))
    until("it is back", lambda: asked(live, GUEST, "/latest/meta-data/instance-id")[1] == GUEST.instance, 10)


@pytest.mark.parametrize(
    ("change", "answer"),
    [
        pytest.param({"remove": True}, "", id="removed"),  # whoever is no guest is not even connected
        pytest.param({"mac_address": "02:00:00:00:0b:0b", "host_name": "next"}, "saved_password", id="succeeded"),
    ],
)
def test_a_removed_guests_password_and_data_are_not_the_next_ones(
    live: LiveRouter, apply: Apply, guest: Guest, change: dict[str, Any], answer: str
) -> None:
    """Data of a removed machine was served to whoever had its address next (replaying apache/cloudstack#10436)."""
    apply(commands.dhcp_entry(guest) | change)
    until("its metadata is gone", lambda: asked(live, guest, "/latest/meta-data/instance-id")[0] == 404, SECONDS)
    await_gone(live, guest.password, SECONDS)
    assert asked(live, guest, "/latest/user-data")[0] == 404
    assert password(live, guest) == answer
    await_gone(live, guest.instance)


def test_an_acknowledged_password_is_kept_nowhere(live: LiveRouter, guest: Guest) -> None:
    """An acknowledged password stayed readable in the runtime folder and in the state file for ever."""
    assert password(live, guest) == guest.password
    assert files_with(live, guest.password)
    assert password(live, guest, "saved_password") == "saved_password"
    await_gone(live, guest.password, SECONDS)
    assert password(live, guest) == "saved_password"
    await_copies(live, guest.password)


def test_a_removed_peers_secret_and_tunnel_are_gone(live: LiveRouter, apply: Apply) -> None:
    """Neighbour: the key and the tunnel of a site-to-site connection that was removed."""
    tunnel = commands.site_to_site() | {"ipsec_psk": "0f-A-Peer-That-Goes", "peer_gateway_ip": "203.0.113.250"}
    apply(tunnel)
    until("its connection is loaded", lambda: "vpn-203-0-113-250" in connections(live, "--list-conns"), 10)
    apply(tunnel | {"create": False})
    until("its connection is gone", lambda: "vpn-203-0-113-250" not in connections(live, "--list-conns"), 10)
    await_gone(live, "0f-A-Peer-That-Goes", SECONDS)
    assert "vpn-203-0-113-250" not in connections(live, "--list-sas")


def connections(live: LiveRouter, what: str) -> str:
    instance = live.services()["strongswan"]["generation"]
    socket = live.router.runtime / "strongswan" / str(instance) / "run" / "run" / "charon.vici"
    return live.run("swanctl", what, "--uri", f"unix://{socket}").stdout


def test_a_removed_rules_certificate_and_key_are_gone(live: LiveRouter, apply: Apply) -> None:
    """Neighbour: the private key of a load-balancing rule that was removed."""
    certificate, key = _certificate()
    rule = commands.load_balancer()
    lines = [f"listen {VIP.replace('.', '_')}-443", f"\tbind {VIP}:443 ssl crt /etc/cloudstack/ssl/gone-443.pem", "\t "]
    with_tls = json.loads(json.dumps(rule))
    with_tls["rules"][0]["configuration"] += lines
    with_tls["rules"][0]["ssl_certs"] = [{"name": "gone-443", "cert": certificate, "key": key}]
    middle = key.splitlines()[2]
    apply(with_tls)
    until("its key is there", lambda: any("certificates" in path for path in files_with(live, middle)), 15)
    apply(rule)
    await_gone(live, middle, 15)


def _certificate() -> tuple[str, str]:
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name.from_rfc4514_string("CN=gone.example")
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return made.public_bytes(serialization.Encoding.PEM).decode(), pem.decode()
