"""Clients of the load balancer outside a lab's router, each with an address of its own, and what they come to."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from http.server import ThreadingHTTPServer
from typing import Any

from lab.commands import load_balancer
from lab.tools import run_inside
from lab.topology import VIP, Lab
from tests.kit.live.probe_servers import Namespace, Web
from tests.kit.live.router import LiveRouter

CLIENTS = tuple(f"203.0.113.{number}" for number in range(101, 109))
SERVER, NOBODY = "10.1.1.23", "10.1.1.24"  # guests; only one of them has a web server
GOOD, DEAD, DEAD_TCP = 81, 83, 84  # public ports
INSIDE = 8090


def balanced() -> dict[str, Any]:
    """The lab's rules, and three more: to a server that can fail, and in HTTP and TCP to nobody."""
    command = load_balancer()
    rule = command["rules"][0]
    for port, server, lines in (
        (GOOD, SERVER, ["\tmode http"]),
        (DEAD, NOBODY, ["\tmode http"]),
        (DEAD_TCP, NOBODY, []),
    ):
        name = f"{VIP.replace('.', '_')}-{port}"
        rule["add_rules"].append(f"{VIP}:{port}:")
        rule["configuration"] += [
            f"listen {name}",
            f"\tbind {VIP}:{port}",
            *lines,
            "\tbalance roundrobin",
            f"\tserver {name}_0 {server}:{INSIDE} check",
            "\t ",
        ]
    return command


@contextlib.contextmanager
def clients_and_server(lab: Lab) -> Iterator[None]:
    for address in CLIENTS:
        run_inside(lab.public, ("ip", "addr", "replace", f"{address}/24", "dev", "eth0"))
    server = Namespace(lab.guest).inside(lambda: ThreadingHTTPServer((SERVER, INSIDE), Web))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
        for address in CLIENTS:
            run_inside(lab.public, ("ip", "addr", "del", f"{address}/24", "dev", "eth0"))


def get(live: LiveRouter, port: int, path: str, times: int, clients: Sequence[str] = CLIENTS) -> Counter[int]:
    """Each client asks so often; return the status codes, 0 for no answer."""

    def asking(client: str) -> list[int]:
        return [_status(client, port, path) for _ in range(times)]

    def all_ask(client: str) -> list[int]:
        return Namespace(live.lab.public).inside(lambda: asking(client))

    with ThreadPoolExecutor(len(clients)) as threads:
        return Counter(code for codes in threads.map(all_ask, clients) for code in codes)


def _status(client: str, port: int, path: str) -> int:
    connection = HTTPConnection(VIP, port, timeout=10, source_address=(client, 0))
    with contextlib.closing(connection):
        try:
            connection.request("GET", path, headers={"Connection": "close"})
            return connection.getresponse().status
        except (HTTPException, OSError):
            return 0
