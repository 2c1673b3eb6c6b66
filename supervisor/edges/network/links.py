"""Makes the namespace and the interface pair of an isolated generation, before its container exists."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from supervisor.edges.network import namespace
from supervisor.edges.network.command import DEADLINE, run
from supervisor.values.errors import NetworkError
from supervisor.values.state import Link

INNER = "eth0"  # the service's end, in every namespace

# The router's end. Loose reverse-path filter: the highest of `all` and the interface's own counts, so 0 would not help
# where `all` is strict. No IPv6: the pair is IPv4 only, and nothing should be announced or wait for DAD on it.
OUTER_SETTINGS = {"ipv6/conf/{0}/disable_ipv6": "1", "ipv4/conf/{0}/rp_filter": "2", "ipv4/conf/{0}/forwarding": "1"}

# Inside. A new namespace begins with its own values, whatever the router's are.
INNER_SETTINGS = {
    "ipv4/ip_unprivileged_port_start": "0",  # daemons without capabilities may serve port 80
    "ipv4/ip_nonlocal_bind": "1",  # and may bind the outside address
    "ipv4/conf/all/rp_filter": "0",  # clients keep their source addresses
    "ipv4/conf/default/rp_filter": "0",
    f"ipv4/conf/{INNER}/rp_filter": "0",
    "ipv6/conf/all/accept_dad": "0",
    "ipv6/conf/default/accept_dad": "0",
    f"ipv6/conf/{INNER}/accept_dad": "0",
    f"ipv6/conf/{INNER}/accept_ra": "0",
}


class IpLinks:
    """Satisfies `ports.network.Links`, for the network namespace of the calling thread.

    `namespaces` begins the names of our namespaces, `interfaces` those of the router's ends.
    """

    def __init__(self, namespaces: str = "vrs-", interfaces: str = "vrs", deadline: float = DEADLINE) -> None:
        self._namespaces = namespaces
        self._interfaces = interfaces
        self._deadline = deadline
        self._lock = threading.Lock()

    def ensure(self, link: Link) -> None:
        with self._lock:
            if not namespace.exists(link.namespace):
                self.remove_namespace(link.namespace)  # the file of one that lost its mount
                self._make(link, f"netns add {link.namespace}\n")
            elif not self._is_complete(link):
                namespace.call_inside(link.namespace, self._remove_inner)
                self._make(link)
            else:
                write_settings(OUTER_SETTINGS, link.interface)
                namespace.call_inside(link.namespace, lambda: write_settings(INNER_SETTINGS))

    def remove(self, link: Link) -> None:
        with self._lock:
            self._remove_interface(link.interface)
            self.remove_namespace(link.namespace)

    def remove_namespace(self, name: str) -> None:
        """Remove a namespace of `present` by its name; the pair goes with it, though not at once."""
        path = namespace.FOLDER / name
        if namespace.exists(name):
            self._ip(f"remove network namespace {name}", f"netns del {name}\n")
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise NetworkError(f"cannot remove network namespace {name}: {error}") from error

    def present(self) -> tuple[str, ...]:
        try:
            return tuple(sorted(path.name for path in namespace.FOLDER.iterdir() if self._is_our_namespace(path.name)))
        except FileNotFoundError:  # nobody has made a namespace since the boot
            return ()

    def taken(self) -> tuple[str, ...]:
        addresses = self._query("list addresses", "addr show\n")
        routes = self._query("list routes", "route show table all\n")
        networks = {network for entry in addresses if not self._is_ours(entry) for network in _networks(entry)}
        networks.update(
            str(IPv4Network(entry["dst"]))
            for entry in routes
            if entry["dst"] not in ("default", "0.0.0.0/0") and not self._is_ours(entry)
        )
        return tuple(sorted(networks))

    def _is_complete(self, link: Link) -> bool:
        """Return True if both ends exist, joined to each other, up, with their addresses and the default route."""
        if not _is_present(link.interface):
            return False
        outer = self._query("look at the router's end", f"addr show dev {link.interface}\n")

        def look() -> list[dict[str, Any]]:
            if not _is_present(INNER):
                return []
            asked = f"addr show dev lo\naddr show dev {INNER}\nroute show default\n"
            return self._query("look at the service's end", asked)

        match [*outer, *namespace.call_inside(link.namespace, look)]:
            case [near, loopback, far, route]:
                return (
                    near.get("link_index") == far["ifindex"]
                    and far.get("link_index") == near["ifindex"]
                    and _has(near, f"{link.outer}/{link.prefix}")
                    and _has(far, f"{link.inner}/{link.prefix}")
                    and "UP" in loopback["flags"]
                    and route.get("gateway") == str(link.outer)
                )
        return False

    def _make(self, link: Link, before: str = "") -> None:
        purpose = f"make link {link.interface} to {link.namespace}"
        self._remove_interface(link.interface)
        self._ip(
            purpose,
            f"{before}link add {link.interface} type veth peer name {INNER} netns {link.namespace}\n"
            f"link set {link.interface} addrgenmode none\n"  # no IPv6 address, so no DAD, until settings are written
            f"addr add {link.outer}/{link.prefix} dev {link.interface}\nlink set {link.interface} up\n",
        )
        write_settings(OUTER_SETTINGS, link.interface)

        def finish() -> None:
            write_settings(INNER_SETTINGS)
            self._ip(
                purpose,
                f"addr add {link.inner}/{link.prefix} dev {INNER}\n"
                f"link set lo up\nlink set {INNER} up\nroute replace default via {link.outer}\n",
            )

        namespace.call_inside(link.namespace, finish)

    def _remove_inner(self) -> None:
        self._remove_interface(INNER)

    def _remove_interface(self, name: str) -> None:
        if _is_present(name):
            self._ip(f"remove interface {name}", f"link del {name}\n")

    def _query(self, purpose: str, batch: str) -> list[dict[str, Any]]:
        """Return the entries that the commands of `batch` list, one after the other."""
        done = run(purpose, ("ip", "-4", "-j", "-batch", "-"), text=batch, deadline=self._deadline)
        return [entry for line in done.stdout.splitlines() if line for entry in json.loads(line) if entry]

    def _ip(self, purpose: str, batch: str) -> None:
        run(purpose, ("ip", "-batch", "-"), text=batch, deadline=self._deadline)

    def _is_our_namespace(self, name: str) -> bool:
        return name.startswith(self._namespaces)

    def _is_ours(self, entry: Mapping[str, Any]) -> bool:
        return str(entry.get("ifname") or entry.get("dev") or "").startswith(self._interfaces)


def _is_present(interface: str) -> bool:
    """Return True if the calling thread's namespace has the interface; asked with a socket, which costs no process."""
    try:
        socket.if_nametoindex(interface)
    except OSError:
        return False
    return True


def write_settings(settings: Mapping[str, str], interface: str = "") -> None:
    """Write /proc/sys/net of the calling thread's namespace; what already has its value is left alone."""
    for template, value in settings.items():
        path = Path("/proc/sys/net", template.format(interface))
        try:
            if path.read_text().strip() != value:
                path.write_text(value)
        except FileNotFoundError:  # a kernel without IPv6, or no such interface yet
            continue
        except OSError as error:
            raise NetworkError(f"cannot set {path} to {value}: {error}") from error


def _networks(entry: Mapping[str, Any]) -> Iterator[str]:
    for address in entry.get("addr_info", ()):
        yield str(IPv4Network(f"{address['local']}/{address['prefixlen']}", strict=False))


def _has(entry: Mapping[str, Any], address: str) -> bool:
    """Return True if the interface is up, with exactly this IPv4 address."""
    addresses = [f"{a['local']}/{a['prefixlen']}" for a in entry.get("addr_info", ()) if a["family"] == "inet"]
    return "UP" in entry.get("flags", ()) and addresses == [address]
