"""One socket for each service that counts: a line, an answer, whoever serves."""

from __future__ import annotations

import socket
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from supervisor.surface.console import ConsoleServer
from supervisor.values.errors import RequestError


class Services:
    """Two that count; the second comes later."""

    counting: tuple[str, ...] = ("web",)

    def console(self, service: str, line: str) -> str:
        if line == "bad":
            raise RequestError(f"cannot ask {service}: nothing of it runs that counts")
        if line == "worse":
            raise KeyError(line)
        return f"{service} heard {line}\n"


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    found = Services()
    server = ConsoleServer(found, tmp_path / "console", look=0.02)
    server.start()
    try:
        yield found
    finally:
        server.close()
        server.close()
    assert not list((tmp_path / "console").iterdir())


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5.0
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def ask(path: Path, line: bytes) -> str:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        connection.sendall(line)
        answer = b""
        while data := connection.recv(4096):
            answer += data
    return answer.decode()


def test_each_service_has_its_socket_soon_after_it_runs(services: Services, tmp_path: Path) -> None:
    web, other = tmp_path / "console" / "web.sock", tmp_path / "console" / "other.sock"
    until(web.exists)
    assert ask(web, b"show table\n") == "web heard show table\n"
    assert ask(web, b"bad\n") == "cannot ask web: nothing of it runs that counts\n"
    assert ask(web, b"\xff\n") == "web heard \ufffd\n"
    services.counting = ("web", "other")
    until(other.exists)
    assert ask(other, b"\n") == "other heard \n"


def test_root_alone_may_ask(services: Services, tmp_path: Path) -> None:
    path = tmp_path / "console" / "web.sock"
    until(path.exists)
    until(lambda: stat.S_IMODE(path.stat().st_mode) == 0o600)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert services.counting == ("web",)


def test_an_error_that_nobody_foresaw_is_a_line_with_a_reference(
    services: Services, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    web = tmp_path / "console" / "web.sock"
    until(web.exists)
    answer = ask(web, b"worse\n")
    (record,) = [one for one in caplog.records if one.message == "call failed"]
    reference = record.reference  # type: ignore[attr-defined]
    assert answer == f"cannot answer: internal error, KeyError; the log of the supervisor has it as {reference}\n"
