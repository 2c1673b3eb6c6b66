"""Opens a control socket for each service that counts, which leads to the active generation, whichever that is.

The answer is the daemon's own table with the counts of earlier generations added. Each line gets an answer and the
connection ends, as with daemons' own sockets; root alone may ask.
"""

from __future__ import annotations

import logging
import socketserver
import threading
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from supervisor.surface.last_net import unforeseen
from supervisor.values.errors import StateError, SupervisorError

log = logging.getLogger(__name__)

LINE_LIMIT = 16384
LOOK_SECONDS = 1.0
RETRY_SECONDS = 30.0
PATIENCE = 5.0  # seconds a client may be silent


class Consoles(Protocol):
    """The services behind the sockets."""

    @property
    def counting(self) -> tuple[str, ...]:
        """The services that have a socket; others may come later."""

    def console(self, service: str, line: str) -> str:
        """Return the answer of the active generation. Raises SupervisorError: when it gives none."""


class ConsoleServer:
    """Opens `<folder>/<service>.sock` for every service that counts, soon after it runs; all are closed together."""

    def __init__(self, consoles: Consoles, folder: Path, look: float = LOOK_SECONDS) -> None:
        self._consoles, self._folder, self._look = consoles, folder, look
        self._servers: dict[str, _Server] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="consoles", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def _run(self) -> None:
        while not self._ended.wait(self._look):
            try:
                self._open(self._consoles.counting)
            except StateError as error:
                log.error("console not opened", extra={"reason": str(error)})
                self._ended.wait(RETRY_SECONDS)

    def _open(self, services: tuple[str, ...]) -> None:
        for service in services:
            if service not in self._servers:
                self._servers[service] = self._opened(service)

    def _opened(self, service: str) -> _Server:
        path = self._folder / f"{service}.sock"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            server = _Server(str(path), self._consoles, service)
            path.chmod(0o600)
        except OSError as error:
            raise StateError(f"cannot open the console {path}: {error.strerror}") from error
        threading.Thread(target=server.serve_forever, args=(0.5,), name=f"console-{service}", daemon=True).start()
        return server

    def close(self) -> None:
        """Close and remove every socket. May be repeated."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(PATIENCE)
        for service, server in self._servers.items():
            server.shutdown()
            server.server_close()
            with suppress(OSError):
                (self._folder / f"{service}.sock").unlink()
        self._servers = {}


class _Handler(socketserver.StreamRequestHandler):
    server: _Server
    timeout = PATIENCE

    def handle(self) -> None:
        with suppress(OSError):  # the client left
            line = self.rfile.readline(LINE_LIMIT).decode("utf-8", "replace").strip()
            self.wfile.write(self._answer(line).encode())

    def _answer(self, line: str) -> str:
        try:
            return self.server.consoles.console(self.server.service, line)
        except SupervisorError as error:
            return f"{error}\n"
        except Exception as error:
            return f"{unforeseen(error, 'cannot answer')}\n"


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True

    def __init__(self, path: str, consoles: Consoles, service: str) -> None:
        self.consoles, self.service = consoles, service
        super().__init__(path, _Handler)
