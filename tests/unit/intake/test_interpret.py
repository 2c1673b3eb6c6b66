"""Bags into the router's configuration: what the samples mean, and that a bad part blocks nothing else."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from supervisor.edges.intake import CloudStackIntake, interpret
from supervisor.values.balancing import Balance, Listener, Statistics
from supervisor.values.errors import Fault
from supervisor.values.members import Backend, MemberOption
from supervisor.values.router import Dns, GuestNetwork, Host, IkeVersion, RouterConfig, SiteToSite
from supervisor.values.secret import Secret
from supervisor.values.stickiness import (
    CookieMode,
    CookieOption,
    CookieStickiness,
    LearnedCookieStickiness,
    SourceStickiness,
)
from supervisor.values.tls import TlsVersion
from tests.kit.samples.bounds import BOUNDS

SAMPLES = Path(__file__).parents[2] / "data" / "cloudstack"
LINE = json.loads((SAMPLES / "bag_cmdline_router.json").read_text())
A = IPv4Address


def configured(*names: str) -> tuple[RouterConfig, tuple[Fault, ...]]:
    intake = CloudStackIntake()
    files = [(name, (SAMPLES / f"{name}.json").read_bytes()) for name in names]
    return intake.interpret(intake.take(None, files).stored)


def test_nothing_kept_is_an_empty_router() -> None:
    assert CloudStackIntake().interpret(None) == (RouterConfig(), ())


def test_an_isolated_networks_router() -> None:
    router, faults = configured(
        "cmd_cmd_line_router",
        "cmd_ip_associations",
        "cmd_vm_dhcp_entry_default_nic",
        "cmd_vm_dhcp_entry_nondefault_nic",
    )
    assert faults == ()
    assert (router.name, router.domain) == ("r-41-VM", "acme.internal")
    resolvers = (A("10.1.1.1"), A("192.0.2.53"), A("192.0.2.54"))
    network = GuestNetwork("eth0", IPv4Interface("10.1.1.1/24"), A("10.1.1.1"), "acme.internal", resolvers, 1500)
    assert router.networks == (network,)
    assert router.public_addresses == (IPv4Interface("203.0.113.10/24"), IPv4Interface("203.0.113.23/24"))
    assert router.dns == Dns((A("192.0.2.53"), A("192.0.2.54")))
    assert router.hosts == (
        Host("02:00:4f:10:00:05", A("10.1.1.21"), "web-01", None, True, "eth0", A("10.1.1.1")),
        Host("02:00:4f:10:00:06", A("10.1.1.22"), "db-01", 7200, False, "eth0", A("10.1.1.1")),
    )


def test_the_tiers_of_a_redundant_pair() -> None:
    router, faults = configured(
        "cmd_cmd_line_vpcrouter_redundant", "cmd_guest_network_add", "cmd_guest_network_add_dualstack"
    )
    assert faults == ()
    assert [(network.interface, network.gateway, network.domain, network.mtu) for network in router.networks] == [
        ("eth2", A("10.20.1.1"), "vpc1.internal", 1500),
        ("eth3", A("10.20.2.1"), "vpc1.internal", 1500),
    ]
    assert router.networks[0].dns == (A("10.20.1.1"), A("192.0.2.53"), A("192.0.2.54"))
    assert router.service_addresses == (A("10.20.1.1"), A("10.20.2.1"))


def test_a_shared_networks_server_is_not_the_gateway_and_may_leave_names_to_others() -> None:
    router, faults = configured("cmd_cmd_line_dhcpsrvr")
    assert faults == ()
    (network,) = router.networks
    assert (network.address, network.gateway) == (IPv4Interface("198.18.5.4/24"), A("198.18.5.1"))
    assert network.dns == (A("192.0.2.53"),)
    assert network.search == ("corp.example", "lab.example")
    assert router.service_addresses == (A("198.18.5.4"),)
    assert not router.dns.is_served


def test_a_host_that_is_removed_is_gone() -> None:
    router, _ = configured("cmd_cmd_line_router", "cmd_vm_dhcp_entry_default_nic", "cmd_vm_dhcp_entry_remove")
    assert router.hosts == ()


def test_metadata_and_passwords() -> None:
    router, faults = configured("cmd_vm_metadata", "cmd_vm_metadata_no_userdata", "cmd_vm_password")
    assert faults == ()
    web, database = router.metadata
    assert web.user_data == b"#cloud-config\npackages:\n  - nginx\n"
    assert dict(web.items)["tier"] == "frontend"
    assert [key for key, _ in web.items][:3] == ["service-offering", "availability-zone", "local-ipv4"]
    assert database.user_data is None
    assert dict(database.items)["public-keys"] is None
    assert "cloud-identifier" not in dict(database.items), "an empty text takes the key away"
    (password,) = router.passwords
    assert (password.address, password.secret) == (A("10.1.1.21"), Secret("Kt7pXq2Zr9"))
    assert len(password.offer) == 64


def test_load_balancing() -> None:
    router, faults = configured("cmd_load_balancer")
    assert faults == ()
    balancing = router.load_balancing
    assert (balancing.max_connections, balancing.connect_timeout_ms) == (4096, 5000)
    assert (balancing.client_timeout_ms, balancing.server_timeout_ms) == (50000, 50000)
    vip = A("203.0.113.23")
    assert balancing.listeners == (
        Listener(
            "203_0_113_23-80",
            vip,
            80,
            True,
            Balance.ROUND_ROBIN,
            (
                Backend("203_0_113_23-80_0", A("10.1.1.21"), 8080, "10_1_1_21-8080"),
                Backend("203_0_113_23-80_1", A("10.1.1.22"), 8080, "10_1_1_22-8080"),
            ),
            keep_alive=False,
            stickiness=CookieStickiness(
                "acmesrv",
                CookieMode.INSERT,
                ((CookieOption.HIDDEN_FROM_MEMBERS, None), (CookieOption.NOT_CACHED, None)),
            ),
            allowed_sources=(IPv4Network("198.51.100.0/24"), IPv4Network("203.0.113.0/24")),
        ),
        Listener(
            "203_0_113_23-3306",
            vip,
            3306,
            False,
            Balance.SOURCE,
            (Backend("203_0_113_23-3306_0", A("10.1.1.22"), 3306, proxy_protocol=True),),
            keep_alive=False,
            stickiness=SourceStickiness(204_800, 1_800_000),
        ),
    )
    assert balancing.statistics == (
        Statistics(
            "stats_on_public",
            A("203.0.113.10"),
            8081,
            "/admin?stats",
            "Haproxy Statistics",
            "admin1",
            Secret("ChangeMe"),
        ),
    )


def test_no_rules_leave_the_statistics_and_no_stand_in() -> None:
    router, faults = configured("cmd_load_balancer_all_rules_removed")
    assert faults == ()
    assert router.load_balancing.listeners == ()
    assert len(router.load_balancing.statistics) == 1


@pytest.mark.parametrize(
    ("sample", "version", "is_split"),
    [("cmd_site_2_site_vpn", IkeVersion.V2, False), ("cmd_site_2_site_vpn_split", IkeVersion.V1, True)],
)
def test_tunnels(sample: str, version: IkeVersion, is_split: bool) -> None:
    router, faults = configured(sample)
    assert faults == ()
    assert router.vpn.site_to_site == (
        SiteToSite(
            name="vpn-198.51.100.7",
            local_address=A("203.0.113.80"),
            local_networks=(IPv4Network("10.20.0.0/16"),),
            peer_address=A("198.51.100.7"),
            peer_networks=(IPv4Network("172.31.10.0/24"), IPv4Network("172.31.20.0/24")),
            ike_proposals=(("aes256", "sha256", "modp2048"),),
            esp_proposals=(("aes256", "sha256", "modp2048"),),
            ike_version=version,
            ike_lifetime=86400,
            esp_lifetime=3600,
            psk=Secret("0nly-F0r-T3sts"),
            has_dead_peer_detection=True,
            has_split_connections=is_split,
        ),
    )


def _balanced(*lines: str, **rules: Any) -> tuple[tuple[Listener, ...], tuple[Fault, ...]]:
    text = ["defaults", "\tmode tcp", "\tno option httpclose", "\t ", *lines]
    router, faults = interpret({"loadbalancer": {"config": [{"configuration": text, **rules}]}}, BOUNDS)
    return router.load_balancing.listeners, faults


_RULE = ("listen a-80", "\tbind 203.0.113.23:80", "\tmode http", "\tserver a_0 10.1.1.21:80 check")


def test_an_offering_with_keep_alive_sends_a_line_that_no_daemon_takes_any_more() -> None:
    (listener,), faults = _balanced(*_RULE, "\tno option forceclose")
    assert faults == ()
    assert listener.keep_alive


def test_following_an_applications_cookie_is_translated() -> None:
    (listener,), faults = _balanced(
        *_RULE, "\tappsession JSESSIONID len 40 timeout 2h request-learn prefix mode query-string"
    )
    assert [fault.problem for fault in faults] == [
        "prefix of appsession is left out: only a cookie of just this name is followed"
    ]
    learned = LearnedCookieStickiness("JSESSIONID", 40, 7_200_000, learns_from_requests=True, url_delimiter="?")
    assert listener.stickiness == learned


def _certificate() -> tuple[str, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([]), datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    form = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return builder.sign(key, SHA256()).public_bytes(Encoding.PEM).decode(), key.private_bytes(*form).decode()


@pytest.mark.parametrize(
    ("cert", "key", "problem"),
    [
        ("CERT", "", "certificate a-443 cannot be read: listener refused"),
        ("", "KEY", "the key of certificate a-443 cannot be read: listener refused"),
        ("", _certificate()[1], "the key of certificate a-443 belongs to another one: listener refused"),
    ],
)
def test_a_certificate_that_no_daemon_can_load_costs_its_own_listener_only(cert: str, key: str, problem: str) -> None:
    good = _certificate()
    (listener,), (fault,) = _balanced(
        "listen a-443",
        "\tbind 203.0.113.23:443 ssl crt /etc/cloudstack/ssl/a-443.pem",
        *_RULE,
        ssl_certs=[{"name": "a-443", "cert": cert or good[0], "key": key or good[1]}],
    )
    assert listener.port == 80
    assert fault.problem == problem


_OWN = {
    "cmdline": LINE,
    "ips": {
        "eth0": [{"add": True, "nw_type": "guest", "device": "eth0", "cidr": "10.1.1.1/24", "public_ip": "10.1.1.1"}],
        "eth1": [
            {"add": True, "nw_type": "control", "device": "eth1", "cidr": "169.254.3.4/16", "public_ip": "169.254.3.4"}
        ],
        "eth2": [
            {"add": True, "nw_type": "public", "device": "eth2", "cidr": "203.0.113.23/24", "public_ip": "203.0.113.23"}
        ],
    },
}


@pytest.mark.parametrize(
    ("head", "bind", "problem"),
    [
        ("b", "10.1.1.1:80", "b: 10.1.1.1:80 is where guests reach the router: listener refused"),
        ("b", "10.1.1.1:53", "b: 10.1.1.1:53 is where guests reach the router: listener refused"),
        ("b", "10.1.1.1:8080", "b: 10.1.1.1:8080 is where guests reach the router: listener refused"),
        ("b", "10.1.1.1:81", None),
        ("b", "169.254.3.4:81", None),
        ("b", "203.0.113.23:8080", None),
        ("b", "198.51.100.1:81", "b: 198.51.100.1 is no address of the router: listener refused"),
        ("a-80", "203.0.113.23:81", "'a-80': another listener has this name"),
        ("b", "203.0.113.23:80", "b: 203.0.113.23:80 is bound already"),
    ],
)
def test_a_listener_where_it_must_not_be_is_refused_alone(head: str, bind: str, problem: str | None) -> None:
    text = [*_RULE, f"listen {head}", f"\tbind {bind}", "\tserver s 10.1.1.21:80"]
    router, faults = interpret({**_OWN, "loadbalancer": {"config": [{"configuration": text}]}}, BOUNDS)
    assert [fault.problem for fault in faults] == ([problem] if problem else [])
    assert [listener.name for listener in router.load_balancing.listeners] == ["a-80"] + ([] if problem else [head])


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("10.1.1.1", "an address of the router"),
        ("203.0.113.23", "an address of the router"),
        ("169.254.3.4", "an address of the router"),
        ("127.0.0.1", "the router itself"),
        ("127.8.0.1", "the router itself"),
        ("0.0.0.0", "the router itself"),
        ("0.0.0.1", "the router itself"),
        ("198.18.0.6", "where services are"),
        ("169.254.169.254", "a link-local address"),
        ("224.0.0.18", "no address of one machine"),
        ("255.255.255.255", "no address of one machine"),
    ],
)
def test_a_member_by_which_clients_would_reach_the_router_is_left_out_alone(address: str, reason: str) -> None:
    text = [*_RULE, "listen b", "\tbind 203.0.113.23:81", f"\tserver own {address}:22", "\tserver guest 10.1.1.21:80"]
    router, faults = interpret({**_OWN, "loadbalancer": {"config": [{"configuration": text}]}}, BOUNDS)
    assert [fault.problem for fault in faults] == [f"server own: {address} is {reason}: left out"]
    assert [member.name for member in router.load_balancing.listeners[-1].backends] == ["guest"]


def test_the_addresses_of_services_are_those_of_the_settings() -> None:
    text = ["listen b", "\tbind 203.0.113.23:81", "\tserver a 198.18.0.6:22", "\tserver b 10.200.0.6:22"]
    bags = {**_OWN, "loadbalancer": {"config": [{"configuration": text}]}}
    router, (fault,) = interpret(bags, BOUNDS, IPv4Network("10.200.0.0/16"))
    assert fault.problem == "server b: 10.200.0.6 is where services are: left out"
    assert [member.name for member in router.load_balancing.listeners[-1].backends] == ["a"]


def test_each_address_of_the_router_is_known_with_its_interface() -> None:
    router, _ = interpret(_OWN, BOUNDS)
    assert [(str(own.address), own.interface, own.use) for own in router.addresses] == [
        ("10.1.1.1/24", "eth0", "guest"),
        ("169.254.3.4/16", "eth1", "other"),
        ("203.0.113.23/24", "eth2", "public"),
    ]
    assert router.sides(IPv4Address("203.0.113.23")) == ("eth2", "eth0")


@pytest.mark.parametrize(
    "line",
    [
        "\tstick-table type ip size 200k expire 9999999999d\n\tstick on src",
        "\tstick-table type ip size 999999999g expire 30m\n\tstick on src",
        "\tappsession JSESSIONID len 40 timeout 25d",
        "\tcookie #a insert",
    ],
)
def test_what_the_daemon_would_refuse_all_listeners_for_costs_its_own_only(line: str) -> None:
    (listener,), (fault,) = _balanced("listen b", "\tbind 203.0.113.23:81", line, *_RULE)
    assert listener.name == "a-80"
    assert fault.path == "loadbalancer.configuration line 5"


def test_a_certificate_is_one_text_and_tls_words_on_servers_are_kept() -> None:
    certificate, key = _certificate()
    entry = {"name": "203_0_113_23-443", "cert": certificate, "chain": certificate.rstrip(), "key": key}
    (listener,), faults = _balanced(
        "listen 203_0_113_23-443",
        "\tbind 203.0.113.23:443 ssl crt /etc/cloudstack/ssl/203_0_113_23-443.pem alpn h2,http/1.1 no-tls-tickets",
        "\tmode http",
        "\thttp-request add-header X-Forwarded-Proto https",
        "\tserver s 10.1.1.21:80 check alpn h2,http/1.1 ssl-min-ver TLSv1.2 no-tls-tickets ciphers ECDHE+AESGCM"
        " ciphersuites TLS_AES_128_GCM_SHA256",
        ssl_certs=[entry],
    )
    assert faults == ()
    assert listener.certificate is not None
    assert listener.certificate.pem == Secret(certificate + key), "the chain is the same certificate"
    assert listener.header_rules == (), "each listener with TLS says so"
    assert listener.backends[0].settings == (
        (MemberOption.TLS_ALPN, ("h2", "http/1.1")),
        (MemberOption.TLS_LEAST, TlsVersion.V1_2),
        (MemberOption.TLS_WITHOUT_TICKETS, None),
        (MemberOption.TLS_CIPHERS, ("ECDHE+AESGCM",)),
        (MemberOption.TLS_CIPHER_SUITES, ("TLS_AES_128_GCM_SHA256",)),
    )


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("\tunknown thing", "'unknown' is unknown: left out"),
        ("\tserver a_1 10.1.1.22:80 check maxconn", "maxconn: '' is not a number between 0 and 1000000: left out"),
        ("\tserver a_1 10.1.1.22:80 check non-stick", "'non-stick' is unknown: left out"),
        ("\tserver a_1 elsewhere:80 check", "AddressValueError"),
        ("\tbalance hdr(X)", "balance 'hdr(X)' is unknown: left out"),
        ("\tserver a_0 10.1.1.22:80 check", "another server has the name a_0: left out"),
    ],
)
def test_a_directive_that_is_not_known_is_named_by_its_line_and_the_listener_serves(line: str, problem: str) -> None:
    (listener,), (fault,) = _balanced(*_RULE, line)
    assert listener.backends[0].address == A("10.1.1.21")
    assert fault.path == "loadbalancer.configuration line 9"
    assert fault.problem.startswith(problem)


@pytest.mark.parametrize("line", ["\tstats auth :S3cret", "\thttp-request auth S3cret", "\tS3cre t"])
@pytest.mark.parametrize("head", ["", "defaults"])
def test_a_directive_that_is_refused_is_not_quoted(line: str, head: str) -> None:
    _, (fault, *_) = _balanced(*((head, line, *_RULE) if head else (*_RULE, line)))
    assert "S3cret" not in fault.problem
    assert line.split(maxsplit=1)[0] in fault.problem


@pytest.mark.parametrize(
    "line",
    [
        "\tacl other src 192.0.2.1",
        "\ttcp-request connection reject",
        "\ttcp-request connection reject if !network_allowed",
        "\tacl network_allowed src anywhere",
        "\tcookie a rewrite evil",
        "\tbind 203.0.113.24:80",
        "\tappsession",
    ],
)
def test_a_listener_that_would_let_in_more_than_it_should_or_make_no_sense_is_refused_alone(line: str) -> None:
    other = ("listen b-81", "\tbind 203.0.113.23:81", "\tserver b_0 10.1.1.21:81 check")
    (listener,), faults = _balanced(*_RULE, line, *other)
    assert listener.port == 81
    assert faults


@pytest.mark.parametrize(
    "rule",
    [
        ("listen a-80", "\tbind 0.0.0.0:80"),
        ("listen a-80", "\tbind 203.0.113.23:http"),
        ("listen a-80",),
        ("listen a;rm", "\tbind 203.0.113.23:82"),
        ("listen s", "\tbind 203.0.113.23:443 ssl crt /x/missing.pem"),
        ("listen s", "\tbind 203.0.113.23:443 ssl crt"),
        ("listen twice", "\tbind 203.0.113.23:80"),
        ("listen page", "\tbind 203.0.113.23:8081", "\tstats enable"),
        ("frontend x", "\tbind 203.0.113.23:83"),
    ],
)
def test_a_rule_that_cannot_be_used_does_not_block_the_rest(rule: tuple[str, ...]) -> None:
    (listener,), faults = _balanced(*_RULE, *rule)
    assert listener.port == 80
    assert len(faults) == 1


_ENTRY = {"ipv4_address": "10.1.1.30", "mac_address": "02:00:00:00:00:01", "host_name": "good"}
_ADDRESS = {"add": True, "nw_type": "guest", "device": "eth0", "cidr": "10.1.1.1/24", "public_ip": "10.1.1.1"}


@pytest.mark.parametrize(
    ("entry", "problem", "count"),
    [
        ({"ipv4_address": "10.9.9.9"}, "is in none of the guest networks", 1),
        ({"ipv4_address": "10.1.1.1"}, "is the router's own address", 1),
        ({"lease_time": -5}, "lease_time -5 is not a number of seconds", 1),
        ({"host_name": "a\naddress=/#/6.6.6.6"}, "is not a host name: leased without one", 2),
        ({"host_name": "_web"}, "is a name for DNS, but not for a host: leased without one", 2),
        ({"host_name": "Data-Server"}, "is a name of the router's: leased without one", 2),
        ({"host_name": LINE["config"]["name"].upper()}, "is a name of the router's: leased without one", 2),
        ({"default_gateway": "10.9.9.9"}, "is not in 10.1.1.0/24: leased with the gateway of its network", 2),
        ({"default_gateway": "nowhere"}, "is not an IPv4 address: leased with the gateway of its network", 2),
        ({"ipv4_address": "10.1.1.0"}, "is no guest's address: 10.1.1.0/24 begins or ends with it", 1),
        ({"ipv4_address": "10.1.1.255"}, "is no guest's address: 10.1.1.0/24 begins or ends with it", 1),
    ],
)
def test_a_bad_host_is_named_and_the_others_are_served(entry: dict[str, Any], problem: str, count: int) -> None:
    bad = _ENTRY | {"ipv4_address": "10.1.1.31"} | entry
    bags = {"cmdline": LINE, "ips": {"eth0": [_ADDRESS]}, "dhcpentry": {"10.1.1.30": _ENTRY, "10.1.1.31": bad}}
    router, (fault,) = interpret(bags, BOUNDS)
    assert fault.problem.endswith(problem)
    assert len(router.hosts) == count


def test_hostile_keys_of_metadata_are_left_out_and_named() -> None:
    keys = ["../../x", "", ".hidden", "a/b", "a\nb", "x" * 300, "ok-key"]
    rows = [["metadata", key, "v"] for key in keys] + [["password", "vm_password", "x"]]
    router, faults = interpret({"vmdata": {"10.1.1.21": rows}})
    assert router.metadata[0].items == (("ok-key", "v"),)
    assert len(faults) == len(keys) - 1


@pytest.mark.parametrize(
    ("text", "found"), [("aGk", b"hi"), ("aGk=", b"hi"), ("/wD+", b"\xff\x00\xfe"), ("", b""), ("a&b", None)]
)
def test_user_data_is_binary_and_its_padding_may_be_lost(text: str, found: bytes | None) -> None:
    router, faults = interpret({"vmdata": {"10.1.1.21": [["userdata", "user-data", text], ["metadata", "a", "b"]]}})
    assert router.metadata[0].user_data == found
    assert router.metadata[0].items == (("a", "b"),)
    assert bool(faults) == (found is None)


@pytest.mark.parametrize(
    "change",
    [
        {"ike_policy": "aes256-sha256;modp2048\n}"},
        {"ike_version": "ikev3"},
        {"ipsec_psk": ""},
        {"peer_guest_cidr_list": " , "},
        {"local_public_ip": None},
        {"ike_lifetime": 5},
    ],
)
def test_a_bad_tunnel_does_not_block_the_others(change: dict[str, Any]) -> None:
    good = json.loads((SAMPLES / "bag_site2sitevpn.json").read_text())["198.51.100.7"]
    bad = good | {"peer_gateway_ip": "198.51.100.8"} | change
    router, (fault,) = interpret({"site2sitevpn": {"198.51.100.7": good, "198.51.100.8": bad}})
    assert [tunnel.name for tunnel in router.vpn.site_to_site] == ["vpn-198.51.100.7"]
    assert fault.path == "site2sitevpn.198.51.100.8"


def test_a_hostile_boot_line_leaves_a_router_with_plain_names() -> None:
    line = LINE["config"] | {"name": "r\nx", "domain": "a b", "dns1": "x", "dns2": "192.0.2.54"}
    router, faults = interpret({"cmdline": {"config": line}})
    assert (router.name, router.domain, router.dns.upstreams) == ("router", "", (A("192.0.2.54"),))
    assert [fault.path for fault in faults] == ["cmdline.name", "cmdline.domain", "cmdline.dns1"]


@pytest.mark.parametrize("scope", ["x\nlog-queries", "a b", "", "eth0/../../x", "interface-of-17ch"])
def test_a_resolver_cannot_smuggle_lines_in_its_scope(scope: str) -> None:
    line = LINE["config"] | {"ip6dns1": f"fe80::1%{scope}", "ip6dns2": "fe80::2%eth0"}
    router, (fault,) = interpret({"cmdline": {"config": line}})
    assert router.dns.upstreams[-1] == IPv6Address("fe80::2%eth0")
    assert not any(str(address).startswith("fe80::1") for address in router.dns.upstreams)
    assert fault.path == "cmdline.ip6dns1"
    network = {"router_guest_ip": "10.1.1.1", "router_guest_netmask": "255.255.255.0", "dns": f"fe80::1%{scope}"}
    router, (fault,) = interpret({"guestnetwork": {"eth2": [network]}})
    assert router.networks == ()


def test_networks_that_overlap_are_refused_but_the_first() -> None:
    base = {"router_guest_netmask": "255.255.255.0", "add": True}
    bag = {"eth2": [base | {"router_guest_ip": "10.1.1.1"}], "eth3": [base | {"router_guest_ip": "10.1.1.2"}]}
    router, (fault,) = interpret({"guestnetwork": bag})
    assert [network.interface for network in router.networks] == ["eth2"]
    assert "overlaps" in fault.problem


@pytest.mark.parametrize(
    ("gateway", "told"),
    [("10.1.1.1", A("10.1.1.1")), ("0.0.0.0", A("0.0.0.0")), ("10.1.1.254", A("10.1.1.254")), ("", None), (None, None)],
)
def test_a_guests_own_gateway(gateway: str | None, told: IPv4Address | None) -> None:
    entry = {**_ENTRY, "default_gateway": gateway}
    router, faults = interpret({"cmdline": LINE, "ips": {"eth0": [_ADDRESS]}, "dhcpentry": {"10.1.1.30": entry}})
    assert faults == ()
    assert [host.gateway for host in router.hosts] == [told]


@pytest.mark.parametrize(
    ("line", "is_backup"),
    [
        ({"redundant_router": "1", "redundant_state": "BACKUP"}, True),
        ({"redundant_router": "1", "redundant_state": "backup"}, True),
        ({"redundant_router": "1", "redundant_state": "FAULT"}, True),
        ({"redundant_router": "1", "redundant_state": "PRIMARY"}, False),
        ({"redundant_router": "1", "redundant_state": "MASTER"}, False),
        ({"redundant_router": "1"}, False),
        ({"redundant_state": "BACKUP"}, False),
    ],
)
def test_a_backup_is_a_router_of_a_pair_that_says_so(line: dict[str, str], is_backup: bool) -> None:
    facts = {**LINE["config"], **line}
    if "redundant_router" not in line:
        facts.pop("redundant_router", None)
    command = {"type": "cmdline", "cmd_line": facts}
    intake = CloudStackIntake()
    taken = intake.take(None, [("cmd_line.json", json.dumps(command).encode())])
    assert intake.interpret(taken.stored)[0].is_backup is is_backup
