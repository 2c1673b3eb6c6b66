"""`vrctl config apply` reports the fate of each part, and a change serves at once, whatever soaks."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest

from lab import commands
from lab.balancer_changes import balancer, change, changes
from lab.facts import version_in
from lab.router import NEWER
from lab.tools import inside
from lab.topology import VIP
from tests.kit.live.router import LiveRouter, live_router, until
from tests.reports.conftest import Apply

PORT = 9100
CHANGES = 20
GUEST = "10.1.1.240"


def lines(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def fates(done: subprocess.CompletedProcess[str]) -> dict[str, tuple[str, str]]:
    """Phase and message by part."""
    return {line["part"]: (line["phase"], line["message"]) for line in lines(done) if line["part"]}


def entry(address: str = GUEST, mac: str = "02:00:0a:01:01:f0", **more: object) -> dict[str, Any]:
    return {"type": "dhcpentry", "ipv4_address": address, "mac_address": mac, "host_name": "served", **more}


def connects(live: LiveRouter, port: int) -> bool:
    """True if somebody listens there, as the outside sees it."""
    command = ["python3", "-c", f"import socket; socket.create_connection(('{VIP}', {port}), 1.0)"]
    return subprocess.run(inside(live.lab.public, command), capture_output=True, check=False).returncode == 0


def events(live: LiveRouter) -> list[tuple[str, str]]:
    told = [json.loads(line) for line in live.router.vrctl("events", "--json").stdout.splitlines()]
    return [(one["name"], one["message"]) for one in told]


@pytest.fixture
def tidy(live: LiveRouter, apply: Apply) -> Iterator[None]:
    yield
    apply(entry(remove=True), commands.load_balancer())


def test_a_host_outside_every_network_is_refused_by_name_and_the_rest_serves(
    live: LiveRouter, apply: Apply, tidy: None
) -> None:
    """Of apache/cloudstack#8158 and #3654: a part that could not be used was dropped without a message."""
    done = apply(entry(), entry("192.0.2.7", "02:00:0a:01:01:f1"), check=False, json_lines=True)
    assert done.returncode == 6
    assert fates(done) == {
        "0001-dhcpentry.json": ("live", ""),
        "0002-dhcpentry.json": ("refused", "dhcpentry.192.0.2.7: is in none of the guest networks"),
    }
    assert "0002-dhcpentry.json: dhcpentry.192.0.2.7: is in none of the guest networks" in done.stderr
    assert ("configuration refused", "0002-dhcpentry.json: dhcpentry.192.0.2.7: is in none of the guest networks") in (
        events(live)
    )
    again = apply(entry(), check=False)  # what other files brought about is not this call's
    assert (again.returncode, again.stderr) == (0, "")
    apply(entry("192.0.2.7", "02:00:0a:01:01:f1", remove=True))


@pytest.mark.parametrize("type_", ["ipaliases", "remoteaccessvpn", "vpnuserlist"])
def test_what_is_passed_over_is_said(live: LiveRouter, apply: Apply, type_: str) -> None:
    """apache/cloudstack#8158, #3654: secondary addresses and users of a VPN were taken in and never served."""
    done = apply({"type": type_}, json_lines=True)
    name = f"0001-{type_}.json"
    assert fates(done) == {name: ("passed-over", f"{type_} is not supported yet")}
    assert lines(done)[-1]["error"] is None
    assert ("configuration passed over", f"{name}: {type_} is not supported yet") in events(live)


def test_when_apply_answers_the_rule_serves(live: LiveRouter, apply: Apply, tidy: None) -> None:
    """Its answer came before anything had happened: a script that went on at once met the former rules."""
    done = apply(balancer(PORT), json_lines=True)
    assert connects(live, PORT)
    assert lines(done)[-1]["phase"] == "live"
    assert {"check", "ready"} <= {line["phase"] for line in lines(done) if line["service"] == "haproxy"}


def test_who_does_not_wait_is_answered_at_once(live: LiveRouter, apply: Apply, tidy: None) -> None:
    done = apply(
        balancer(PORT), entry("192.0.2.7", "02:00:0a:01:01:f1"), check=False, json_lines=True, flags=["--no-wait"]
    )
    assert done.returncode == 6
    assert [line["phase"] for line in lines(done)] == ["refused", "accepted"]
    until("the rule serves", lambda: connects(live, PORT), 10.0)
    apply(entry("192.0.2.7", "02:00:0a:01:01:f1", remove=True))


def test_what_does_not_serve_in_time_is_said_and_goes_on(live: LiveRouter, apply: Apply, tidy: None) -> None:
    """The answer was good before anything served."""
    done = apply(balancer(PORT), check=False, json_lines=True, flags=["--timeout", "0.02"])
    last = lines(done)[-1]
    assert (done.returncode, last["phase"]) == (1, "not-live")
    assert "haproxy" in last["error"]
    assert fates(done) == {"0001-loadbalancer.json": ("not-live", "")}
    until("it goes on", lambda: connects(live, PORT), 10.0)


# ---------------------------------------------------------------- whatever soaks


@pytest.fixture(scope="module")
def soaking() -> Iterator[LiveRouter]:
    """A router whose versions soak as long as they do outside of tests."""
    with live_router("vrsoak", soak=30.0) as made:
        yield made


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_twenty_changes_in_a_row_each_serve_within_a_second(soaking: LiveRouter) -> None:
    """Each waited 5.2 to 5.6 s for the soak of the one before; a member that was removed got traffic meanwhile."""
    took = changes(soaking.router, CHANGES)
    print("seconds:", " ".join(f"{one:.2f}" for one in took))
    assert max(took) <= 1.0, took


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_change_serves_within_a_second_while_a_swap_soaks_and_the_way_back_keeps_it(soaking: LiveRouter) -> None:
    """A change waited 28 s behind the soak of a swap, and a rollback went back to the rules before it."""
    router = soaking.router
    change(router, balancer(), PORT, is_there=False)
    older = soaking.services()["haproxy"]["version"]
    router.vrctl("swap", "haproxy", "--to", version_in(router, NEWER, "haproxy"), "--no-wait")
    until("it soaks", lambda: (soaking.services()["haproxy"]["handover"] or {}).get("phase") == "soak", 20.0)
    took = [change(router, balancer(PORT + number), PORT + number) for number in range(3)]
    print("seconds:", " ".join(f"{one:.2f}" for one in took))
    assert max(took) <= 1.0, took
    assert soaking.services()["haproxy"]["handover"]["kind"] == "swap"
    began = time.monotonic()
    router.vrctl("rollback", "haproxy")
    print(f"back after {time.monotonic() - began:.2f} s")
    assert soaking.services()["haproxy"]["version"] == older
    assert connects(soaking, PORT + 2)
    assert not connects(soaking, PORT)
