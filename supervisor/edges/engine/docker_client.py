"""The docker library as a transport: its session, on the daemon's unix socket, with the version both sides speak.

Requests are posted as the API defines them. The library's own methods take keywords, and drop or refuse several of the
fields we need; its errors lose the status of what a stream says; and its one time-out holds for every call.
"""

from __future__ import annotations

import contextlib
import socket
from http import HTTPStatus
from pathlib import Path
from typing import Any

import requests
from docker import APIClient
from docker.transport.unixconn import UnixHTTPAdapter, UnixHTTPConnection, UnixHTTPConnectionPool

from supervisor.edges.engine.client import EngineClient, RefusedError
from supervisor.values.errors import EngineError, EngineUnavailableError

OLDEST_API = "1.41"  # Docker 20.10
LOOK_DEADLINE = 8.0  # what only looks is answered from memory


class _Connection(UnixHTTPConnection):  # type: ignore[misc]
    """The library forgets to close a socket that could not be connected."""

    def connect(self) -> None:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.settimeout(self.timeout)
            connection.connect(self.unix_socket)
        except BaseException:
            connection.close()
            raise
        self.sock = connection


class _Pool(UnixHTTPConnectionPool):  # type: ignore[misc]
    def _new_conn(self) -> _Connection:
        return _Connection(self.base_url, self.socket_path, self.timeout)


class _Adapter(UnixHTTPAdapter):  # type: ignore[misc]
    def get_connection(self, url: str, proxies: object = None) -> Any:
        # One pool is enough: every address is the same socket.
        with self.pools.lock:
            if (pool := self.pools.get("")) is None:
                pool = self.pools[""] = _Pool(url, self.socket_path, self.timeout, maxsize=self.max_pool_size)
            return pool


class DockerClient(EngineClient):
    def __init__(self, socket: Path, deadline: float) -> None:
        super().__init__(deadline)
        self._socket, self._api = socket, ""
        self._look_deadline = min(LOOK_DEADLINE, deadline)

    def version(self, action: str, deadline: float | None = None) -> Any:
        """Return the daemon's versions, which every version of the API answers."""
        return self.decoded(action, self._send(action, "get", "//version", deadline=deadline))

    def speak(self, version: Any) -> None:
        """Choose the oldest version that both sides speak: the meaning of its fields does not change any more."""
        self._api = max(OLDEST_API, str(version["MinAPIVersion"]), key=numbers)

    def _send(
        self, action: str, method: str, path: str, *, deadline: float | None = None, **arguments: Any
    ) -> requests.Response:
        if method == "get" and "idle" not in arguments:  # a look; what is read as it comes has its own
            deadline = deadline or self._look_deadline
        try:
            return super()._send(action, method, path, deadline=deadline, **arguments)
        except RefusedError as error:
            if error.status == HTTPStatus.BAD_REQUEST and not path.startswith("//") and not self._is_understood():
                raise EngineUnavailableError(f"cannot {action}: the engine's service is another version now") from error
            raise

    def _is_understood(self) -> bool:
        """Return True if the daemon still speaks our version: it may have been upgraded behind the same socket."""
        with contextlib.suppress(EngineError):
            version = self.version("ask Docker's version")
            oldest, newest = numbers(str(version["MinAPIVersion"])), numbers(str(version["ApiVersion"]))
            return oldest <= numbers(self._api or OLDEST_API) <= newest
        return True

    def _connect(self) -> requests.Session:
        session = APIClient(base_url=f"unix://{self._socket}", version=OLDEST_API, timeout=self._deadline)
        session.trust_env = False  # proxies are for networks
        session.mount("http+docker://", _Adapter(f"http+unix://{self._socket}", self._deadline))
        return session  # type: ignore[no-any-return]

    def _request(self, session: requests.Session, method: str, path: str, **arguments: Any) -> requests.Response:
        is_versionless = path.startswith("//")
        path = path[1:] if is_versionless else f"/v{self._api or OLDEST_API}{path}"
        return session.request(method, f"http+docker://localhost{path}", **arguments)


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
