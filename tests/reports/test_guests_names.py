"""What guests are leased and what their names are, with the daemons of both releases and what the manifest renders."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

import pytest

from supervisor.edges.probes.dhcp_packet import MessageType, Option
from supervisor.values.router import Dns, GuestNetwork, Host
from tests.kit.live.probe_servers import Namespace, ip
from tests.reports.alone import RELEASES, Alone, guest, one_router, router_of, unpack

pytestmark = pytest.mark.integration

ROUTER, FQDN = 3, 81
LAN = GuestNetwork("eth0", IPv4Interface("10.1.1.1/24"), IPv4Address("10.1.1.1"), "cs.lab", (IPv4Address("10.1.1.1"),))
TINY = replace(LAN, interface="eth1", address=IPv4Interface("10.1.2.1/30"), gateway=IPv4Address("10.1.2.1"))
WORDS = (  # noqa: SIM905
    "ignore Ignore infinite INFINITE 0 42 007 45m 45M 7d 3w 100s 2h 2H s m id set tag net 1-2 0x10 deadbeef 12-34 "
    "AB--CD XN--0 xn--0 a_B web_"
).split()
"""All that the syntax of reservations gives a meaning to, in both releases, and labels that encodings give one to."""


@pytest.fixture(scope="module")
def namespace() -> Iterator[Namespace]:
    with one_router("10.1.1.0/24", "10.1.2.0/30") as made:
        yield made


@pytest.fixture(scope="module", params=RELEASES)
def files(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpack(request.param, "dnsmasq", tmp_path_factory.mktemp(request.param))


@pytest.fixture
def alone(namespace: Namespace, files: Path, tmp_path: Path) -> Iterator[Alone]:
    daemon = Alone(namespace, files, tmp_path, "dnsmasq")
    try:
        yield daemon
    finally:
        daemon.stop()


def test_a_name_with_a_meaning_costs_no_guest_its_lease(alone: Alone) -> None:
    """openwrt/luci#557, openwrt/luci#1661: a host called `_web`, or `ignore`, got no lease."""
    hosts = [guest(number, name) for number, name in enumerate(WORDS, 2)]
    odd = guest(200, "_web")
    alone.start(router_of([LAN], *hosts, odd))
    for host in hosts:
        answer = alone.leased(host)
        assert answer, host.name
        found = answer.type, answer.option(Option.HOST_NAME), answer.lease_seconds
        assert found == (MessageType.ACK, host.name.lower().encode(), 3600), host.name
        assert str(host.address) in alone.dig(f"{host.name}.cs.lab"), host.name
    answer = alone.leased(odd)
    assert answer
    assert (answer.yiaddr, answer.option(Option.HOST_NAME)) == (odd.address, None)
    assert alone.dig("_web.cs.lab") == ["10.1.1.200"]
    assert "bad DHCP" not in alone.log


def test_a_guest_gets_no_name_that_it_only_asks_for(alone: Alone) -> None:
    """A guest without a reserved name asked for `wpad`, and was the proxy of the whole network."""
    nameless, named = guest(20), guest(21, "vm-021")
    alone.start(router_of([LAN], nameless, named))
    encoded = b"\x05\0\0\x04wpad\x02cs\x03lab\0"
    for name in (b"wpad", b"vm-021", b"r-7-VM", b"data-server", b"wpad.cs.lab"):
        for options in ([(Option.HOST_NAME, name)], [(FQDN, b"\x01\0\0" + name)], [(FQDN, encoded)]):
            for renews in (False, True):
                for host in (nameless, named):
                    answer = alone.leased(host, *options, renews=renews)
                    assert answer
                    assert answer.type is MessageType.ACK
                    assert answer.option(Option.HOST_NAME) == (host.name.encode() or None)
    assert alone.dig("wpad.cs.lab") == alone.dig("wpad") == []
    assert alone.dig("vm-021.cs.lab") == ["10.1.1.21"]
    assert alone.dig("data-server.cs.lab") == alone.dig("r-7-VM.cs.lab") == ["10.1.1.1"]
    assert alone.dig("-x", "10.1.1.20") == []
    assert alone.dig("-x", "10.1.1.21") == ["vm-021.cs.lab."]


def test_a_guest_is_told_of_the_gateway_that_its_entry_names(alone: Alone) -> None:
    """`default_gateway` of a reservation: 0.0.0.0 is no router at all, another address is that router."""
    plain, none = guest(20, gateway=IPv4Address("10.1.1.1")), guest(21, gateway=IPv4Address("0.0.0.0"))
    other, second = guest(22, gateway=IPv4Address("10.1.1.254")), guest(23, gateway=IPv4Address("10.1.1.253"))
    unsaid, spare = guest(24), guest(25, gateway=IPv4Address("10.1.1.254"), is_default=False)
    alone.start(router_of([LAN], plain, none, other, second, unsaid, spare))

    def told(host: Host) -> str | None:
        answer = alone.leased(host)
        assert answer
        value = answer.option(ROUTER)
        return str(IPv4Address(value)) if value else None

    assert [told(host) for host in (plain, none, other, second, unsaid, spare)] == [
        *("10.1.1.1", None, "10.1.1.254", "10.1.1.253", "10.1.1.1", None),
    ]


def test_the_service_is_judged_by_a_guest_of_the_supervisors_own(alone: Alone) -> None:
    """No guest decides whether the service is ready: not by another's lease of its address, nor by its name."""
    stranded = guest(20)
    (alone.folder / "state/leases").mkdir(parents=True)
    (alone.folder / "state/leases/dnsmasq.leases").write_text(f"0 02:00:00:00:00:99 {stranded.address} * *\n")
    alone.start(router_of([LAN, TINY], stranded, guest(21, "ignore")))
    readiness, survey = alone.definition.manifest.readiness, alone.definition.manifest.survey
    asked = alone.ask(readiness.probes)
    assert all(one.is_good for one in asked)
    assert sum("OFFER of 10.1.1.0" in one.message or "OFFER of 10.1.2.0" in one.message for one in asked) == 2
    assert sum("guest.supervisor.invalid" in one.message for one in asked) == 2
    assert survey
    assert [one.is_good for one in alone.ask(survey.probes)] == [False, True]
    assert "expected an OFFER of 10.1.1.20" in alone.wrong(survey.probes)
    # It has no lease, no name in the guests' domain, and no address that a guest could have.
    assert alone.dig("-x", "10.1.1.0") == ["guest.supervisor.invalid."]
    assert alone.dig("guest.cs.lab") == alone.dig("guest.supervisor.invalid.cs.lab") == []
    assert alone.instance.mac not in (alone.folder / "state/leases/dnsmasq.leases").read_text()


def test_no_guest_disturbs_the_supervisors_own(alone: Alone) -> None:
    """One that asks for its address, or for its name, gets neither; the network of two guests has one, too."""
    host, tiny = guest(20, "vm-020"), guest(21, address=IPv4Address("10.1.2.2"), interface="eth1")
    alone.start(router_of([LAN, TINY], host, tiny))
    assert (answer := alone.leased(tiny, relay="10.1.2.1"))
    assert (answer.type, answer.yiaddr) == (MessageType.ACK, tiny.address)
    answer = alone.leased(replace(host, address=IPv4Address("10.1.1.0")))
    assert answer is None or answer.type is MessageType.NAK
    assert alone.leased(host, (Option.HOST_NAME, b"guest.supervisor.invalid"))
    assert sorted(alone.dig("guest.supervisor.invalid")) == ["10.1.1.0", "10.1.2.0"]
    assert not alone.wrong(alone.definition.manifest.readiness.probes)


def test_every_network_is_asked_for_and_those_too_small_or_not_up_hold_nothing_up(alone: Alone) -> None:
    """Two networks of one card, one that is not there yet, one of two addresses; names are left to others."""
    second = replace(LAN, address=IPv4Interface("10.1.3.1/29"), gateway=IPv4Address("10.1.3.1"))
    absent = replace(LAN, interface="eth7", address=IPv4Interface("10.1.4.1/24"), gateway=IPv4Address("10.1.4.1"))
    pair = replace(LAN, interface="eth8", address=IPv4Interface("10.1.5.0/31"), gateway=IPv4Address("10.1.5.0"))
    ip("-n", alone.namespace.name, "addr", "add", "10.1.3.1/29", "dev", "eth0")
    try:
        hosts = guest(20), guest(21, address=IPv4Address("10.1.3.2")), guest(22, address=IPv4Address("10.1.2.2"))
        alone.start(router_of([LAN, TINY, second, absent, pair], *hosts, dns=Dns(is_served=False)))
        found = alone.ask(alone.definition.manifest.readiness.probes)
        assert [one.is_good for one in found] == [True, True, True, False]
        assert [one.is_telling for one in found] == [True, True, True, False]
        assert alone.ask(alone.definition.manifest.liveness.probes)
        survey = alone.definition.manifest.survey
        assert survey
        assert not alone.wrong(survey.probes)
    finally:
        ip("-n", alone.namespace.name, "addr", "del", "10.1.3.1/29", "dev", "eth0")
