"""Services that were ready while what they are for did not work: each tunnel and each name server is said."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest

from lab import commands
from tests.integration.live_router import Live, until
from tests.reports.conftest import Apply


def undertakings(live: Live, service: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = live.services()[service]["undertakings"]
    return found


@pytest.fixture
def restored(live: Live, apply: Apply) -> Iterator[None]:
    """The tunnel is as it was."""
    yield
    apply(commands.site_to_site())
    until("the tunnel is up", lambda: undertakings(live, "strongswan")[0]["state"] == "up", 30.0)


@pytest.mark.usefixtures("restored")
def test_a_tunnel_whose_policy_was_changed(live: Live, apply: Apply) -> None:
    """strongswan#2324, over the whole router: the tunnel is looked at after the change, and said."""
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


def test_a_name_server_that_does_not_answer(live: Live) -> None:
    """It is named, and the name server of the guests is ready all the same: it answers for their own names."""
    until("both were asked", lambda: all(one["state"] == "down" for one in undertakings(live, "dnsmasq")), 20.0)
    found = undertakings(live, "dnsmasq")
    assert [(one["what"], one["name"]) for one in found] == [("name server", one) for one in commands.UPSTREAM_DNS]
    assert all(one["message"].startswith(f"DNS . NS at {one['name']}:53: ") and one["since"] for one in found)
    assert live.services()["dnsmasq"]["ready"]
    assert live.services()["dnsmasq"]["state"] == "running"
    events = live.router.vrctl("events").stdout
    assert f"name server {commands.UPSTREAM_DNS[0]} is not up since" in events


def test_metrics_say_the_same(live: Live) -> None:
    scraped = live.run("curl", "-s", "http://127.0.0.1:9531/metrics")
    assert isinstance(scraped, subprocess.CompletedProcess)
    text = scraped.stdout
    assert 'vr_supervisor_undertaking_up{name="192.0.2.53",service="dnsmasq",what="name server"} 0.0' in text
    assert 'vr_supervisor_undertakings{service="strongswan",state="up",what="tunnel"} 1.0' in text
