"""What people reported of load balancing, of key servers called by name, and of metadata, on a whole router."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from lab import commands, peer
from lab.tools import inside
from lab.topology import CLIENT_IP, DOMAIN, PEER_IP, ROUTER_GUEST_IP, VIP, guests_of_lab
from tests.kit.live.router import LiveRouter, until
from tests.kit.samples.certificates import certificate, pem
from tests.reports.conftest import Apply

NAME = "gw.branch-7.example"


def ask(live: LiveRouter, namespace: str, *line: str) -> str:
    done = subprocess.run(inside(namespace, line), capture_output=True, text=True, timeout=10, check=False)
    return done.stdout


def with_rule(*lines: str, **more: Any) -> dict[str, Any]:
    """The lab's rules and one more."""
    command = commands.load_balancer()
    command["rules"][0]["configuration"] += lines
    command["rules"][0] |= more
    return command


def test_tls_is_ended_as_cloudstack_4_22_asks_for_it(live: LiveRouter, apply: Apply) -> None:
    """Port 443 refused connections: the header of the offload is added, not set, in its text."""
    key = ec.generate_private_key(ec.SECP256R1())
    bind = (
        f"\tbind {VIP}:443 ssl crt /etc/cloudstack/ssl/a-443.pem alpn h2,http/1.1 ssl-min-ver TLSv1.2 no-tls-tickets "
        "ciphers ECDHE-ECDSA-AES256-GCM-SHA384 ciphersuites TLS_AES_256_GCM_SHA384\n"
        "\thttp-request add-header X-Forwarded-Proto https"
    )
    member = "\tserver a-443_0 10.1.1.21:8080 check ssl-min-ver TLSv1.2 ciphersuites TLS_AES_256_GCM_SHA384"
    entry = {"name": "a-443", "cert": certificate(key, "www.example.org"), "key": pem(key)}
    apply(with_rule("listen a-443", bind, "\tmode http", "\tbalance roundrobin", member, ssl_certs=[entry]))
    line = ("curl", "--silent", "--insecure", "--output", "/dev/null", "--write-out", "%{http_code}", f"https://{VIP}/")
    until("TLS is answered", lambda: ask(live, live.lab.public, *line) == "200", 15.0)
    assert ask(live, live.lab.public, *line, "--tls13-ciphers", "TLS_CHACHA20_POLY1305_SHA256") == "000"
    apply(commands.load_balancer())
    until("the rule is gone", lambda: ask(live, live.lab.public, *line) == "000", 15.0)


def test_keys_of_metadata_may_be_called_in_any_case(live: LiveRouter, apply: Apply) -> None:
    """A key in another case was not found: the router that ours takes over from finds it."""
    guest = guests_of_lab()[3]
    command = commands.metadata(guest)
    command["vm_metadata"] = [*command["vm_metadata"], ["metadata", "Tier", "Front"]]
    apply(command)
    instance = dict(row[1:] for row in command["vm_metadata"])["instance-id"]
    keys = {"INSTANCE-ID": instance, "Meta-Data/Instance-Id": instance, "tier": "Front", "TIER": "Front"}
    line = ("curl", "--silent", "--max-time", "3", "--interface", guest.address)
    address = f"http://{ROUTER_GUEST_IP}/Latest/"
    until("the new key is there", lambda: ask(live, live.lab.guest, *line, f"{address}Tier") == "Front", 10.0)
    assert {key: ask(live, live.lab.guest, *line, address + key) for key in keys} == keys
    apply(commands.metadata(guest))


@contextmanager
def names_in_public(live: LiveRouter, folder: Path) -> Iterator[None]:
    """A name server out there that knows the gateway's name."""
    line = ["dnsmasq", "--keep-in-foreground", "--port=53", "--bind-interfaces", "--no-resolv", "--no-hosts"]
    line += ["--conf-file=/dev/null", f"--pid-file={folder}/pid", f"--listen-address={CLIENT_IP}"]
    line += [f"--address=/{NAME}/{PEER_IP}", "--user=root"]
    with subprocess.Popen(inside(live.lab.public, line)) as running:
        try:
            yield
        finally:
            running.kill()


def test_a_gateway_that_is_called_by_name_is_reached(live: LiveRouter, apply: Apply) -> None:
    """CLOUDSTACK-8969 (apache/cloudstack#955): its name was refused as no IPv4 address."""
    line, tunnel = commands.cmd_line(), commands.site_to_site()
    elsewhere = {**line, "cmd_line": line["cmd_line"] | {"dns1": CLIENT_IP, "dns2": ""}}
    before = peer.status(live.lab).established_count
    with tempfile.TemporaryDirectory() as folder, names_in_public(live, Path(folder)):
        apply(elsewhere, tunnel | {"create": False}, tunnel | {"peer_gateway_ip": NAME, "ike_version": "IKEv2"})
        until("the tunnel is there", lambda: peer.status(live.lab).established_count > before, 30.0)
        known = json.loads(live.router.vrctl("config", "show", "--json").stdout)["vpn"]["site_to_site"]
        assert [one["name"] for one in known] == ["vpn-gw.branch--7.example"]
        before = peer.status(live.lab).established_count
    apply(line, tunnel | {"peer_gateway_ip": NAME, "create": False}, tunnel)
    until("the tunnel is there again", lambda: peer.status(live.lab).established_count > before, 30.0)


@pytest.mark.slow
def test_an_internal_balancer_serves_its_rules_only_on_any_port(live: LiveRouter, apply: Apply) -> None:
    """Of type ilbvm: port 53, 80 and 8080 of its address were refused, and its guests were served names and leases."""
    line = commands.cmd_line()
    rules = [f"listen a-{port}\n\tbind {ROUTER_GUEST_IP}:{port}\n\tserver s 10.1.1.21:8080 check" for port in (53, 80)]
    apply({**line, "cmd_line": line["cmd_line"] | {"type": "ilbvm"}}, with_rule(*rules))
    asked = ("curl", "--silent", "--max-time", "1", "--output", "/dev/null", "--write-out", "%{http_code}")
    for port in (80, 53):
        address = f"http://{ROUTER_GUEST_IP}:{port}/"
        until(f"port {port} is balanced", lambda: ask(live, live.lab.guest, *asked, address) == "200", 20.0)  # noqa: B023
    guest = guests_of_lab()[0]
    question = ("dig", "+time=1", "+tries=1", "+short", f"@{ROUTER_GUEST_IP}", f"{guest.name}.{DOMAIN}")
    until("names are not answered", lambda: guest.address not in ask(live, live.lab.guest, *question).split(), 20.0)
    apply(line, commands.load_balancer())
    until("names are answered again", lambda: guest.address in ask(live, live.lab.guest, *question).split(), 20.0)
    until("all is well", lambda: all(service["ready"] for service in live.services().values()), 20.0)
