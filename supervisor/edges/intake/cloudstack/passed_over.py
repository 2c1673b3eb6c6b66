"""Types of commands that are accepted and change nothing, each with the reason."""

from __future__ import annotations

from collections.abc import Mapping

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
    "ipaliases": "is not supported yet",
    "monitorservice": "is for the router's own monitor",
    "remoteaccessvpn": "is not supported yet",
    "vpnuserlist": "is not supported yet",
}
