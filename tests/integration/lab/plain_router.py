"""A stand-in for the supervised router: the same services, run directly, so that the lab's clients can be tested."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from lab import commands
from lab.tools import inside
from lab.topology import DOMAIN, ROUTER_GUEST_IP, Lab, extra_guests, guests_of_lab

HERE = Path(__file__).resolve().parent


def dns_and_dhcp(lab: Lab, folder: Path) -> list[str]:
    lines = ["no-resolv", "no-hosts", "bind-interfaces", f"listen-address={ROUTER_GUEST_IP}", f"domain={DOMAIN}"]
    lines += [f"local=/{DOMAIN}/", "dhcp-authoritative", f"dhcp-range={ROUTER_GUEST_IP},static,infinite"]
    lines += ["dhcp-lease-max=2100", f"dhcp-leasefile={folder / 'leases'}", "keep-in-foreground", "user=root"]
    lines += ["dhcp-ignore=tag:!known", f"pid-file={folder / 'dnsmasq.pid'}"]
    for guest in (*guests_of_lab(), *extra_guests()):
        lease = guest.lease_seconds or "infinite"
        lines += [f"dhcp-host={guest.mac},{guest.address},{guest.name},{lease}"]
        lines += [f"host-record={guest.name}.{DOMAIN},{guest.address}"]
    (folder / "dnsmasq.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return inside(lab.router, ["/usr/sbin/dnsmasq", f"--conf-file={folder / 'dnsmasq.conf'}"])


def lone_dns(lab: Lab, address: str) -> list[str]:
    """DNS alone, on another address than the session's server, for a test that kills it."""
    words = ["/usr/sbin/dnsmasq", "--conf-file=/dev/null", "--keep-in-foreground", "--no-resolv", "--no-hosts"]
    words += ["--bind-interfaces", "--except-interface=lo", "--user=root", "--pid-file", f"--listen-address={address}"]
    words += [f"--host-record={guest.name}.{DOMAIN},{guest.address}" for guest in guests_of_lab()]
    return inside(lab.router, words)


def load_balancer(lab: Lab, folder: Path) -> list[str]:
    unwanted = ("chroot", "log ", "user ", "group ", "stats socket", "daemon")
    lines = [line for line in commands.load_balancer_lines() if not line.strip().startswith(unwanted)]
    (folder / "haproxy.cfg").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return inside(lab.router, ["/usr/sbin/haproxy", "-db", "-q", "-f", str(folder / "haproxy.cfg")])


def metadata_and_passwords(lab: Lab) -> list[str]:
    return inside(lab.router, [sys.executable, str(HERE / "guest_services.py")])


@contextlib.contextmanager
def running(argv: list[str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A daemon for the time of a `with`: ended even when the test fails."""
    with (folder / "daemon.log").open("ab") as log:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=HERE.parents[2])
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(3)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for_port(namespace: str, address: str, port: int, limit: float = 10.0) -> None:
    """Until something accepts TCP there; asked from inside the namespace by a child that only connects."""
    code = f"import socket; socket.create_connection(({address!r}, {port}), 0.5).close()"
    deadline = time.monotonic() + limit
    while subprocess.run(inside(namespace, [sys.executable, "-c", code]), capture_output=True, check=False).returncode:
        if time.monotonic() > deadline:
            raise AssertionError(f"nothing listens on {address}:{port}")
        time.sleep(0.05)
