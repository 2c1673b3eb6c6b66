"""Services that were ready while what they are for did not work: each tunnel and each name server is in the status."""

from __future__ import annotations

import functools
import hashlib
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab import commands
from lab.topology import VIP
from tests.kit.live.router import LiveRouter, until
from tests.reports.conftest import Apply


def undertakings(live: LiveRouter, service: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = live.services()[service]["undertakings"]
    return found


@pytest.fixture
def restored(live: LiveRouter, apply: Apply) -> Iterator[None]:
    """The tunnel is as it was."""
    yield
    apply(commands.site_to_site())
    until("the tunnel is up", lambda: undertakings(live, "strongswan")[0]["state"] == "up", 30.0)


@pytest.mark.usefixtures("restored")
def test_a_tunnel_whose_policy_was_changed(live: LiveRouter, apply: Apply) -> None:
    """strongswan#2324, over the whole router: the tunnel is looked at after the change, and in the status."""
    until("the tunnel is up", lambda: undertakings(live, "strongswan")[0]["state"] == "up", 30.0)
    before = live.services()["strongswan"]
    apply(commands.site_to_site() | {"esp_policy": "aes256-sha256;modp2048,aes128-sha256;modp2048"})
    time.sleep(1.0)
    took = until("the tunnel is up", lambda: undertakings(live, "strongswan")[0]["state"] == "up", 14.0)
    assert took < 14.0
    tunnel, after = undertakings(live, "strongswan")[0], live.services()["strongswan"]
    assert (tunnel["name"], tunnel["what"]) == ("vpn-203.0.113.200", "tunnel")
    assert tunnel["associations"] in (1, 2)
    assert (after["ready"], after["generation"]) == (True, before["generation"])
    shown = live.router.vrctl("status").stdout
    row = next(line for line in shown.splitlines() if "vpn-203.0.113.200" in line)
    assert row.split()[:4] == ["strongswan", "tunnel", "vpn-203.0.113.200", "up"]


def test_a_name_server_that_does_not_answer(live: LiveRouter) -> None:
    """It is named, and the name server of the guests is ready all the same: it answers for their own names."""
    until(
        "both were asked",
        lambda: all(undertaking["state"] == "down" for undertaking in undertakings(live, "dnsmasq")),
        20.0,
    )
    found = undertakings(live, "dnsmasq")
    assert [(one["what"], one["name"]) for one in found] == [("name server", one) for one in commands.UPSTREAM_DNS]
    assert all(one["message"].startswith(f"DNS . NS at {one['name']}:53: ") and one["since"] for one in found)
    assert live.services()["dnsmasq"]["ready"]
    assert live.services()["dnsmasq"]["state"] == "running"
    events = live.router.vrctl("events").stdout
    assert f"name server {commands.UPSTREAM_DNS[0]} is not up since" in events


def offload(folder: Path, name: str) -> dict[str, Any]:
    """The lab's load balancer with one more rule, whose certificate is new each time."""
    key, made = folder / f"{name}.key", folder / f"{name}.crt"
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-days", "2"]
    subprocess.run([*words, "-keyout", key, "-out", made], check=True, capture_output=True)
    command, rule = commands.load_balancer(), f"{VIP.replace('.', '_')}-443"
    lines = [f"listen {rule}", f"\tbind {VIP}:443 ssl crt /etc/cloudstack/ssl/{rule}.pem", "\tmode http"]
    lines += ["\tbalance roundrobin", f"\tserver {rule}_0 {commands.WEB_GUESTS[0]}:8080 check", "\t "]
    command["rules"][0]["configuration"] += lines
    command["rules"][0]["add_rules"].append(f"{VIP}:443:")
    command["rules"][0]["ssl_certs"] = [{"name": rule, "cert": made.read_text(), "key": key.read_text()}]
    return command


def served(live: LiveRouter) -> str:
    text = live.run("openssl", "s_client", "-connect", f"{VIP}:443", timeout=20.0).stdout
    return ssl.PEM_cert_to_DER_cert(text[text.index("-----BEGIN") : text.index("-----END") + 26]).hex()


def serves_certificate(live: LiveRouter, mark: str) -> bool:
    messages = [undertaking["message"] for undertaking in undertakings(live, "haproxy") if undertaking["state"] == "up"]
    return messages == [f"TLS at {VIP}:443: serves certificate {mark}"]


def test_a_certificate_is_the_one_that_clients_get(live: LiveRouter, apply: Apply, tmp_path: Path) -> None:
    """A certificate that was renewed and loaded, while clients got the one before."""
    try:
        for name in ("first", "second"):
            apply(offload(tmp_path, name))
            expected = ssl.PEM_cert_to_DER_cert((tmp_path / f"{name}.crt").read_text())
            mark = hashlib.sha256(expected).hexdigest()[:16]
            until(
                f"the {name} certificate is served and said",
                functools.partial(serves_certificate, live, mark),
                20.0,
            )
            assert served(live) == expected.hex()
    finally:
        apply(commands.load_balancer())
    until("the rule is gone", lambda: undertakings(live, "haproxy") == [], 20.0)


def test_metrics_say_the_same(live: LiveRouter) -> None:
    scraped = live.run("curl", "-s", "http://127.0.0.1:9531/metrics")
    assert isinstance(scraped, subprocess.CompletedProcess)
    text = scraped.stdout
    assert 'vr_supervisor_undertaking_up{name="192.0.2.53",service="dnsmasq",what="name server"} 0.0' in text
    assert 'vr_supervisor_undertakings{service="strongswan",state="up",what="tunnel"} 1.0' in text
