"""Starts and stops the guests' servers behind the load balancer, one process per web guest."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from lab.commands import WEB_GUESTS
from lab.network import processes
from lab.processes import wait_for_line
from lab.topology import Lab, guests_of_lab

ROOT = Path(__file__).resolve().parent.parent


def start(lab: Lab) -> tuple[str, ...]:
    """Start the servers that do not run; return the names of the new processes, which accept connections."""
    running = processes(lab)
    names = {guest.address: guest.name for guest in guests_of_lab()}
    started = []
    for address in WEB_GUESTS:
        label = f"web-{names[address]}"
        known = running.find(label)
        if known is None or not known.is_alive:
            running.log(label).unlink(missing_ok=True)
            started.append(label)
        argv = [sys.executable, "-m", "lab.servers", address, names[address]]
        running.start(label, argv, namespace=lab.guest, env=python_path())
    for label in started:
        record = running.find(label)
        assert record is not None
        wait_for_line(running.log(label), "ready", record, 10.0)
    return tuple(started)


def stop(lab: Lab) -> tuple[str, ...]:
    running = processes(lab)
    labels = [record.name for record in running.all() if record.name.startswith("web-")]
    return tuple(label for label in labels if running.stop(label))


def status(lab: Lab) -> dict[str, bool]:
    return {record.name: record.is_alive for record in processes(lab).all()}


def python_path() -> dict[str, str]:
    """Return the environment by which a child finds this package from any working directory."""
    return {"PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))}
