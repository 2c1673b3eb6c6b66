"""The router's own firewall in the lab: none, or rules shaped like a CloudStack router's (default drop)."""

from __future__ import annotations

from pathlib import Path

from lab.commands import BACKENDS, STATISTICS_PORT
from lab.tools import LabError, run_inside
from lab.topology import GUEST_NETWORK, PEER_IP, PEER_NETWORK, ROUTER_PUBLIC_IP, VIP

STYLES = ("none", "cloudstack")
PUBLIC_TCP_PORTS = ",".join(map(str, sorted({backend.public_port for backend in BACKENDS} | {STATISTICS_PORT})))

# The rules that admit the supervisor's own mark are missing on purpose: adding them is the supervisor's task.
CLOUDSTACK = f"""\
*mangle
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:FIREWALL_{VIP} - [0:0]
:VPN_{ROUTER_PUBLIC_IP} - [0:0]
-A PREROUTING -m state --state RELATED,ESTABLISHED -j CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xffffffff
-A PREROUTING -d {VIP}/32 -j FIREWALL_{VIP}
-A PREROUTING -d {ROUTER_PUBLIC_IP}/32 -j VPN_{ROUTER_PUBLIC_IP}
-A PREROUTING -i eth2 -m state --state NEW -j CONNMARK --set-xmark 0x2/0xffffffff
-A POSTROUTING -p udp -m udp --dport 68 -j CHECKSUM --checksum-fill
-A FIREWALL_{VIP} -m state --state RELATED,ESTABLISHED -j ACCEPT
-A FIREWALL_{VIP} -p tcp -m multiport --dports {PUBLIC_TCP_PORTS} -j RETURN
-A FIREWALL_{VIP} -p icmp -j RETURN
-A FIREWALL_{VIP} -j DROP
-A VPN_{ROUTER_PUBLIC_IP} -m state --state RELATED,ESTABLISHED -j ACCEPT
-A VPN_{ROUTER_PUBLIC_IP} -j RETURN
COMMIT
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:FW_EGRESS_RULES - [0:0]
:FW_OUTBOUND - [0:0]
:NETWORK_STATS - [0:0]
-A INPUT -j NETWORK_STATS
-A INPUT -d 224.0.0.18/32 -j ACCEPT
-A INPUT -i lo -j ACCEPT
-A INPUT -i eth2 -m state --state RELATED,ESTABLISHED -j ACCEPT
-A INPUT -i eth0 -m state --state RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p icmp -j ACCEPT
-A INPUT -i eth0 -p udp -m udp --dport 67 -j ACCEPT
-A INPUT -i eth0 -p udp -m udp --dport 53 -j ACCEPT
-A INPUT -i eth0 -p tcp -m tcp --dport 53 -j ACCEPT
-A INPUT -s {GUEST_NETWORK} -i eth0 -p tcp -m tcp --dport 80 -m state --state NEW -j ACCEPT
-A INPUT -s {GUEST_NETWORK} -i eth0 -p tcp -m tcp --dport 443 -m state --state NEW -j ACCEPT
-A INPUT -s {GUEST_NETWORK} -i eth0 -p tcp -m tcp --dport 8080 -m state --state NEW -j ACCEPT
-A INPUT -s {PEER_IP}/32 -d {ROUTER_PUBLIC_IP}/32 -i eth2 -p udp -m udp --dport 500 -j ACCEPT
-A INPUT -s {PEER_IP}/32 -d {ROUTER_PUBLIC_IP}/32 -i eth2 -p udp -m udp --dport 4500 -j ACCEPT
-A INPUT -s {PEER_IP}/32 -d {ROUTER_PUBLIC_IP}/32 -i eth2 -p esp -j ACCEPT
-A FORWARD -j NETWORK_STATS
-A FORWARD -s {GUEST_NETWORK} -d {PEER_NETWORK} -j ACCEPT
-A FORWARD -s {PEER_NETWORK} -d {GUEST_NETWORK} -j ACCEPT
-A FORWARD -i eth2 -o eth0 -m state --state RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -i eth0 -o eth0 -m state --state NEW -j ACCEPT
-A FORWARD -i eth0 -o eth0 -m state --state RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -i eth0 -o eth2 -j FW_OUTBOUND
-A FW_EGRESS_RULES -j ACCEPT
-A FW_OUTBOUND -m state --state RELATED,ESTABLISHED -j ACCEPT
-A FW_OUTBOUND -j FW_EGRESS_RULES
-A NETWORK_STATS -i eth0 -o eth2
-A NETWORK_STATS -i eth2 -o eth0
-A NETWORK_STATS ! -i eth0 -o eth2 -p tcp
-A NETWORK_STATS -i eth2 ! -o eth0 -p tcp
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A POSTROUTING -s {GUEST_NETWORK} ! -d {PEER_NETWORK} -o eth2 -j SNAT --to-source {ROUTER_PUBLIC_IP}
COMMIT
"""
TABLES = ("filter", "mangle", "nat")


def remembered(folder: Path) -> str:
    """Return the style that the lab last had: repairing it needs no repetition of the option."""
    try:
        text = (folder / "firewall").read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return "none"
    return text if text in STYLES else "none"


def ensure(router: str, style: str, folder: Path) -> list[str]:
    """Load or remove the rules if they differ from the style; rules that are there are left alone, counters and all."""
    if style not in STYLES:
        raise LabError(f"cannot load firewall {style!r}: known are {', '.join(STYLES)}")
    was = remembered(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "firewall").write_text(style, encoding="utf-8")
    if style == "none":
        return _remove(router) if was != "none" else []
    loaded = run_inside(router, ["iptables-nft-save"])
    if all(line in loaded for line in _landmarks()):
        return []
    run_inside(router, ["iptables-nft-restore"], stdin=CLOUDSTACK)
    return [f"{router} firewall {style}"]


def _landmarks() -> tuple[str, ...]:
    return (":INPUT DROP", ":FORWARD DROP", f":FIREWALL_{VIP} ", "--restore-mark", "-j SNAT")


def _remove(router: str) -> list[str]:
    present = run_inside(router, ["nft", "list", "tables", "ip"])
    names = [name for name in TABLES if f"table ip {name}\n" in present]
    for name in names:
        run_inside(router, ["nft", "delete", "table", "ip", name])
    return [f"{router} firewall none"] if names else []
