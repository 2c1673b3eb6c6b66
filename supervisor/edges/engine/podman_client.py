"""The Podman library as a transport: its session, on its unix socket, with its path prefix and its own errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import requests
from podman.api.client import APIClient
from podman.api.uds import UDSConnection, UDSConnectionPool, UDSSocket

from supervisor.edges.engine.client import EngineClient

API_VERSION = "4.0.0"  # the oldest whose fields we use; newer services speak it too


class _Connection(UDSConnection):
    """The library forgets to close a socket that could not be connected."""

    def connect(self) -> None:
        connection = UDSSocket(self.uds)
        connection.settimeout(self.timeout)
        try:
            connection.connect()  # type: ignore[no-untyped-call]
        except BaseException:
            connection.close()
            raise
        self.sock = connection


class _Pool(UDSConnectionPool):
    ConnectionCls = _Connection


class PodmanClient(EngineClient):
    def __init__(self, socket: Path, deadline: float) -> None:
        super().__init__(deadline)
        self._socket = socket

    def version(self, action: str, deadline: float | None = None) -> str:
        """Return the service's version, from the headers of its cheapest answer."""
        return str(self._send(action, "get", "/_ping", deadline=deadline).headers.get("Libpod-API-Version", "unknown"))

    def _connect(self) -> requests.Session:
        session: Any = APIClient(base_url=f"unix://{self._socket}", version=API_VERSION, timeout=self._deadline)
        session.get_adapter("http://").poolmanager.pool_classes_by_scheme = {"http": _Pool}
        return session  # type: ignore[no-any-return]

    def _request(self, session: requests.Session, method: str, path: str, **arguments: Any) -> requests.Response:
        answer: Any = getattr(session, method)(path, **arguments)
        return answer._response  # type: ignore[no-any-return]
