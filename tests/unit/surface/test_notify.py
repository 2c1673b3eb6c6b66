"""Datagrams to a service manager that is a socket of ours."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from supervisor.surface.notify import Notifier


@pytest.fixture(params=["path", "abstract"])
def receiver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    address = str(tmp_path / "notify") if request.param == "path" else f"@vr-notify-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address.replace("@", "\0", 1))
        manager.settimeout(5)
        yield address, manager


def test_messages(receiver: tuple[str, socket.socket]) -> None:
    address, manager = receiver
    notifier = Notifier(address)
    notifier.ready("five services ready")
    notifier.ready()
    notifier.status("two\nlines")
    notifier.status("")
    notifier.watchdog()
    notifier.stopping("bye")
    assert [manager.recv(4096) for _ in range(5)] == [
        b"READY=1\nSTATUS=five services ready",
        b"READY=1",
        b"STATUS=two lines",
        b"WATCHDOG=1",
        b"STOPPING=1\nSTATUS=bye",
    ]


@pytest.mark.parametrize(
    ("variables", "interval"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_fed_twice_as_often_as_asked(variables: dict[str, str], interval: float | None) -> None:
    environment = {"NOTIFY_SOCKET": "/none", "HOME": "/", **variables}
    assert Notifier.from_environment(environment).watchdog_interval == interval
    assert environment == {"HOME": "/"}, "children must not notify in our name"


def test_without_a_service_manager_nothing_happens() -> None:
    Notifier.from_environment({}).ready()


def test_a_lost_service_manager_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Notifier(str(tmp_path / "none")).ready()
    assert caplog.messages == ["cannot notify the service manager"]
