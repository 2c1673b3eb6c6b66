"""Commands inside containers, what containers print, and pausing: the requests that both engines have in common."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import Any

from supervisor.edges.engine import streams
from supervisor.edges.engine.client import EngineClient, RefusedError
from supervisor.edges.engine.following import follow
from supervisor.edges.engine.processes import Process
from supervisor.values.errors import EngineError, NoSuchContainerError
from supervisor.values.state import ExecResult

CODE_DEADLINE = 2.0


class Commands:
    """Works on containers that are ours; `prefix` begins the names under which the engine has them."""

    def __init__(self, client: EngineClient, deadline: float, prefix: str = "") -> None:
        self._client, self._deadline, self._prefix = client, deadline, prefix

    def execute(self, name: str, init: Process | None, command: Sequence[str], timeout: float) -> ExecResult:
        """Run `command` beside `init`, the first process of the container."""
        action = f"run {command[0]} in container {name}"
        if init is None:
            raise EngineError(f"cannot {action}: it does not run")
        request = {"AttachStdout": True, "AttachStderr": True, "Cmd": list(command)}
        with about(name):
            session = self._client.post(action, f"/containers/{self._prefix}{name}/exec", request)["Id"]
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            with contextlib.suppress(EngineError):
                self._end_session(action, session, init)

        timer = threading.Timer(timeout, expire)
        timer.start()
        try:
            start = {"Detach": False, "Tty": False}
            idle = timeout + self._deadline
            with self._client.stream(action, "post", f"/exec/{session}/start", body=start, idle=idle) as response:
                stdout, stderr = streams.collect(self._client.chunks(action, response))
        finally:
            timer.cancel()
        if expired.is_set():
            raise EngineError(f"cannot {action}: it did not finish within {timeout:g} s")
        return ExecResult(self._exit_code(action, session), stdout, stderr)

    def freeze(self, name: str) -> None:
        with about(name):
            self._client.post(f"pause container {name}", f"/containers/{self._prefix}{name}/pause")

    def thaw(self, name: str) -> None:
        with about(name):
            self._client.post(f"unpause container {name}", f"/containers/{self._prefix}{name}/unpause")

    def followed(self, name: str, tail: int) -> Iterator[bytes]:
        """Lines until the container ends."""
        action = f"follow the log of container {name}"
        with about(name):
            response = self._client.stream(
                action,
                "get",
                f"/containers/{self._prefix}{name}/logs",
                idle=None,
                params=_both_streams(tail) | {"follow": "true"},
            )
        return follow(response, streams.lines(self._client.chunks(action, response)))

    def log_chunks(self, name: str, tail: int | None = None) -> Iterator[bytes]:
        """Yield what the container has printed so far, as frames."""
        action = f"read the log of container {name}"
        path = f"/containers/{self._prefix}{name}/logs"
        with (
            about(name),
            self._client.stream(action, "get", path, idle=self._deadline, params=_both_streams(tail)) as response,
        ):
            yield from self._client.chunks(action, response)

    def _exit_code(self, action: str, session: str) -> int:
        """Return a command's exit code.

        The engine has it some milliseconds after the end of the output: ask until then.
        """
        deadline = time.monotonic() + CODE_DEADLINE
        while time.monotonic() < deadline:
            report = self._client.get(action, f"/exec/{session}/json")
            if not report["Running"] and report["ExitCode"] is not None:
                return int(report["ExitCode"])
        raise EngineError(f"cannot {action}: the engine does not say how it ended")

    def _end_session(self, action: str, session: str, init: Process) -> None:
        report: Any = self._client.get(action, f"/exec/{session}/json")
        process = Process.find(int(report["Pid"])) if report["Running"] else None
        if process is not None and process.namespace("pid") == init.namespace("pid"):
            process.signal(signal.SIGKILL)


@contextlib.contextmanager
def about(name: str) -> Iterator[None]:
    """Within it, "not found" means this container."""
    try:
        yield
    except RefusedError as error:
        if error.status == HTTPStatus.NOT_FOUND:
            raise NoSuchContainerError(name) from error
        raise


def _both_streams(tail: int | None) -> dict[str, str]:
    return {"stdout": "true", "stderr": "true"} | ({} if tail is None else {"tail": str(tail)})
