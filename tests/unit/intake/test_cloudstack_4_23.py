"""The command files that CloudStack 4.23's own generator wrote: each is taken right, or passed over and named."""

from __future__ import annotations

import json
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path

import pytest

from supervisor.edges.intake import CloudStackIntake
from supervisor.values.balancing import Balance, Listener, LoadBalancing, StatisticsPage
from supervisor.values.intake import Taken
from supervisor.values.members import MemberOption
from supervisor.values.router import RouterConfig
from supervisor.values.secret import Secret
from supervisor.values.stickiness import (
    CookieMode,
    CookieOption,
    CookieStickiness,
    LearnedCookieStickiness,
    SourceStickiness,
)
from supervisor.values.tls import Tls, TlsVersion

DATA = Path(__file__).parents[2] / "data"
FILES = {path.name.partition("--")[0]: path for path in sorted((DATA / "cloudstack-4.23").iterdir())}
CORE = "is core networking, which the router's own software does"
A = IPv4Address


def taken(*names: str) -> tuple[Taken, RouterConfig, list[str]]:
    """Return what becomes of the files on a router that has the addresses which they speak of."""
    line = json.loads((DATA / "cloudstack" / "cmd_cmd_line_router.json").read_text())
    line["cmd_line"]["eth2ip"] = "203.0.113.2"
    address = {"public_ip": "203.0.113.10", "netmask": "255.255.255.0", "add": True, "nic_dev_id": 2}
    before = [line, {"type": "ips", "ip_address": [address]}]
    files = [(f"{number}.json", json.dumps(command).encode()) for number, command in enumerate(before)]
    files += [(FILES[name].name, FILES[name].read_bytes()) for name in names]
    intake = CloudStackIntake()
    result = intake.take(None, files)
    router, faults = intake.interpret(result.stored)
    return result, router, [fault.problem for fault in faults]


def balanced(name: str) -> LoadBalancing:
    result, router, faults = taken(name)
    assert (result.refused, result.notes, faults) == ((), (), [])
    return router.load_balancing


def rule(name: str) -> Listener:
    (listener,) = balanced(name).listeners
    return listener


@pytest.mark.parametrize("name", FILES)
def test_no_file_is_refused(name: str) -> None:
    """Nor is a part of one, but for the one word that no daemon here can carry out."""
    result, _, faults = taken(name)
    assert result.refused == ()
    prefix = "prefix of appsession is left out: only a cookie of just this name is followed"
    assert faults == ([prefix] if "appcookie" in name else [])


PASSED_OVER = {
    "035-guestnet-v6": "IPv6, which no service here has anything for",
    "040-dhcp-v6only": "dhcpentry of a guest without an IPv4 address: no service here has anything for it",
    "047-l2tp": "remoteaccessvpn is not supported yet",
    "048-monitor": "monitorservice is for the router's own monitor",
    "049-ipalias": "ipaliases is not supported yet",
    "051-dnsmasqcfg": "dhcpconfig is obsolete: the entries of its guests say the same",
    "054-bgp": f"bgppeers {CORE}",
    "056-fw": f"firewallrules {CORE}",
    "057-fw6": f"ipv6firewallrules {CORE}",
    "058-pf": f"forwardrules {CORE}",
    "060-acl": f"networkacl {CORE}",
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_passed_over_says_so(name: str) -> None:
    result, _, _ = taken(name)
    assert [note.partition(": ")[2] for note in result.notes] == ([PASSED_OVER[name]] if name in PASSED_OVER else [])


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("000-lb-stats-global", "203.0.113.2"),
        ("001-lb-stats-guest-network", "10.1.1.1"),
        ("002-lb-stats-link-local", "169.254.120.7"),
        ("004-lb-stats-disabled", None),
        ("032-lb-none", "203.0.113.2"),
    ],
)
def test_statistics_are_shown_where_their_visibility_says(name: str, address: str | None) -> None:
    found = balanced(name)
    assert [(str(page.address), page.port) for page in found.statistics] == ([(address, 8081)] if address else [])
    assert len(found.listeners) == (name != "032-lb-none")


def test_statistics_of_the_default_visibility_are_a_page_of_each_rule() -> None:
    page = StatisticsPage("/admin?stats", "Haproxy Statistics", "admin1", Secret("ChangeMe"))
    assert rule("005-lb-stats-default").page == page
    assert balanced("005-lb-stats-default").statistics == ()


@pytest.mark.parametrize(
    ("name", "is_http", "keeps_alive", "limit"),
    [
        ("007-lb-keep-false-idle-0", True, False, None),
        ("008-lb-keep-false-idle-60000", True, False, 60_000),
        ("010-lb-keep-true-idle-50000", False, True, 50_000),
        ("011-lb-keep-true-idle-0", False, True, None),
        ("013-lb-keep-true-idle", False, True, 60_000),
        ("022-lb-cookie", True, False, 50_000),
        ("027-lb-cookie-keep", True, True, 50_000),
    ],
)
def test_connections_are_kept_as_long_as_the_offering_says(
    name: str, is_http: bool, keeps_alive: bool, limit: int | None
) -> None:
    found = balanced(name)
    assert (rule(name).is_http, rule(name).keep_alive) == (is_http, keeps_alive)
    assert (found.client_timeout_ms, found.server_timeout_ms) == (limit, limit)


@pytest.mark.parametrize("name", ["018-lb-ssl", "019-lb-ssl-chain"])
def test_tls_is_ended_here_with_the_ciphers_that_were_sent(name: str) -> None:
    found = rule(name)
    ciphers = (
        "ECDHE-RSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "DHE-RSA-AES256-GCM-SHA384",
        "DHE-RSA-AES128-GCM-SHA256",
        "AES256-GCM-SHA384",
        "AES128-GCM-SHA256",
    )
    suites = ("TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256")
    assert found.tls == Tls(ciphers, suites, TlsVersion.V1_2, None, ("h2", "http/1.1"))
    assert found.is_http
    assert found.certificate
    assert found.certificate.pem.reveal().count("BEGIN CERTIFICATE") == 1  # the chain says the same one once more
    assert {option for option, _ in found.backends[0].settings} == {
        MemberOption.TLS_LEAST,
        MemberOption.TLS_WITHOUT_TICKETS,
        MemberOption.TLS_CIPHERS,
        MemberOption.TLS_CIPHER_SUITES,
    }


def test_a_port_for_tls_without_a_certificate_passes_connections_on() -> None:
    found = rule("021-lb-ssl-nocert")
    assert (found.port, found.is_http, found.certificate) == (443, False, None)


def test_clients_stay_with_a_member() -> None:
    cookie = (
        (CookieOption.HIDDEN_FROM_MEMBERS, None),
        (CookieOption.NOT_CACHED, None),
        (CookieOption.ONLY_AFTER_POST, None),
        (CookieOption.DOMAIN, ".shop.example"),
        (CookieOption.DOMAIN, "www.shop.example"),
    )
    assert rule("022-lb-cookie").stickiness == CookieStickiness("srv", CookieMode.INSERT, cookie)
    default = CookieStickiness("lbcooki_209728369_80", CookieMode.INSERT)
    assert rule("028-lb-cookie-default-keep").stickiness == default
    assert rule("024-lb-source").stickiness == SourceStickiness(204_800, 1_800_000)
    for name in ("025-lb-appcookie", "030-lb-appcookie-keep"):
        (listener,) = taken(name)[1].load_balancing.listeners
        learned = LearnedCookieStickiness("JSESSIONID", 52, 10_800_000, learns_from_requests=True, url_delimiter=";")
        assert listener.stickiness == learned


def test_the_other_words_of_rules() -> None:
    assert rule("016-lb-cidr").allowed_sources == (IPv4Network("203.0.113.0/24"), IPv4Network("198.51.100.0/24"))
    tcp = rule("014-lb-tcp")
    assert (tcp.balance, tcp.is_http) == (Balance.LEAST_CONNECTIONS, False)
    assert all(member.is_checked for member in tcp.backends)


def test_networks_guests_and_what_they_may_read() -> None:
    names = ("034-guestnet", "035-guestnet-v6", "037-dhcp", "038-dhcp-nondefault", "041-vmdata", "042-password")
    _, router, faults = taken(*names)
    assert faults == []
    assert [(network.interface, str(network.address), network.mtu) for network in router.networks] == [
        ("eth0", "10.1.1.1/24", 1500),
        ("eth3", "10.1.2.1/24", 1450),
    ]
    assert [(host.name, host.lease_seconds, host.is_default) for host in router.hosts] == [
        ("new-vm", None, True),
        ("new-vm2", 7200, False),
    ]
    assert dict(router.metadata[0].items)["tier"] == "front"
    assert router.metadata[0].user_data == b"#cloud-config\n"
    assert router.passwords[0].secret == Secret("Kt7pXq2Zr9")


def test_tunnels_to_an_address_and_to_a_name() -> None:
    _, router, faults = taken("043-s2s", "044-s2s-fqdn")
    assert faults == []
    assert [(tunnel.name, tunnel.peer_address) for tunnel in router.vpn.site_to_site] == [
        ("vpn-203.0.113.200", A("203.0.113.200")),
        ("vpn-gw.branch.example", "gw.branch.example"),
    ]


def test_an_address_more() -> None:
    _, router, _ = taken("052-ipassoc")
    assert IPv4Interface("203.0.113.11/24") in router.public_addresses
