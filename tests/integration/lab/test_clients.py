"""Every client against plain daemons: it counts what it should, and it notices when the service is away."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from lab import backends, network
from lab.clients import (
    Client,
    Dnsperf,
    DnsProbe,
    Download,
    HttpProbe,
    LineEcho,
    MetadataIsolation,
    PasswordExchange,
    Perfdhcp,
    Ping,
    RenewingGuests,
    Udhcpc,
    Wrk,
    launch,
    run,
)
from lab.topology import CLIENT_IP, ROUTER_GUEST_IP, VIP, Lab, extra_guests
from tests.integration.lab import plain_router

pytestmark = pytest.mark.integration

LONE_DNS = VIP  # an address of the router that the session's own server does not listen on


@pytest.mark.parametrize(
    "client",
    [
        Dnsperf(rate=1000, seconds=1),
        DnsProbe("udp", seconds=1),
        DnsProbe("tcp", seconds=1),
        DnsProbe("tcp-kept", seconds=3),
        Perfdhcp(seconds=2),
        RenewingGuests(seconds=1),
    ],
    ids=lambda client: client.name,
)
def test_dns_and_dhcp_clients_are_served(lab: Lab, dns_and_dhcp: Path, client: Client) -> None:
    outcome = run(client, lab.guest)
    assert outcome.is_clean, outcome
    assert outcome.sent >= 40
    assert outcome.longest_gap is None or outcome.longest_gap < 0.5


def test_perfdhcp_plays_the_guests_with_reservations(lab: Lab, dns_and_dhcp: Path) -> None:
    outcome = run(Perfdhcp(rate=100, seconds=3), lab.guest)
    assert outcome.is_clean, outcome
    leases = [line.split() for line in (dns_and_dhcp / "leases").read_text().splitlines()]
    assert len({lease[2] for lease in leases if lease[3].startswith("vm-")}) == 200
    assert outcome.fact("orphans") == outcome.fact("rejected") == 0


def test_renewing_guests_have_finite_and_infinite_leases(lab: Lab, dns_and_dhcp: Path) -> None:
    outcome = run(RenewingGuests(seconds=1.2), lab.guest)
    assert outcome.fact("leases") == 20
    assert outcome.fact("infinite_leases") == 18
    assert outcome.fact("naks") == outcome.fact("changed_addresses") == 0


def test_an_extra_guest_gets_its_lease(lab: Lab, dns_and_dhcp: Path) -> None:
    guest = extra_guests()[1]
    namespace = network.add_guest(lab, guest.name, guest.mac)
    try:
        outcome = run(Udhcpc(), namespace)
        assert outcome.is_clean, outcome
        assert outcome.fact("address") == guest.address
        assert outcome.fact("lease_seconds") == 3600
    finally:
        network.remove_guest(lab, guest.name)
    assert not Path(f"/run/netns/{namespace}").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "client",
    [
        DnsProbe("udp", seconds=3, server=LONE_DNS),
        DnsProbe("tcp", seconds=3, server=LONE_DNS),
        Dnsperf(rate=500, seconds=3, server=LONE_DNS),
    ],
    ids=lambda client: client.name,
)
def test_an_outage_of_dns_is_noticed(lab: Lab, tmp_path: Path, client: Client) -> None:
    with plain_router.running(plain_router.lone_dns(lab, LONE_DNS), tmp_path) as server:
        plain_router.wait_for_port(lab.guest, LONE_DNS, 53)
        with launch(client, lab.guest) as running:
            time.sleep(1)
            server.kill()
            server.wait()
            outcome = running.result()
    assert not outcome.is_clean
    assert outcome.lost + outcome.failed > 0
    assert outcome.longest_gap is None or outcome.longest_gap > 0.8


@pytest.mark.parametrize(
    "client",
    [
        Wrk(seconds=1),
        Wrk(seconds=1, connections=10, keep_alive=False),
        HttpProbe(f"http://{VIP}/ip", CLIENT_IP, seconds=1),
        HttpProbe(f"http://{VIP}:8082/ip", CLIENT_IP, seconds=1, keep_alive=False),
        HttpProbe(f"http://{VIP}:8082/ip", CLIENT_IP, seconds=1),
        Download("http", seconds=2),
        Download("tcp", seconds=2, port=2222),
        LineEcho(seconds=1),
    ],
    ids=lambda client: f"{client.name} {getattr(client, 'url', '')}",
)
def test_load_balancer_clients_are_served(lab: Lab, load_balancer: Path, client: Client) -> None:
    outcome = run(client, lab.public)
    assert outcome.is_clean, outcome


def test_a_broken_download_is_noticed(lab: Lab, tmp_path: Path) -> None:
    backends.start(lab)
    argv = plain_router.load_balancer(lab, tmp_path)
    text = (
        (tmp_path / "haproxy.cfg").read_text().replace(f"bind {VIP}:", "bind 203.0.113.2:1").replace(":8081", ":18081")
    )
    (tmp_path / "haproxy.cfg").write_text(text)
    with plain_router.running(argv, tmp_path) as server:
        plain_router.wait_for_port(lab.public, "203.0.113.2", 180)
        with launch(Download("http", seconds=5, address="203.0.113.2", port=180), lab.public) as running:
            time.sleep(1)
            server.kill()
            server.wait()
            outcome = running.result()
    assert outcome.fact("is_complete") == 0
    assert 0 < outcome.completed < outcome.sent
    assert not outcome.is_clean


def test_guests_see_their_own_metadata(lab: Lab, guest_services: None) -> None:
    outcome = run(MetadataIsolation(rate=200, seconds=1.5), lab.guest)
    assert outcome.is_clean, outcome
    assert outcome.fact("guests") == 200


def test_guests_take_their_passwords_once(lab: Lab, guest_services: None) -> None:
    outcome = run(PasswordExchange(seconds=2), lab.guest)
    assert outcome.is_clean, outcome
    assert [outcome.fact(step) for step in ("ask", "acknowledge", "ask_again")] == [200, 200, 200]


def test_a_password_that_is_served_again_is_noticed(lab: Lab, guest_services: None) -> None:
    run(PasswordExchange(seconds=1), lab.guest)
    outcome = run(PasswordExchange(seconds=1), lab.guest)
    assert outcome.failed == 200  # nobody gets a password that was acknowledged


def test_wrk_on_metadata_from_a_guest(lab: Lab, guest_services: None) -> None:
    outcome = run(Wrk(f"http://{ROUTER_GUEST_IP}/latest/meta-data/instance-id", seconds=1, connections=4), lab.guest)
    assert outcome.is_clean, outcome


@pytest.mark.parametrize(
    "client",
    [
        Dnsperf(rate=500, seconds=30),
        Perfdhcp(seconds=30),
        RenewingGuests(seconds=30),
        DnsProbe("tcp", seconds=30),
        Ping("10.1.1.1", seconds=30),
    ],
    ids=lambda client: client.name,
)
def test_a_client_in_the_background_stops_early_and_reports(lab: Lab, dns_and_dhcp: Path, client: Client) -> None:
    with launch(client, lab.guest) as running:
        time.sleep(1.5)
        assert running.is_running
        outcome = running.stop()
    assert outcome.sent > 0
    assert outcome.failed == 0
    assert outcome.lost <= 2, outcome  # what was in flight when it was told to stop


def test_a_client_left_alone_is_ended(lab: Lab) -> None:
    with launch(Ping("10.1.1.1", seconds=60), lab.guest) as running:
        pid = running.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, signal.SIG_DFL)
