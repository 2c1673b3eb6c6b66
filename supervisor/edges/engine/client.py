"""Requests to an engine's socket: one session per thread, a deadline on each, failures as our own errors.

What is the same for every engine that speaks HTTP. Status codes decide, never message texts.
"""

from __future__ import annotations

import json
import threading
import weakref
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any

import requests
from urllib3.exceptions import HTTPError

from supervisor.values.errors import EngineError, EngineUnavailableError

_JSON = {"Content-Type": "application/json"}


class RefusedError(EngineError, word="refused"):
    """The service answered with an error status."""

    def __init__(self, action: str, status: int, cause: str) -> None:
        super().__init__(f"cannot {action}: {cause}")
        self.action, self.status, self.cause = action, status, cause


class DeadlineError(EngineUnavailableError, word="deadline"):
    """The service did not answer in time: it hangs."""

    def __init__(self, action: str, seconds: float) -> None:
        super().__init__(f"cannot {action}: the engine did not answer within {seconds:g} s")
        self.action, self.seconds = action, seconds


class EngineClient(ABC):
    """Requests on an engine's socket. `action` is what a request does, for messages: "start container x".

    Every request raises RefusedError: when the answer has an error status; DeadlineError: when there is none in time;
    EngineUnavailableError: when the service does not run; EngineError: when the answer cannot be used.
    """

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        self._local = threading.local()
        self._sessions: weakref.WeakSet[requests.Session] = weakref.WeakSet()
        self._lock = threading.Lock()

    @abstractmethod
    def _connect(self) -> requests.Session:
        """Return a session of the engine's library, for one thread."""

    @abstractmethod
    def _request(self, session: requests.Session, method: str, path: str, **arguments: Any) -> requests.Response:
        """Send a request through the library and return its answer."""

    def get(self, action: str, path: str, *, deadline: float | None = None, **params: str) -> Any:
        return self.decoded(action, self._send(action, "get", path, deadline=deadline, params=params))

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
        return self.decoded(action, response)

    def name_image(self, action: str, image: str, repository: str, tag: str) -> None:
        """Give an image a name. An engine confirms with a text or with nothing."""
        self._send(action, "post", f"/images/{image}/tag", params={"repo": repository, "tag": tag})

    def delete(self, action: str, path: str, **params: str) -> None:
        self._send(action, "delete", path, params=params)

    def exists(self, action: str, path: str) -> bool:
        try:
            self._send(action, "get", path)
        except RefusedError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return False
            raise
        return True

    def upload(self, action: str, path: str, chunks: Iterable[bytes], deadline: float) -> requests.Response:
        """Post an archive as it is produced. An error of its producer is raised as it is."""
        failures: list[BaseException] = []
        headers = {"Content-Type": "application/x-tar"}
        try:
            return self._send(action, "post", path, deadline=deadline, data=_guarded(chunks, failures), headers=headers)
        except EngineError:
            if failures:
                raise failures[0] from None
            raise

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
        """Return an answer that is read as it comes, with at most `idle` seconds of silence. The caller closes it."""
        data = None if body is None else json.dumps(body)
        return self._send(action, method, path, idle=idle, params=params, data=data, headers=_JSON, stream=True)

    def download(self, action: str, path: str, idle: float, **params: str) -> Iterator[bytes]:
        """Yield an archive as it comes."""
        with self.stream(action, "get", path, params=params, idle=idle) as response:
            yield from self.chunks(action, response)

    def chunks(self, action: str, response: requests.Response) -> Iterator[bytes]:
        try:
            while chunk := response.raw.read1(65536):
                yield chunk
        except (OSError, HTTPError) as error:
            raise EngineError(f"cannot {action}: the engine's answer broke off: {error}") from error

    def close(self) -> None:
        with self._lock:
            sessions = list(self._sessions)
        for session in sessions:
            session.close()

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = self._connect()
            with self._lock:
                self._sessions.add(session)
        return session

    def _send(
        self, action: str, method: str, path: str, *, deadline: float | None = None, **arguments: Any
    ) -> requests.Response:
        wait = deadline or self._deadline
        silence = arguments.pop("idle", wait)
        try:
            response = self._request(self._session(), method, path, timeout=(wait, silence), **arguments)
        except (OSError, HTTPError) as error:  # what the libraries raise is an OSError too
            raise _translated(action, wait, error) from error
        if response.status_code >= HTTPStatus.BAD_REQUEST:
            raise RefusedError(action, response.status_code, _cause(response))
        return response

    def decoded(self, action: str, response: requests.Response) -> Any:
        if not response.content:
            return None
        try:
            return response.json()
        except requests.JSONDecodeError as error:
            raise EngineError(f"cannot {action}: the engine's answer is not JSON") from error


def _translated(action: str, wait: float, error: Exception) -> EngineError:
    """Return our error for one of the library, by the types in its chain: it wraps a cause several times."""
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
