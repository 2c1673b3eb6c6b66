from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from supervisor.surface.api.client import RemoteControl
from supervisor.surface.api.server import ApiServer
from tests.kit.fakes.control import FakeControl


@pytest.fixture
def control() -> FakeControl:
    return FakeControl()


@pytest.fixture
def socket_path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "api.sock"


@pytest.fixture
def server(control: FakeControl, socket_path: Path) -> Iterator[ApiServer]:
    running = ApiServer(control, socket_path, max_followers=3, max_operations=2)
    running.start()
    yield running
    running.stop(0)


@pytest.fixture
def remote(server: ApiServer, socket_path: Path) -> Iterator[RemoteControl]:
    client = RemoteControl.on_socket(str(socket_path), timeout=5.0)
    yield client
    client.close()


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], None]:
    """Wait until it is true, five seconds at most."""

    def wait(is_true: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 5
        while not is_true():
            assert time.monotonic() < deadline, "it never became true"
            threading.Event().wait(0.01)

    return wait
