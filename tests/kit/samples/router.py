"""A router with something of everything, for the golden files of all services.

Hosts include a second card, one without a name and one whose lease ends; texts include what a hostile guest would
choose. Change it only together with the golden files.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address

from supervisor.values.balancing import Balance, Listener, LoadBalancing, Statistics, StatisticsPage, Switch, TimeLimit
from supervisor.values.manifest import NetworkMode, ServiceManifest
from supervisor.values.members import (
    Backend,
    CheckFlag,
    CheckKind,
    Expectation,
    Expected,
    HeaderAction,
    HeaderRule,
    HealthCheck,
    MemberOption,
    Message,
)
from supervisor.values.names import Digest
from supervisor.values.router import (
    Dns,
    DnsRecord,
    GuestNetwork,
    Host,
    IkeVersion,
    Metadata,
    Password,
    RouterConfig,
    SiteToSite,
    Vpn,
)
from supervisor.values.secret import Secret
from supervisor.values.state import Instance, Link
from supervisor.values.stickiness import (
    CookieMode,
    CookieOption,
    CookieStickiness,
    LearnedCookieStickiness,
    SourceStickiness,
)
from supervisor.values.tls import Certificate, Tls, TlsVersion

_GUEST, _TIER = "eth0", "eth3"
_VIP, _OTHER_VIP = IPv4Address("203.0.113.10"), IPv4Address("203.0.113.11")
_PEM = "certificate, chain and key of the sample\n"


def _host(number: int, name: str, interface: str = _GUEST, **more: object) -> Host:
    subnet = 1 if interface == _GUEST else 2
    facts: dict[str, object] = {
        "mac": f"02:00:0a:01:0{subnet}:{number:02x}",
        "address": IPv4Address(f"10.1.{subnet}.{number}"),
        "name": name,
        "lease_seconds": None,
        "is_default": True,
        "interface": interface,
        "gateway": IPv4Address(f"10.1.{subnet}.1"),
    }
    return Host(**(facts | more))  # type: ignore[arg-type]


def _backends(port: int, **more: object) -> tuple[Backend, ...]:
    return tuple(
        Backend(f"vm-{number}", IPv4Address(f"10.1.1.{number}"), port, **more)  # type: ignore[arg-type]
        for number in (20, 21)
    )


NETWORKS = (
    GuestNetwork(
        interface=_GUEST,
        address=IPv4Interface("10.1.1.1/24"),
        gateway=IPv4Address("10.1.1.1"),
        domain="cs.lab",
        dns=(IPv4Address("10.1.1.1"), IPv4Address("192.0.2.53")),
    ),
    GuestNetwork(
        interface=_TIER,
        address=IPv4Interface("10.1.2.2/25"),
        gateway=IPv4Address("10.1.2.1"),  # the virtual address of a redundant pair
        domain="tier.lab",
        dns=(IPv4Address("10.1.2.1"),),
        mtu=1450,
        search=("tier.lab", "cs.lab"),
    ),
)

HOSTS = (
    _host(20, "vm-020"),
    _host(21, "vm-021", lease_seconds=3600),
    _host(20, "vm-020", _TIER, is_default=False),  # the second card of the first machine
    _host(22, "", _TIER, gateway=None),
)

LISTENERS = (
    Listener("web", _VIP, 80, True, Balance.ROUND_ROBIN, _backends(8080)),
    Listener("ssh", _VIP, 2222, False, Balance.LEAST_CONNECTIONS, _backends(22), keep_alive=False),
    Listener(
        "shop",
        _OTHER_VIP,
        80,
        True,
        Balance.ROUND_ROBIN,
        (
            Backend("vm-20", IPv4Address("10.1.1.20"), 80, cookie="first"),
            Backend("vm-21", IPv4Address("10.1.1.21"), 80, cookie="second"),
        ),
        stickiness=CookieStickiness(
            "SERVERID",
            CookieMode.INSERT,
            (
                (CookieOption.NOT_CACHED, None),
                (CookieOption.HIDDEN_FROM_MEMBERS, None),
                (CookieOption.DOMAIN, "example.org"),
            ),
        ),
    ),
    Listener("mail", _OTHER_VIP, 25, False, Balance.SOURCE, _backends(25, proxy_protocol=True)),
    Listener(
        "database",
        _OTHER_VIP,
        5432,
        False,
        Balance.LEAST_CONNECTIONS,
        _backends(5432),
        stickiness=SourceStickiness(100 * 1024, 600_000),
        allowed_sources=(IPv4Network("198.51.100.0/24"), IPv4Network("192.0.2.7/32")),
    ),
    Listener(
        "application",
        _OTHER_VIP,
        8080,
        True,
        Balance.ROUND_ROBIN,
        _backends(8080),
        stickiness=LearnedCookieStickiness("JSESSIONID"),
    ),
    Listener(
        "secure",
        _VIP,
        443,
        True,
        Balance.ROUND_ROBIN,
        _backends(8443),
        certificate=Certificate("secure-example", Secret(_PEM)),
    ),
    Listener("empty", _VIP, 81, True, Balance.ROUND_ROBIN, ()),
    Listener(
        "tuned",
        _OTHER_VIP,
        8443,
        True,
        Balance.LEAST_CONNECTIONS,
        (
            Backend(
                "vm-20",
                IPv4Address("10.1.1.20"),
                8080,
                settings=(
                    (MemberOption.CHECK_INTERVAL, 5000),
                    (MemberOption.UP_AFTER, 2),
                    (MemberOption.DOWN_AFTER, 3),
                    (MemberOption.MAX_CONNECTIONS, 50),
                ),
            ),
            Backend("vm-21", IPv4Address("10.1.1.21"), 8080, is_checked=False, settings=((MemberOption.BACKUP, None),)),
        ),
        stickiness=LearnedCookieStickiness("JSESSIONID", learns_from_requests=True, url_delimiter=";"),
        certificate=Certificate("tuned-example", Secret(_PEM)),
        tls=Tls(
            ciphers=("ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384"),
            cipher_suites=("TLS_AES_256_GCM_SHA384",),
            greatest_version=TlsVersion.V1_3,
            protocols=("http/1.1",),
        ),
        timeouts=((TimeLimit.CLIENT, 1_800_000), (TimeLimit.SERVER, 1_800_000), (TimeLimit.TUNNEL, 0)),
        retries=1,
        max_connections=500,
        full_load=250,
        health_check=HealthCheck(
            CheckKind.HTTP,
            ("GET", "/health?deep=1", "HTTP/1.1"),
            headers=(HeaderRule(Message.REQUEST, HeaderAction.SET, "Host", Secret("www.example.org")),),
            expectations=(
                Expectation(Expected.STATUS, ((200, 299),)),
                Expectation(Expected.TEXT, "it's down", is_negated=True),
            ),
            flags=(CheckFlag.DRAIN_ON_404,),
        ),
        header_rules=(
            HeaderRule(Message.REQUEST, HeaderAction.ADD, "X-Rule", Secret("tuned")),
            HeaderRule(Message.RESPONSE, HeaderAction.DELETE, "Server"),
        ),
        switches=(Switch.ABORT_WHEN_CLIENT_CLOSES, Switch.CLOSE_TO_SERVER),
        page=StatisticsPage("/admin?stats", "Statistics", "admin1", Secret("AdMiN'123$")),
    ),
)

SAMPLE = RouterConfig(
    name="r-7-VM",
    domain="cs.lab",
    networks=NETWORKS,
    public_addresses=(
        IPv4Interface("203.0.113.2/24"),
        IPv4Interface("203.0.113.10/24"),
        IPv4Interface("203.0.113.11/24"),
    ),
    hosts=HOSTS,
    dns=Dns(
        upstreams=(IPv4Address("192.0.2.53"), IPv6Address("2001:db8::53")),
        records=(
            DnsRecord("data-server", IPv4Address("10.1.1.1")),
            DnsRecord("printer.cs.lab", IPv6Address("2001:db8::9")),
        ),
    ),
    load_balancing=LoadBalancing(
        max_connections=5000,
        client_timeout_ms=None,
        timeouts=((TimeLimit.REQUEST, 10_000),),
        listeners=LISTENERS,
        statistics=(
            Statistics(
                name="statistics",
                address=_VIP,
                port=8081,
                uri="/admin?stats",
                realm='Haproxy "Statistics"',
                user="admin1",
                password=Secret("AdMiN'123$"),
            ),
        ),
    ),
    metadata=(
        Metadata(
            IPv4Address("10.1.1.20"),
            b"#!/bin/sh\n\x00\xff{{ 7 * 7 }}\n",
            (
                ("service-offering", "Small Instance"),
                ("availability-zone", "Zone 1"),
                ("local-ipv4", "10.1.1.20"),
                ("local-hostname", "vm-020"),
                ("public-ipv4", "203.0.113.2"),
                ("instance-id", "i-2-20-VM"),
                ("public-keys", "ssh-rsa AAAA one\nssh-rsa BBBB two\n"),
                ("cloud-identifier", None),
                ("Tier", "Front"),
            ),
        ),
        Metadata(
            IPv4Address("10.1.1.21"), None, (("instance-id", "i-2-21-VM"), ("local-hostname", 'a"b\nServerName evil'))
        ),
        Metadata(IPv4Address("10.1.2.22"), b"", (("instance-id", "i-2-22-VM"),)),
    ),
    passwords=(
        Password(IPv4Address("10.1.1.20"), Secret("fnirq_cnffjbeq"), "offer-1"),
        Password(IPv4Address("10.1.2.22"), Secret("p@ss word\"'$\\"), "offer-2"),
    ),
    vpn=Vpn(
        site_to_site=(
            SiteToSite(
                name="vpn-203.0.113.200",
                local_address=IPv4Address("203.0.113.2"),
                local_networks=(IPv4Network("10.1.1.0/24"),),
                peer_address=IPv4Address("203.0.113.200"),
                peer_networks=(IPv4Network("10.2.0.0/24"), IPv4Network("10.3.0.0/16")),
                ike_proposals=(
                    ("aes256", "sha256", "modp2048"),
                    ("aes128", "sha1", "modp1536"),
                ),
                esp_proposals=(("aes256", "sha256", "modp2048"),),
                ike_version=IkeVersion.ANY,
                ike_lifetime=86400,
                esp_lifetime=3600,
                psk=Secret('s3cret "with" quotes\\'),
            ),
            SiteToSite(
                name="vpn-198.51.100.9",
                local_address=IPv4Address("203.0.113.2"),
                local_networks=(IPv4Network("10.1.1.0/24"), IPv4Network("10.1.2.0/25")),
                peer_address=IPv4Address("198.51.100.9"),
                peer_networks=(IPv4Network("10.9.0.0/24"), IPv4Network("10.9.1.0/24")),
                ike_proposals=(("aes256gcm16", "prfsha384", "ecp384"),),
                esp_proposals=(("aes256gcm16",),),
                ike_version=IkeVersion.V2,
                ike_lifetime=28800,
                esp_lifetime=1800,
                psk=Secret("other"),
                has_dead_peer_detection=False,
                force_encapsulation=True,
                has_split_connections=True,
            ),
            SiteToSite(
                name="vpn-gw.branch--7.example",
                local_address=IPv4Address("203.0.113.2"),
                local_networks=(IPv4Network("10.1.1.0/24"),),
                peer_address="gw.branch-7.example",
                peer_networks=(IPv4Network("10.12.0.0/24"),),
                ike_proposals=(("aes256", "sha256", "modp2048"),),
                esp_proposals=(("aes256", "sha256", "modp2048"),),
                ike_version=IkeVersion.V2,
                ike_lifetime=86400,
                esp_lifetime=3600,
                psk=Secret("third"),
            ),
        )
    ),
)


def sample_instance(manifest: ServiceManifest) -> Instance:
    """Generation 7 of a service, with ports and a link as an allocator would give them; its frontends are still to be
    resolved."""
    is_isolated = manifest.network is NetworkMode.ISOLATED
    link = Link(f"vrs-{manifest.name}-7", "vrs7", IPv4Address("198.18.0.25"), IPv4Address("198.18.0.26"))
    ports = tuple((port.name, port.number or 1053 + index) for index, port in enumerate(manifest.ports))
    return Instance(
        service=manifest.name,
        generation=7,
        version="1.0-1",
        release="2026.1",
        image=Digest("sha256:" + "1" * 64),
        definition=Digest("sha256:" + "2" * 64),
        link=link if is_isolated else None,
        ports=ports,
        sync_port=manifest.sync_port,
        former=6,
        former_address=IPv4Address("198.18.0.6") if is_isolated else None,
    )
