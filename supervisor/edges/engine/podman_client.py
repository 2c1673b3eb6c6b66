"""Requests to the engine's socket: one client per thread, a deadline on each, failures as our own errors.

The only module that touches the untyped library; status codes decide, never message texts.
"""

from __future__ import annotations

import json
import threading
import weakref
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import requests
from podman.api.client import APIClient
from podman.api.uds import UDSConnection, UDSConnectionPool, UDSSocket
from podman.errors import APIError
from urllib3.exceptions import HTTPError

from supervisor.values.errors import EngineError, EngineUnavailableError

API_VERSION = "4.0.0"  # the oldest whose fields we use; newer services speak it too
_JSON = {"Content-Type": "application/json"}


class RefusedError(EngineError):
    """The service answered with an error status."""

    def __init__(self, action: str, status: int, cause: str) -> None:
        super().__init__(f"cannot {action}: {cause}")
        self.action, self.status, self.cause = action, status, cause


class DeadlineError(EngineError):
    """The service did not answer in time."""

    def __init__(self, action: str, seconds: float) -> None:
        super().__init__(f"cannot {action}: the engine did not answer within {seconds:g} s")
        self.action, self.seconds = action, seconds


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


class PodmanClient:
    """`action` is what the call does, for messages: "start container x"."""

    def __init__(self, socket: Path, deadline: float) -> None:
        self._socket, self._deadline = socket, deadline
        self._local = threading.local()
        self._clients: weakref.WeakSet[APIClient] = weakref.WeakSet()
        self._lock = threading.Lock()

    def version(self, action: str, deadline: float | None = None) -> str:
        """What the service says of itself in the headers of its cheapest answer."""
        return str(self._send(action, "get", "/_ping", deadline=deadline).headers.get("Libpod-API-Version", "unknown"))

    def get(self, action: str, path: str, *, deadline: float | None = None, **params: str) -> Any:
        return self._decoded(action, self._send(action, "get", path, deadline=deadline, params=params))

    def post(
        self,
        action: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        deadline: float | None = None,
        **params: str,
    ) -> Any:
        data = None if body is None else json.dumps(body)
        response = self._send(action, "post", path, deadline=deadline, params=params, data=data, headers=_JSON)
        return self._decoded(action, response)

    def delete(self, action: str, path: str, **params: str) -> None:
        self._send(action, "delete", path, params=params)

    def exists(self, action: str, path: str) -> bool:
        try:
            self._send(action, "get", path)
        except RefusedError as error:
            if error.status == requests.codes.not_found:
                return False
            raise
        return True

    def upload(self, action: str, path: str, chunks: Iterable[bytes], deadline: float) -> Any:
        """Post a body as it is produced. What the producer raises comes back as it is."""
        failures: list[BaseException] = []
        headers = {"Content-Type": "application/x-tar"}
        try:
            response = self._send(
                action, "post", path, deadline=deadline, data=_guarded(chunks, failures), headers=headers
            )
        except EngineError:
            if failures:
                raise failures[0] from None
            raise
        return self._decoded(action, response)

    def stream(
        self,
        action: str,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
        idle: float | None,
    ) -> requests.Response:
        """An answer that is read as it comes, with at most `idle` seconds of silence. The caller closes it."""
        data = None if body is None else json.dumps(body)
        return self._send(action, method, path, idle=idle, params=params, data=data, headers=_JSON, stream=True)

    def chunks(self, action: str, response: requests.Response) -> Iterator[bytes]:
        try:
            while chunk := response.raw.read1(65536):
                yield chunk
        except (OSError, HTTPError) as error:
            raise EngineError(f"cannot {action}: the engine's answer broke off: {error}") from error

    def close(self) -> None:
        with self._lock:
            clients = list(self._clients)
        for client in clients:
            client.close()

    def _client(self) -> APIClient:
        client = getattr(self._local, "client", None)
        if client is None:
            client = APIClient(base_url=f"unix://{self._socket}", version=API_VERSION, timeout=self._deadline)
            adapter: Any = client.get_adapter("http://")
            adapter.poolmanager.pool_classes_by_scheme = {"http": _Pool}
            self._local.client = client
            with self._lock:
                self._clients.add(client)
        return client

    def _send(
        self, action: str, method: str, path: str, *, deadline: float | None = None, **arguments: Any
    ) -> requests.Response:
        wait = deadline or self._deadline
        silence = arguments.pop("idle", wait)
        try:
            response = getattr(self._client(), method)(path, timeout=(wait, silence), **arguments)
        except APIError as error:
            raise _translated(action, wait, error) from error
        except (OSError, HTTPError) as error:
            raise EngineError(f"cannot {action}: the engine broke off: {error}") from error
        if response.status_code >= requests.codes.bad_request:
            raise RefusedError(action, response.status_code, _cause(response))
        plain: requests.Response = response._response
        return plain

    def _decoded(self, action: str, response: requests.Response) -> Any:
        if not response.content:
            return None
        try:
            return response.json()
        except requests.JSONDecodeError as error:
            raise EngineError(f"cannot {action}: the engine's answer is not JSON") from error


def _translated(action: str, wait: float, error: APIError) -> EngineError:
    """The library and its transport wrap what happened several times over; the types are all there in the chain."""
    for cause in _chain(error):
        match cause:
            case FileNotFoundError() | ConnectionRefusedError():
                return EngineUnavailableError(f"cannot {action}: the engine's service does not run")
            case requests.Timeout() | TimeoutError() | BlockingIOError():
                return DeadlineError(action, wait)
            case ConnectionResetError() | BrokenPipeError():
                return EngineUnavailableError(f"cannot {action}: the engine's service went away")
    return EngineError(f"cannot {action}: the engine broke off: {error.__cause__ or error}")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _cause(response: Any) -> str:
    try:
        body = response.json()
        return str(body.get("message") or body.get("cause"))
    except (requests.JSONDecodeError, AttributeError):
        return str(response.text).strip() or f"status {response.status_code}"


def _guarded(chunks: Iterable[bytes], failures: list[BaseException]) -> Iterator[bytes]:
    try:
        yield from chunks
    except Exception as error:
        failures.append(error)
        raise
