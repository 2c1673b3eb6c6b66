"""Clients as values, and how they are run in a namespace, in the background if wished."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from typing import IO, Any, Protocol, Self

from lab.backends import python_path
from lab.tools import LabError, inside

Fact = int | float | str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one client saw. `sent` and `completed` count what a user would: queries, exchanges, requests, blocks."""

    client: str
    sent: int
    completed: int
    failed: int  # answered wrongly, refused, reset: noticed by the user at once
    seconds: float
    longest_gap: float | None = None  # seconds without a success; None where the tool does not tell
    facts: tuple[tuple[str, Fact], ...] = ()

    @property
    def lost(self) -> int:
        """The number of requests that were neither answered nor refused."""
        return max(0, self.sent - self.completed - self.failed)

    @property
    def is_clean(self) -> bool:
        return self.sent > 0 and self.completed == self.sent and self.failed == 0

    def fact(self, name: str) -> Fact:
        return dict(self.facts)[name]


class Client(Protocol):
    """A client as a value. `interrupt` is the signal on which it stops early and still reports."""

    @property
    def name(self) -> str: ...
    @property
    def interrupt(self) -> signal.Signals: ...
    @property
    def limit(self) -> float:
        """The seconds after which the client must have ended."""
        ...

    def argv(self) -> list[str]: ...
    def stdin(self) -> str | None: ...
    def parse(self, output: str, seconds: float) -> Outcome: ...


class Running:
    """A client at work. `result` waits for its end, `stop` asks for an early one, leaving the `with` forces it."""

    def __init__(self, client: Client, namespace: str | None) -> None:
        self.client = client
        self._output: IO[str] = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        text = client.stdin()
        with tempfile.TemporaryFile("w+", encoding="utf-8") as source:
            source.write(text or "")
            source.seek(0)
            self._started = time.monotonic()
            self._process = subprocess.Popen(
                inside(namespace, client.argv()),
                stdin=source,
                stdout=self._output,
                stderr=subprocess.STDOUT,
                env=_environment(),
                start_new_session=True,  # a terminal's interrupt is not theirs
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._output.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def result(self, timeout: float | None = None) -> Outcome:
        limit = self.client.limit if timeout is None else timeout
        left = max(0.1, self._started + limit - time.monotonic()) if timeout is None else limit
        try:
            self._process.wait(left)
        except subprocess.TimeoutExpired as error:
            self._process.kill()
            self._process.wait()
            raise LabError(f"cannot finish {self.client.name}: no end after {limit:g} s: {self._text()}") from error
        return self._outcome()

    def stop(self, patience: float = 10.0) -> Outcome:
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(self.client.interrupt)
        return self.result(patience)

    def _outcome(self) -> Outcome:
        seconds = time.monotonic() - self._started
        output = self._text()
        try:
            return self.client.parse(output, seconds)
        except (AttributeError, KeyError, ValueError, IndexError, TypeError) as error:
            status = self._process.returncode
            raise LabError(
                f"cannot read {self.client.name}: exit status {status}, it printed: {output[-800:]}"
            ) from error

    def _text(self) -> str:
        self._output.flush()
        self._output.seek(0)
        return self._output.read()


def launch(client: Client, namespace: str | None) -> Running:
    """Start a client in the background."""
    return Running(client, namespace)


def run(client: Client, namespace: str | None) -> Outcome:
    """Run a client to its end."""
    with Running(client, namespace) as running:
        return running.result()


class Probe:
    """Common part of our own clients: a module of `lab.clients.probes` that takes and returns JSON."""

    __slots__ = ()

    @property
    def interrupt(self) -> signal.Signals:
        return signal.SIGTERM

    def options(self) -> dict[str, Any]:
        raise NotImplementedError

    @property
    def module(self) -> str:
        raise NotImplementedError

    def argv(self) -> list[str]:
        return [sys.executable, "-m", f"lab.clients.probes.{self.module}"]

    def stdin(self) -> str | None:
        return json.dumps(self.options())

    def parse(self, output: str, seconds: float) -> Outcome:
        del seconds
        report = json.loads(output.strip().splitlines()[-1])
        return Outcome(
            report["client"],
            report["sent"],
            report["completed"],
            report["failed"],
            report["seconds"],
            report["longest_gap"],
            tuple(report["facts"].items()),
        )


def _environment() -> dict[str, str]:
    return dict(os.environ) | python_path()
