"""A whole lab router for tests that use the programs as operators do: started, asked, ended, and compared."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lab import network, services, session
from lab.processes import Record, started_at
from lab.router import PROGRAM, Router, program
from lab.tools import NAMESPACES, inside
from lab.topology import Lab
from supervisor.surface.api.client import RemoteControl

SERVICES = tuple(services.SERVICES)
TABLE = ("nft", "-s", "list", "table", "inet", "vr_supervisor")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that a refused request must leave as it is."""

    services: object
    bundles: object
    table: str
    containers: dict[str, int]
    images: tuple[str, ...]
    namespaces: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LiveRouter:
    """A router that runs, as its operators meet it."""

    router: Router

    @property
    def lab(self) -> Lab:
        return self.router.lab

    @property
    def engine_socket(self) -> Path:
        return self.router.runtime / "engine.sock"

    # ------------------------------------------------------------ life

    def start(self, *flags: str, environment: dict[str, str] | None = None) -> Record:
        command = [program("vr-supervisor"), "run", "--config", str(self.router.settings), *flags]
        return self.router.processes.start(PROGRAM, command, namespace=self.lab.router, env=environment)

    def ready(self) -> dict[str, Any]:
        """Start the daemon unless it runs, and wait until everything is well."""
        self.start()
        status = self.router.await_ready(60.0, SERVICES)
        until(
            "no hand-over is under way",
            lambda: not any(service["handover"] for service in self.services().values()),
            30.0,
        )
        return status

    def end(self, number: int, patience: float = 20.0) -> tuple[int, float]:
        """Signal the daemon, our child; return its exit code and how long it took."""
        record = self.router.processes.find(PROGRAM)
        assert record is not None
        assert record.is_alive
        began = time.monotonic()
        os.kill(record.pid, number)
        while time.monotonic() - began < patience:
            pid, code = os.waitpid(record.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(code), time.monotonic() - began
            time.sleep(0.01)
        raise AssertionError(f"the daemon still runs {patience:g} s after signal {number}")

    # ------------------------------------------------------------ asking

    def services(self) -> dict[str, dict[str, Any]]:
        status: Any = self.router.status()
        return {service["name"]: service for service in status["services"]} if status else {}

    def run(self, *command: str, timeout: float = 60.0) -> subprocess.CompletedProcess[str]:
        """Run a program in the router's network namespace."""
        return subprocess.run(
            inside(self.lab.router, command), capture_output=True, text=True, timeout=timeout, check=False
        )

    def podman(self, *arguments: str) -> str:
        command = ["podman", "--remote", "--url", f"unix://{self.engine_socket}", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def containers(self) -> dict[str, int]:
        listed = json.loads(self.podman("ps", "--all", "--format", "json") or "[]")
        return {one["Names"][0]: int(one["Pid"]) for one in listed}

    def namespaces(self) -> tuple[str, ...]:
        return tuple(sorted(path.name for path in NAMESPACES.glob(f"{self.lab.prefix}-sv-*")))

    def snapshot(self) -> Snapshot:
        with contextlib.closing(RemoteControl.on_socket(str(self.router.socket), 20.0)) as control:
            return Snapshot(
                tuple(
                    replace(service, memory_bytes=None, cpu_seconds=None, undertakings=())
                    for service in control.status().services
                ),
                control.releases(),
                self.run(*TABLE).stdout,
                self.containers(),
                tuple(sorted(self.podman("images", "--all", "--quiet", "--no-trunc").split())),
                self.namespaces(),
            )


@contextlib.contextmanager
def live_router(prefix: str, **overrides: object) -> Iterator[LiveRouter]:
    """Bring a lab of its own up, with every service ready; remove every trace whatever happens."""
    router = Router(Lab(f"{prefix}-{os.getpid()}"))
    try:
        session.bring_up(router, None, say=lambda _: None, **overrides)
        yield LiveRouter(router)
    finally:
        try:
            router.stop()
        finally:
            network.down(router.lab)


@contextlib.contextmanager
def bare_namespace(prefix: str) -> Iterator[str]:
    """Make a network namespace with nothing in it but loopback."""
    name = f"{prefix}-{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
        yield name
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)


def until(what: str, holds: Callable[[], object], seconds: float, step: float = 0.1) -> float:
    """Wait until `holds`; return how many seconds that took.

    Raises AssertionError: when it does not in time.
    """
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        if holds():
            return time.monotonic() - began
        time.sleep(step)
    raise AssertionError(f"not after {seconds:g} s: {what}")


def kill(pid: int) -> None:
    """Send SIGKILL to one process."""
    assert pid > 1
    assert started_at(pid) is not None
    os.kill(pid, signal.SIGKILL)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def assert_one_line(text: str, *words: str) -> None:
    """Check that an operator's error is one line that names thing, place and reason, and no stack."""
    assert "Traceback" not in text
    lines = text.strip().splitlines()
    assert len(lines) == 1, text
    for word in words:
        assert word in lines[0], f"{word!r} is not in: {lines[0]}"
