"""The boot line (`cmdline`): the router's name, domain, resolvers, part in a redundant pair, and first addresses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, ip_address

from supervisor.documents import Field
from supervisor.edges.intake import fields
from supervisor.edges.intake.bags import Bags, with_bag
from supervisor.edges.intake.cloudstack.addresses import address_item, with_address
from supervisor.edges.intake.cloudstack.names import domain, is_label
from supervisor.edges.intake.family import Command, Family
from supervisor.edges.intake.faults import BadPartError, Faults
from supervisor.values.router import Dns, IPAddress, RouterConfig

DEFAULT_DOMAIN = "cloudnine.internal"
WITHOUT_GUESTS = ("ilbvm", "elbvm")
"""Types of routers that only spread connections: their guests call names, metadata and passwords elsewhere."""
_DEFAULT_NAME = "router"
_SCOPE = re.compile(r"[A-Za-z0-9._-]{1,15}")
_RESOLVERS = ("internaldns1", "internaldns2", "dns1", "dns2", "ip6dns1", "ip6dns2")
_DEVICES = {
    "router": {"0": "guest", "1": "control", "2": "public"},
    "vpcrouter": {"0": "control", "1": "public"},
    "dhcpsrvr": {"0": "guest", "1": "control"},
    "ilbvm": {"0": "guest", "1": "control"},
    "elbvm": {"0": "guest", "1": "control", "2": "public"},
}
"""The use of each numbered device that a router's boot line has an address for, by the router's type."""


def router_line(bags: Bags) -> Mapping[str, str]:
    """Return the router's boot line; empty before it came."""
    config: Mapping[str, str] = bags.get("cmdline", {}).get("config", {})
    return config


def uses_outside_resolvers(bags: Bags) -> bool:
    """True if guests are given outside resolvers only, so that the router answers no questions for names."""
    return router_line(bags).get("useextdns") == "true"


def resolver(text: str) -> IPAddress:
    """Return the address of a name server. An IPv6 scope may be any text for the library; here it is an interface.

    Raises BadPartError: the scope cannot be the name of an interface. Raises ValueError: it is no address.
    """
    address = ip_address(text)
    scope = address.scope_id if isinstance(address, IPv6Address) else None
    if scope is not None and not _SCOPE.fullmatch(scope):
        raise BadPartError(f"{text!r:.80} has a scope that is no interface name")
    return address


def _merge(bags: Bags, command: Command) -> Bags:
    config = dict(command.body["cmd_line"])
    config["redundant_router"] = "true" if "redundant_router" in config else "false"
    bags = with_bag(bags, "cmdline", {"config": config})
    for number, use in _DEVICES.get(config.get("type", ""), {}).items():
        address, netmask = config.get(f"eth{number}ip"), config.get(f"eth{number}mask")
        if address and netmask and _is_interface(address, netmask):
            gateway = config.get("gateway" if use == "public" else "localgw", "")
            bags = with_address(bags, address_item(address, netmask, number, use, gateway))
    return bags


def _interpret(bags: Bags, router: RouterConfig, faults: Faults) -> RouterConfig:
    return replace(
        router,
        name=_name(bags, faults),
        domain=_domain(bags, faults),
        dns=_dns(bags, faults),
        is_backup=_is_backup(router_line(bags)),
    )


def _name(bags: Bags, faults: Faults) -> str:
    with faults.part("cmdline.name"):
        name = router_line(bags).get("name") or _DEFAULT_NAME
        if is_label(name):
            return name
        raise BadPartError(f"{name!r:.80} is not a host name")
    return _DEFAULT_NAME


def _domain(bags: Bags, faults: Faults) -> str:
    with faults.part("cmdline.domain"):
        return domain(router_line(bags).get("domain", ""))
    return ""


def _dns(bags: Bags, faults: Faults) -> Dns:
    line = router_line(bags)
    upstreams: list[IPAddress] = []
    for key in _RESOLVERS:
        if line.get(key):
            with faults.part(f"cmdline.{key}"):
                upstreams.append(resolver(line[key]))
    return Dns(tuple(dict.fromkeys(upstreams)), is_served=not uses_outside_resolvers(bags))


def _is_backup(line: Mapping[str, str]) -> bool:
    """True if this is the router of a redundant pair that does not answer; one that is alone is never a backup."""
    state = line.get("redundant_state", "").upper()
    return line.get("redundant_router") == "true" and state in ("BACKUP", "FAULT")


def _is_interface(address: str, netmask: str) -> bool:
    try:
        IPv4Interface(f"{IPv4Address(address)}/{netmask}")
    except ValueError:
        return False
    return True


FAMILY = Family(
    "cmdline",
    fields=(Field("cmd_line", fields.MAP_OF_TEXTS, True),),
    merge=_merge,
    interpret=_interpret,
    parts=lambda body: ("cmdline",),
)
