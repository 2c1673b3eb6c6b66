"""Names the parts of the configuration that a command is about, as interpretation names them in its faults."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from supervisor.edges.intake.commands import Command

_PARTS: Mapping[str, Callable[[Mapping[str, Any]], tuple[str, ...]]] = {
    "cmdline": lambda body: ("cmdline",),
    "guestnetwork": lambda body: (f"guestnetwork.{body['device']}.{body['router_guest_ip']}",),
    "ips": lambda body: tuple(
        f"ips.eth{int(item['nic_dev_id'])}.{item['public_ip']}" for item in body["ip_address"] if "nic_dev_id" in item
    ),
    "dhcpentry": lambda body: (f"dhcpentry.{body['ipv4_address']}",),
    "vmdata": lambda body: (f"vmdata.{body['vm_ip_address']}",),
    "vmpassword": lambda body: (f"vmpassword.{body['ip_address']}",),
    "loadbalancer": lambda body: ("loadbalancer",),
    "site2sitevpn": lambda body: (f"site2sitevpn.{body['peer_gateway_ip']}",),
}


def parts_of(command: Command) -> tuple[str, ...]:
    """Return the paths; a command that is passed over speaks of none."""
    find = _PARTS.get(command.type)
    return find(command.body) if find and command.note is None else ()
