"""Real servers for probes: daemons as child processes, misbehaving ones as threads, a router in two namespaces."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from supervisor.edges.probes import ProtocolProber
from supervisor.values.state import ExecResult, ProbeTarget
from tests.kit.live.probe_servers import Ask, Lab, Misbehaving, Namespace, Run, Serve, ip, probe


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """Ask a router-mode instance whose runtime folder `run` is the test's folder."""

    def execute(container: str, command: Sequence[str], timeout: float) -> ExecResult:
        done = subprocess.run(command, capture_output=True, timeout=timeout, check=False)
        return ExecResult(done.returncode, done.stdout, done.stderr)

    prober = ProtocolProber(execute)
    target = ProbeTarget("vrs-test-1", None, (("run", str(tmp_path)),))
    return lambda kind, timeout=1.0, **arguments: prober.ask(probe(kind, timeout, **arguments), target)


@pytest.fixture
def lab() -> Iterator[Lab]:
    lab = Lab()
    try:
        for namespace in (lab.router, lab.guest):
            ip("netns", "add", namespace.name)
            ip("-n", namespace.name, "link", "set", "lo", "up")
        ip(
            "-n",
            lab.router.name,
            "link",
            "add",
            "eth0",
            "type",
            "veth",
            "peer",
            "name",
            "eth0",
            "netns",
            lab.guest.name,
        )
        ip("-n", lab.router.name, "addr", "add", "10.1.1.1/24", "dev", "eth0")
        ip("-n", lab.guest.name, "addr", "add", "10.1.1.20/24", "dev", "eth0")
        for namespace in (lab.router, lab.guest):
            ip("-n", namespace.name, "link", "set", "eth0", "up")
        yield lab
    finally:
        for namespace in (lab.router, lab.guest):
            subprocess.run(["ip", "netns", "delete", namespace.name], check=False, capture_output=True)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Start a daemon in the foreground, as a child; it is killed when the test ends."""
    with ExitStack() as running:

        def start(
            *command: str, within: Namespace | None = None, environment: Mapping[str, str] | None = None
        ) -> subprocess.Popen[bytes]:
            enter = ["nsenter", f"--net={within.path}"] if within else []
            log = running.enter_context((tmp_path / f"{Path(command[0]).name}.log").open("ab"))
            daemon = subprocess.Popen(
                [*enter, *command], stdout=log, stderr=log, env=os.environ | dict(environment or {})
            )

            def end() -> None:
                daemon.kill()
                daemon.wait()

            running.callback(end)
            return daemon

        yield start


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Serve on a loopback port or, with `path`, on a unix socket in the runtime folder."""
    servers: list[tuple[Misbehaving, threading.Thread]] = []

    def start(
        behave: Callable[[socket.socket, threading.Event], None], path: str = "", backlog: int = 5
    ) -> Misbehaving:
        listener = socket.socket(socket.AF_UNIX if path else socket.AF_INET, socket.SOCK_STREAM)
        listener.bind(str(tmp_path / path) if path else ("127.0.0.1", 0))
        listener.listen(backlog)
        server = Misbehaving(listener, behave)
        thread = threading.Thread(target=server.serve)
        servers.append((server, thread))
        thread.start()
        return server

    try:
        yield start
    finally:
        for server, thread in servers:
            server.ended.set()
            with suppress(OSError):
                server.listener.shutdown(socket.SHUT_RDWR)
            server.listener.close()
            thread.join(5)
