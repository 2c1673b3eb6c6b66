"""First step of the intake: a command file becomes a `Command`, or is refused whole with its name, field and reason."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from supervisor.edges.intake.fields import (
    Field,
    address,
    address_or_name,
    boolean,
    device,
    device_number,
    fault_of,
    list_of,
    mac,
    map_of_texts,
    netmask,
    number,
    rows,
    text,
    texts,
)
from supervisor.values.errors import ConfigurationError

MAX_BYTES = 32 * 1024 * 1024
MAX_DEPTH = 32
"""Objects and lists in each other; commands have six. What is kept must be written and read again, which recurses."""

_CERTIFICATE = (
    Field("name", text),
    Field("cert", text),
    Field("key", text),
    Field("chain", text, is_required=False),
    Field("password", text, is_required=False),
)
FIELDS: Mapping[str, tuple[Field, ...]] = {
    "cmdline": (Field("cmd_line", map_of_texts),),
    "guestnetwork": (
        Field("add", boolean),
        Field("device", device),
        Field("router_guest_ip", address),
        Field("router_guest_netmask", netmask),
        Field("router_guest_gateway", address, is_required=False),
        Field("dns", text, is_required=False),
        Field("domain_name", text, is_required=False),
        Field("is_vr_guest_gateway", boolean, is_required=False),
        Field("mtu", number, is_required=False),
    ),
    "ips": (
        Field(
            "ip_address",
            list_of(
                (
                    Field("public_ip", address),
                    Field("netmask", netmask),
                    Field("add", boolean),
                    Field("nic_dev_id", device_number, is_required=False),
                    Field("vif_mac_address", text, is_required=False),
                    Field("nw_type", text, is_required=False),
                    Field("source_nat", boolean, is_required=False),
                )
            ),
        ),
    ),
    "dhcpentry": (
        Field("ipv4_address", address),
        Field("mac_address", mac),
        Field("host_name", text, is_required=False),
        Field("default_gateway", text, is_required=False),
        Field("default_entry", boolean, is_required=False),
        Field("lease_time", number, is_required=False),
        Field("remove", boolean, is_required=False),
    ),
    "vmdata": (Field("vm_ip_address", address), Field("vm_metadata", rows)),
    "vmpassword": (Field("ip_address", address), Field("password", text)),
    "loadbalancer": (
        Field(
            "rules",
            list_of((Field("configuration", texts), Field("ssl_certs", list_of(_CERTIFICATE), is_required=False))),
        ),
    ),
    "site2sitevpn": (
        Field("peer_gateway_ip", address_or_name),
        Field("create", boolean),
        Field("local_public_ip", address),
        Field("local_guest_cidr", text),
        Field("peer_guest_cidr_list", text),
        Field("ike_policy", text),
        Field("esp_policy", text),
        Field("ipsec_psk", text),
        Field("ike_lifetime", number, is_required=False),
        Field("esp_lifetime", number, is_required=False),
        Field("ike_version", text, is_required=False),
        Field("dpd", boolean, is_required=False),
        Field("encap", boolean, is_required=False),
        Field("split_connections", boolean, is_required=False),
    ),
}
PASSED_OVER: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "bgppeers",
            "firewallrules",
            "forwardrules",
            "ipv6firewallrules",
            "networkacl",
            "staticnatrules",
            "staticroutes",
        ),
        "is core networking, which the router's own software does",
    ),
    "dhcpconfig": "is obsolete: the entries of its guests say the same",
    **dict.fromkeys(("ipaliases", "remoteaccessvpn", "vpnuserlist"), "is not supported yet"),
    "monitorservice": "is for the router's own monitor",
}
_IPV6 = {"guestnetwork": ("router_guest_ip6", "cidr6", "dns6"), "dhcpentry": ("ipv6_address",)}
"""Fields that say something of IPv6."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command of the management server whose fields may be trusted. `identity` differs for every file and content."""

    name: str
    type: str
    body: Mapping[str, Any]
    identity: str

    @property
    def note(self) -> str | None:
        """Why it is passed over; None: it is ours."""
        if _is_of_ipv6_only(self.type, self.body):
            return "of a guest without an IPv4 address: no service here has anything for it"
        return PASSED_OVER.get(self.type)

    @property
    def remark(self) -> str | None:
        """A part of the command that is passed over, in words; None: none is."""
        is_dual = any(self.body.get(field) for field in _IPV6.get(self.type, ()))
        return "IPv6, which no service here has anything for" if is_dual and not self.note else None


def parse(name: str, content: bytes) -> Command:
    """ConfigurationError names file, field and reason."""
    if name != readable(name):
        raise _refusal(name, "its name is not UTF-8")
    if len(content) > MAX_BYTES:
        raise _refusal(name, f"is larger than {MAX_BYTES // 1024 // 1024} MiB")
    try:
        body = json.loads(content)
    except (ValueError, RecursionError) as error:
        reason = (
            f"{error.msg} (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else type(error).__name__
        )
        raise _refusal(name, f"is not JSON: {reason}") from None  # the document may hold a password
    if not isinstance(body, dict):
        raise _refusal(name, "is not a JSON object")
    if _is_deeper(body, MAX_DEPTH):
        raise _refusal(name, f"is nested more than {MAX_DEPTH} deep")
    try:
        json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise _refusal(name, "has half a character (a lone surrogate), which cannot be kept") from None
    type_ = body.get("type")
    if not isinstance(type_, str):
        raise _refusal(name, "type: is missing")
    if type_ not in PASSED_OVER:
        if type_ not in FIELDS:
            raise _refusal(name, f"type: {type_!r:.40} is unknown")
        if not _is_of_ipv6_only(type_, body) and (fault := fault_of(body, FIELDS[type_])):
            raise _refusal(name, fault)
    identity = hashlib.sha256(name.encode(errors="surrogateescape") + b"\0" + content).hexdigest()
    return Command(name, type_, body, identity)


def readable(name: str) -> str:
    """The name of a file as it can be shown and kept, whatever bytes it has."""
    return name.encode(errors="surrogateescape").decode(errors="backslashreplace")


def _is_of_ipv6_only(type_: str, body: Mapping[str, Any]) -> bool:
    return type_ == "dhcpentry" and bool(body.get("ipv6_address")) and not body.get("ipv4_address")


def _is_deeper(value: Any, depth: int) -> bool:
    level = [value]
    for _ in range(depth):
        nests = (item.values() if isinstance(item, dict) else item for item in level)
        level = [item for nest in nests for item in nest if isinstance(item, dict | list)]
    return bool(level)


def _refusal(name: str, reason: str) -> ConfigurationError:
    return ConfigurationError(f"cannot accept {name}: {reason}")
