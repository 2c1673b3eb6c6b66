"""Something that answers on a socket as a Docker daemon does, in whichever way a test needs: what no real one shows."""

from __future__ import annotations

import contextlib
import json
import re
import socketserver
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

VERSION = {"Version": "20.10.24", "ApiVersion": "1.41", "MinAPIVersion": "1.12", "Components": [{"Name": "Engine"}]}
INFORMATION = {"DriverStatus": [["Backing Filesystem", "extfs"]], "SecurityOptions": ["name=seccomp,profile=default"]}


@dataclass
class StubDaemon:
    """`answers` are JSON by the end of the path; `slow` are ends of paths that take `delay` seconds."""

    answers: dict[str, Any] = field(default_factory=lambda: {"/version": VERSION, "/info": INFORMATION})
    slow: tuple[str, ...] = ()
    delay: float = 2.0
    asked: list[str] = field(default_factory=list)

    def answer(self, method: str, target: str) -> tuple[int, Any]:
        path = target.partition("?")[0]
        self.asked.append(f"{method} {path}")
        if path.endswith(self.slow or "\0"):
            time.sleep(self.delay)
        version = self.answers["/version"]
        if (found := re.match(r"/v(\d+)\.(\d+)/", path)) and path != "/version":
            spoken = (int(found[1]), int(found[2]))
            if spoken < tuple(map(int, version["MinAPIVersion"].split("."))):
                return 400, {"message": f"client version {found[1]}.{found[2]} is too old"}
        for end, answer in self.answers.items():
            if path.endswith(end):
                return 200, answer
        return 404, {"message": f"no such thing: {path}"}


@contextlib.contextmanager
def listening(daemon: StubDaemon, socket: Path) -> Iterator[Path]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, value = daemon.answer(self.command, self.path)
            content = json.dumps(value).encode()
            with contextlib.suppress(BrokenPipeError):  # the caller did not wait
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - the library's names

        def log_message(self, *_: object) -> None: ...

        def address_string(self) -> str:
            return "socket"

    class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
        daemon_threads = True

    server = Server(str(socket), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield socket
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
