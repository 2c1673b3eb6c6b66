"""A load balancer of Debian's, run with what the templates make of the management server's text.

Inside addresses and ports become ones of this machine's loopback, and so do the members' addresses.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from supervisor.edges.catalog import load_definition
from supervisor.edges.intake import CloudStackIntake
from supervisor.edges.render import TemplateRenderer
from supervisor.values.router import RouterConfig
from tests.kit.samples.bounds import BOUNDS
from tests.kit.samples.router import sample_instance

SERVICES = Path(__file__).parents[2] / "services"
MEMBERS = ("10.1.1.21:8080", "10.1.1.22:8080")


def configured(*commands: Mapping[str, Any]) -> RouterConfig:
    """The router that the commands make, of which nothing was refused or left out."""
    files = [(f"{number}.json", json.dumps(command).encode()) for number, command in enumerate(commands)]
    intake = CloudStackIntake(bounds=lambda: BOUNDS)
    taken = intake.take(None, files)
    router, faults = intake.interpret(taken.stored)
    assert (taken.refused, faults) == ((), ())
    return router


def rules(*lines: str, **more: Any) -> dict[str, Any]:
    """A command with one rule at 203.0.113.10:80, with one member."""
    text = [*lines, f"\tserver s {MEMBERS[0]} check"]
    return {"type": "loadbalancer", "rules": [{"configuration": text, **more}]}


def written(router: RouterConfig, folder: Path, places: Mapping[str, str] | None = None) -> Path:
    """Write what the daemon reads, with texts replaced, and return its main file."""
    definition = load_definition(SERVICES / "haproxy")
    bare = sample_instance(definition.manifest)
    instance = replace(bare, frontends=TemplateRenderer().frontends(definition.manifest, router, bare))
    (folder / "run/haproxy").mkdir(parents=True, exist_ok=True)
    moved = {"/config": f"{folder}/config", "/run/haproxy": f"{folder}/run/haproxy", **(places or {})}
    for file in TemplateRenderer().files(definition, router, instance):
        text = file.content.decode()
        for place, here in moved.items():
            text = text.replace(place, here)
        path = folder / "config" / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "config/haproxy.cfg"


@contextmanager
def serving(program: Sequence[str], router: RouterConfig, member: int, port: int) -> Iterator[int]:
    """Run the daemon until the block ends; its first rule listens on `port` and leads to the port of `member`.

    Its folder is not pytest's: the name of a socket must not be long.
    """
    inside = {"198.18.0.26:10000": f"127.0.0.1:{port}"} | dict.fromkeys(MEMBERS, f"127.0.0.1:{member}")
    with tempfile.TemporaryDirectory() as folder:
        path = written(router, Path(folder), inside)
        with subprocess.Popen([*program, "-db", "-f", str(path)], stderr=subprocess.PIPE, text=True) as running:
            try:
                _wait(port, running)
                yield port
            finally:
                running.kill()


def _wait(port: int, running: subprocess.Popen[str]) -> None:
    command = ["ss", "-Hltn", f"sport = :{port}"]
    for _ in range(600):
        if subprocess.run(command, capture_output=True, check=True).stdout:
            return
        try:
            running.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
        raise AssertionError(running.stderr.read() if running.stderr else "")
    raise AssertionError("it does not listen")


class Member(BaseHTTPRequestHandler):
    """Answers each request with its headers, as JSON; /health with 503."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = json.dumps(list(self.headers.items())).encode()
        self.send_response(503 if self.path == "/health" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def member() -> Iterator[int]:
    """A member that speaks HTTP, at a port of loopback."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Member) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
