"""Changes of the load balancer's rules, one after the other, and how long clients wait for each."""

from __future__ import annotations

import json
import sys
from typing import Any

from lab import commands, network
from lab.router import Router
from lab.tools import run_inside
from lab.topology import VIP

FIRST_PORT = 9100


def balancer(*ports: int) -> dict[str, Any]:
    """Return the command with the lab's rules, and one more for each of these ports, whose member answers."""
    command = commands.load_balancer()
    for port in ports:
        command["rules"][0]["configuration"] += [
            "",
            f"listen extra-{port}",
            f"\tbind {VIP}:{port}",
            "\tbalance roundrobin",
            f"\tserver extra_0 {commands.WEB_GUESTS[0]}:8080 check",
        ]
    return command


def change(router: Router, command: dict[str, Any], port: int, *, is_there: bool = True) -> float:
    """Send the command; return the seconds until a client outside reaches that port, or no longer does."""
    path = network.folder(router.lab) / "change.json"
    path.write_text(json.dumps(command), encoding="utf-8")
    module, wanted = "lab.clients.probes.change", "yes" if is_there else "no"
    argv = [sys.executable, "-m", module, str(router.socket), str(path), VIP, str(port), wanted]
    return float(run_inside(router.lab.public, argv, timeout=100.0))


def changes(router: Router, count: int) -> list[float]:
    """Send so many commands, each when the former was live, every one with another rule; then the lab's own rules.

    Returns the seconds that each took, but for the last.
    """
    seconds = [change(router, balancer(FIRST_PORT + number), FIRST_PORT + number) for number in range(count)]
    change(router, balancer(), FIRST_PORT + count - 1, is_there=False)
    return seconds
