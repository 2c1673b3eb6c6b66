"""The lab's router configuration as command files of a CloudStack management server, one file per command.

Names sort in the order of intake. Content is deterministic, so that writing the same lab twice gives the same files;
a command that is sent again (passwords, after guests have taken theirs) gets another `round` and so another name.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.topology import (
    DOMAIN,
    GUEST_NETWORK,
    PEER_IP,
    PEER_NETWORK,
    ROUTER_GUEST_IP,
    ROUTER_GUEST_MAC,
    ROUTER_PUBLIC_IP,
    ROUTER_PUBLIC_MAC,
    VIP,
    Guest,
    extra_guests,
    guests_of_lab,
)

ROUTER_NAME = "r-1-VM"
CONTROL_IP = "169.254.120.7"
PUBLIC_GATEWAY = "203.0.113.1"
UPSTREAM_DNS = ("192.0.2.53", "192.0.2.54")
PSK = "0nly-F0r-The-Lab"
NAMES = uuid.uuid5(uuid.NAMESPACE_DNS, DOMAIN)


@dataclass(frozen=True, slots=True)
class Backend:
    """Where a public port leads: the port on the guests and how the load balancer treats it."""

    public_port: int
    guest_port: int
    lines: tuple[str, ...]
    options: str = ""
    dead: tuple[str, ...] = ()  # members that do not answer, first of all members


WEB_GUESTS = ("10.1.1.21", "10.1.1.22")
REFUSING, SILENT = "10.1.1.23", "10.1.1.250"  # a guest without a web server; an address that nobody has
STATISTICS_PORT = 8081
STATISTICS_LOGIN = ("admin1", "ChangeMe")
DEAD_PORT = 8090  # of the rule with members that are dead
BACKENDS = (
    Backend(80, 8080, ("\tmode http",)),
    Backend(2222, 2222, ()),
    Backend(8082, 8082, (), " send-proxy"),
    Backend(DEAD_PORT, 8080, ("\tmode http",), dead=(SILENT, REFUSING)),
)


def write(folder: Path, *, encap: bool = False) -> tuple[Path, ...]:
    """Write every command the lab's router needs; returns the files in intake order. `encap`: ESP always in UDP."""
    return _store(folder, list(_all_commands(encap=encap)))


def write_passwords(folder: Path, turn: int) -> tuple[Path, ...]:
    """Send every guest's password once more: `turn` makes the files new to the router."""
    commands = [("vm_password", password_of(guest)) for guest in guests_of_lab()]
    return _store(folder, commands, turn)


def _store(folder: Path, commands: Sequence[tuple[str, Mapping[str, Any]]], turn: int = 0) -> tuple[Path, ...]:
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for index, (base, command) in enumerate(commands):
        name = f"{turn:02d}{index:04d}-{base}.json"
        path = folder / f"{name}.{uuid.uuid5(NAMES, name)}"
        text = json.dumps(command, indent=2, sort_keys=True) + "\n"
        partial = folder / f".{path.name}"  # a watcher shall never read half a file
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
        written.append(path)
    return tuple(written)


def _all_commands(*, encap: bool = False) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield "cmd_line", cmd_line()
    yield "ip_associations", ip_associations()
    yield "guest_network", guest_network()
    for guest in (*guests_of_lab(), *extra_guests()):
        yield "vm_dhcp_entry", dhcp_entry(guest)
    for guest in guests_of_lab():
        yield "vm_metadata", metadata(guest)
    for guest in guests_of_lab():
        yield "vm_password", password_of(guest)
    yield "load_balancer", load_balancer()
    yield "site_2_site_vpn", site_to_site(encap=encap)


def cmd_line() -> dict[str, Any]:
    return {
        "type": "cmdline",
        "cmd_line": {
            "cidrsize": "24",
            "dhcprange": ROUTER_GUEST_IP,
            "disable_rp_filter": "true",
            "dns1": UPSTREAM_DNS[0],
            "dns2": UPSTREAM_DNS[1],
            "domain": DOMAIN,
            "eth0ip": ROUTER_GUEST_IP,
            "eth0mask": "255.255.255.0",
            "eth1ip": CONTROL_IP,
            "eth1mask": "255.255.0.0",
            "eth2ip": ROUTER_PUBLIC_IP,
            "eth2mask": "255.255.255.0",
            "gateway": PUBLIC_GATEWAY,
            "name": ROUTER_NAME,
            "privateMtu": "1500",
            "publicMtu": "1500",
            "template": "domP",
            "type": "router",
        },
    }


def ip_associations() -> dict[str, Any]:
    addresses = [_public_address(ROUTER_PUBLIC_IP, is_first=True), _public_address(VIP, is_first=False)]
    return {"type": "ips", "delete_from_processed_cache": False, "ip_address": addresses}


def _public_address(address: str, *, is_first: bool) -> dict[str, Any]:
    return {
        "add": True,
        "first_i_p": is_first,
        "gateway": PUBLIC_GATEWAY,
        "is_private_gateway": False,
        "mtu": 1500,
        "netmask": "255.255.255.0",
        "new_nic": False,
        "nic_dev_id": 2,
        "nw_type": "Public",
        "one_to_one_nat": False,
        "public_ip": address,
        "source_nat": is_first,
        "vif_mac_address": ROUTER_PUBLIC_MAC,
    }


def guest_network() -> dict[str, Any]:
    return {
        "type": "guestnetwork",
        "delete_from_processed_cache": False,
        "add": True,
        "cidr": "24",
        "device": "eth0",
        "dns": ",".join(UPSTREAM_DNS),
        "domain_name": DOMAIN,
        "is_vr_guest_gateway": True,
        "mac_address": ROUTER_GUEST_MAC,
        "mtu": 1500,
        "network_id": 201,
        "router_guest_gateway": ROUTER_GUEST_IP,
        "router_guest_ip": ROUTER_GUEST_IP,
        "router_guest_netmask": "255.255.255.0",
    }


def dhcp_entry(guest: Guest) -> dict[str, Any]:
    return {
        "type": "dhcpentry",
        "delete_from_processed_cache": False,
        "default_entry": True,
        "default_gateway": ROUTER_GUEST_IP,
        "dns_addresses": ROUTER_GUEST_IP,
        "host_name": guest.name,
        "ipv4_address": guest.address,
        "ipv6_duid": f"00:03:00:01:{guest.mac}",
        "lease_time": guest.lease_seconds,
        "mac_address": guest.mac,
        "remove": False,
    }


def user_data(guest: Guest) -> bytes:
    return f"#cloud-config\nhostname: {guest.name}\n".encode()


def metadata(guest: Guest) -> dict[str, Any]:
    entries = {
        "service-offering": "Small Instance",
        "availability-zone": "zone-lab",
        "local-ipv4": guest.address,
        "local-hostname": guest.name,
        "public-ipv4": ROUTER_PUBLIC_IP,
        "public-hostname": ROUTER_PUBLIC_IP,
        "instance-id": guest.instance,
        "vm-id": guest.instance,
        "public-keys": f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{base64.b64encode(guest.name.encode() * 4).decode()} lab",
        "cloud-identifier": f"CloudStack-{{{NAMES}}}",
        "hypervisor-host-name": "lab-host-1",
    }
    rows = [["userdata", "user-data", base64.b64encode(user_data(guest)).decode()]]
    rows += [["metadata", key, value] for key, value in entries.items()]
    return {
        "type": "vmdata",
        "delete_from_processed_cache": False,
        "vm_ip_address": guest.address,
        "vm_metadata": rows,
    }


def password_of(guest: Guest) -> dict[str, Any]:
    return {
        "type": "vmpassword",
        "delete_from_processed_cache": False,
        "ip_address": guest.address,
        "password": guest.password,
    }


def load_balancer() -> dict[str, Any]:
    rule = {
        "add_rules": [f"{VIP}:{backend.public_port}:" for backend in BACKENDS],
        "configuration": load_balancer_lines(),
        "remove_rules": [],
        "router_ip": CONTROL_IP,
        "ssl_certs": [],
        "stat_rules": [f"{ROUTER_PUBLIC_IP}:{STATISTICS_PORT}:0/0:,"],
        "tmp_cfg_file_name": "haproxy.cfg.new.1760000000000",
        "tmp_cfg_file_path": "/etc/haproxy/",
    }
    return {"type": "loadbalancer", "delete_from_processed_cache": False, "rules": [rule]}


def load_balancer_lines() -> list[str]:
    """Return the balancer's configuration lines of a keep-alive offering: there is no `option httpclose`."""
    lines = [
        "global",
        "\tlog 127.0.0.1:3914   local0 warning",
        "\tmaxconn 4096",
        "\tmaxpipes 1024",
        "\tchroot /var/lib/haproxy",
        "\tuser haproxy",
        "\tgroup haproxy",
        "\tstats socket /run/haproxy/admin.sock",
        "\tdaemon",
        "\t ",
        "defaults",
        "\tlog     global",
        "\tmode    tcp",
        "\toption  dontlognull",
        "\tretries 3",
        "\toption redispatch",
        "\toption forwardfor",
        "\tno option httpclose",
        "\ttimeout connect    5000",
        "\ttimeout client     50000",
        "\ttimeout server     50000",
        f"\nlisten stats_on_public\n\tbind {ROUTER_PUBLIC_IP}:{STATISTICS_PORT}\n\tmode http\n"
        "\toption httpclose\n\tstats enable\n"
        "\tstats uri     /admin?stats\n\tstats realm   Haproxy\\ Statistics\n"
        f"\tstats auth    {':'.join(STATISTICS_LOGIN)}\n",
        "\t ",
    ]
    for backend in BACKENDS:
        lines += _listen(backend)
    return [*lines, "\t "]


def _listen(backend: Backend) -> list[str]:
    name = f"{VIP.replace('.', '_')}-{backend.public_port}"
    servers = [
        f"\tserver {name}_{index} {address}:{backend.guest_port} check{backend.options}"
        for index, address in enumerate((*backend.dead, *WEB_GUESTS))
    ]
    bind = f"\tbind {VIP}:{backend.public_port}"
    return [f"listen {name}", bind, *backend.lines, "\tbalance roundrobin", *servers, "\t "]


def site_to_site(*, encap: bool = False) -> dict[str, Any]:
    return {
        "type": "site2sitevpn",
        "delete_from_processed_cache": False,
        "create": True,
        "dpd": True,
        "encap": encap,
        "esp_lifetime": 3600,
        "esp_policy": "aes256-sha256;modp2048",
        "ike_lifetime": 86400,
        "ike_policy": "aes256-sha256;modp2048",
        "ike_version": "ikev2",
        "ipsec_psk": PSK,
        "local_guest_cidr": GUEST_NETWORK,
        "local_public_gateway": PUBLIC_GATEWAY,
        "local_public_ip": ROUTER_PUBLIC_IP,
        "passive": False,
        "peer_gateway_ip": PEER_IP,
        "peer_guest_cidr_list": PEER_NETWORK,
        "split_connections": False,
    }
