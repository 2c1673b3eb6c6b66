"""Makes the namespaces of `topology` real, repairs what is missing of them, and takes every trace away again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab import firewall
from lab.processes import Processes
from lab.tools import NAMESPACES, LabError, run, run_inside
from lab.topology import PEER_INSIDE_IP, ROUTER_GUEST_IP, Lab, Link

LONGEST_NAME = 10  # "-eth0" follows, and the kernel ends names at 15
BRIDGES = ("br-guest", "br-public")
PLAIN_SYSCTLS = (
    "net.ipv6.conf.all.disable_ipv6=0",
    "net.ipv4.conf.all.rp_filter=0",
    "net.ipv4.conf.default.rp_filter=0",
)
# The management server sends disable_rp_filter=true: tunnel and container traffic is not symmetric.
ROUTER_SYSCTLS = (*PLAIN_SYSCTLS, "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")


@dataclass(frozen=True, slots=True)
class Route:
    namespace: str
    destination: str
    via: str


def folder(lab: Lab) -> Path:
    """Return the folder of a lab: pid records, logs, the peer's configuration."""
    return Path("/run") / f"{lab.prefix}-lab"


def processes(lab: Lab) -> Processes:
    return Processes(folder(lab) / "processes")


def up(lab: Lab, firewall_style: str | None = None) -> tuple[str, ...]:
    """Bring the lab up; return what had to be made or repaired, nothing when all was there. May be repeated."""
    made: list[str] = []
    for namespace in lab.namespaces:
        made += _ensure_namespace(namespace)
        made += _ensure_sysctls(namespace, ROUTER_SYSCTLS if namespace == lab.router else PLAIN_SYSCTLS)
        made += _ensure_up(namespace, "lo")
    for bridge in BRIDGES:
        made += _ensure_bridge(lab.wire, bridge)
    for link in lab.links():
        made += _ensure_link(lab, link)
    # No dummy devices in this kernel: a bridge without ports answers for the network behind the peer.
    made += _ensure_bridge(lab.peer, "lan0")
    made += _ensure_addresses(lab.peer, "lan0", (f"{PEER_INSIDE_IP}/24",))
    for route in (Route(lab.guest, "default", ROUTER_GUEST_IP),):
        made += _ensure_route(route)
    style = firewall_style or firewall.remembered(folder(lab))
    made += firewall.ensure(lab.router, style, folder(lab))
    return tuple(made)


def down(lab: Lab) -> tuple[str, ...]:
    """Remove the lab's processes, interfaces, namespaces and folder; return what was removed. May be repeated."""
    removed = list(processes(lab).stop_all())
    for namespace in _present(lab):
        for name in _links(namespace):
            if name != "lo":
                # A namespace lives on while a foreign process sits in it; its interfaces shall not.
                _quietly(["ip", "-n", namespace, "link", "del", "dev", name])
        run(["ip", "netns", "del", namespace])
        removed.append(namespace)
    shutil.rmtree(folder(lab), ignore_errors=True)
    return tuple(removed)


def add_guest(lab: Lab, name: str, mac: str) -> str:
    """Add a machine to the guest network, in a namespace of its own and without an address; return the namespace."""
    namespace = lab.namespace(name)
    if namespace in lab.namespaces:
        raise LabError(f"cannot add guest {name}: the lab itself uses that name")
    if len(name) > LONGEST_NAME:
        raise LabError(f"cannot add guest {name}: a name has at most {LONGEST_NAME} characters")
    _ensure_namespace(namespace)
    _ensure_up(namespace, "lo")
    _ensure_link(lab, Link(namespace, "eth0", "br-guest", (), mac))
    return namespace


def remove_guest(lab: Lab, name: str) -> None:
    namespace = lab.namespace(name)
    if namespace in lab.namespaces:
        raise LabError(f"cannot remove guest {name}: the lab itself uses that name")
    if _exists(namespace):
        _quietly(["ip", "-n", namespace, "link", "del", "dev", "eth0"])
        run(["ip", "netns", "del", namespace])


def occupants(lab: Lab) -> dict[str, tuple[int, ...]]:
    """Return the processes in the lab's namespaces, for a warning before `down`."""
    return {name: tuple(int(pid) for pid in run(["ip", "netns", "pids", name]).split()) for name in _present(lab)}


def is_up(lab: Lab) -> dict[str, bool]:
    present = _present(lab)
    return {name: name in present for name in lab.namespaces}


def _present(lab: Lab) -> tuple[str, ...]:
    if not NAMESPACES.exists():
        return ()
    return tuple(sorted(path.name for path in NAMESPACES.iterdir() if path.name.startswith(f"{lab.prefix}-")))


def _exists(namespace: str) -> bool:
    """True if the namespace is there: it is a mount, and the bare file that a crash leaves behind is none."""
    path = NAMESPACES / namespace
    return path.exists() and path.stat().st_dev != NAMESPACES.stat().st_dev


def _ensure_namespace(namespace: str) -> list[str]:
    if _exists(namespace):
        return []
    (NAMESPACES / namespace).unlink(missing_ok=True)
    run(["ip", "netns", "add", namespace])
    return [namespace]


def _ensure_sysctls(namespace: str, wanted: Sequence[str]) -> list[str]:
    names = [item.split("=")[0] for item in wanted]
    values = run_inside(namespace, ["sysctl", "-n", *names]).split()
    missing = [item for item, value in zip(wanted, values, strict=True) if item.split("=")[1] != value]
    if missing:
        run_inside(namespace, ["sysctl", "-q", "-w", *missing])
    return [f"{namespace} {item}" for item in missing]


def _links(namespace: str) -> dict[str, dict[str, Any]]:
    listed = json.loads(run(["ip", "-n", namespace, "-j", "link", "show"]) or "[]")
    return {item["ifname"]: item for item in listed}


def _ensure_up(namespace: str, interface: str) -> list[str]:
    if "UP" in _links(namespace)[interface]["flags"]:
        return []
    run(["ip", "-n", namespace, "link", "set", "dev", interface, "up"])
    return [f"{namespace} {interface} up"]


def _ensure_bridge(namespace: str, name: str) -> list[str]:
    made = []
    if name not in _links(namespace):
        run(["ip", "-n", namespace, "link", "add", "name", name, "type", "bridge", "forward_delay", "0"])
        made.append(f"{namespace} {name}")
    return made + _ensure_up(namespace, name)


def _ensure_link(lab: Lab, link: Link) -> list[str]:
    made = []
    plug = f"{link.namespace.removeprefix(lab.prefix + '-')}-{link.interface}"
    if link.interface not in _links(link.namespace):
        if plug in _links(lab.wire):
            run(["ip", "-n", lab.wire, "link", "del", "dev", plug])
        mac = ["address", link.mac] if link.mac else []
        ends = ["add", "name", link.interface, *mac, "netns", link.namespace, "type", "veth"]
        run(["ip", "link", *ends, "peer", "name", plug, "netns", lab.wire])
        made.append(f"{link.namespace} {link.interface}")
    if _links(lab.wire)[plug].get("master") != link.bridge:
        run(["ip", "-n", lab.wire, "link", "set", "dev", plug, "master", link.bridge])
        made.append(f"{lab.wire} {plug} in {link.bridge}")
    made += _ensure_up(lab.wire, plug)
    made += _ensure_up(link.namespace, link.interface)
    return made + _ensure_addresses(link.namespace, link.interface, link.addresses)


def _ensure_addresses(namespace: str, interface: str, wanted: Sequence[str]) -> list[str]:
    listed = json.loads(run(["ip", "-n", namespace, "-4", "-j", "addr", "show", "dev", interface]) or "[]")
    present = {f"{info['local']}/{info['prefixlen']}" for item in listed for info in item.get("addr_info", ())}
    missing = [address for address in wanted if address not in present]
    if missing:
        batch = "".join(f"addr add {address} brd + dev {interface}\n" for address in missing)
        run(["ip", "-n", namespace, "-batch", "-"], stdin=batch)
    return [f"{namespace} {interface} {address}" for address in missing]


def _ensure_route(route: Route) -> list[str]:
    listed = json.loads(run(["ip", "-n", route.namespace, "-j", "route", "show", route.destination]) or "[]")
    if any(item.get("gateway") == route.via for item in listed):
        return []
    run(["ip", "-n", route.namespace, "route", "replace", route.destination, "via", route.via])
    return [f"{route.namespace} route {route.destination}"]


def _quietly(argv: Sequence[str]) -> None:
    # The other end of a pair may have taken this one along: then there is nothing left to remove.
    try:
        run(argv)
    except LabError as error:
        if "Cannot find device" not in str(error):
            raise
