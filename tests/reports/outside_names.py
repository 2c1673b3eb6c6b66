"""Name servers outside a lab's router, and guests that ask for outside names through it."""

from __future__ import annotations

import contextlib
import itertools
import sys
from collections.abc import Iterator

import dns.exception
import dns.message
import dns.query
import dns.rcode

from lab.backends import python_path
from lab.commands import UPSTREAM_DNS
from lab.processes import wait_for_line
from lab.tools import run_inside
from lab.topology import CLIENT_IP, Lab
from tests.kit.live.probe_servers import Namespace
from tests.kit.live.router import LiveRouter

LABEL = "name-server"
ROUTER = "10.1.1.1"
_NUMBERS = itertools.count(1)


@contextlib.contextmanager
def reachable(lab: Lab) -> Iterator[None]:
    """Let the router reach its configured name servers, where nobody answers otherwise."""
    for address in UPSTREAM_DNS:
        run_inside(lab.public, ("ip", "addr", "replace", f"{address}/32", "dev", "lo"))
        run_inside(lab.router, ("ip", "route", "replace", f"{address}/32", "via", CLIENT_IP))
    run_inside(lab.public, ("ip", "link", "set", "lo", "up"))
    try:
        yield
    finally:
        for address in UPSTREAM_DNS:
            run_inside(lab.router, ("ip", "route", "del", f"{address}/32"))
            run_inside(lab.public, ("ip", "addr", "del", f"{address}/32", "dev", "lo"))


@contextlib.contextmanager
def serving(live: LiveRouter, edns: str) -> Iterator[None]:
    """Run both name servers; `edns` is what comes of a question that has it."""
    processes = live.router.processes
    processes.log(LABEL).unlink(missing_ok=True)
    argv = [sys.executable, "-m", "lab.name_server", edns, *UPSTREAM_DNS]
    record = processes.start(LABEL, argv, namespace=live.lab.public, env=python_path())
    try:
        wait_for_line(processes.log(LABEL), "ready", record, 10.0)
        yield
    finally:
        processes.stop(LABEL)


def ask(live: LiveRouter, guest: str, domain: str, times: int, timeout: float = 1.0) -> list[str]:
    """Ask as the guest for names that nobody asked for before; return response codes, `silence` for none."""

    def asking() -> list[str]:
        found = []
        for _ in range(times):
            query = dns.message.make_query(f"n{next(_NUMBERS)}.{domain}", "A")
            try:
                answer = dns.query.udp(query, ROUTER, timeout, source=guest)
                found.append(dns.rcode.to_text(answer.rcode()))
            except (dns.exception.Timeout, OSError):
                found.append("silence")
        return found

    return Namespace(live.lab.guest).inside(asking)
