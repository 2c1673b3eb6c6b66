"""The daemon comes and goes: services stay, unless it is told to take them along."""

from __future__ import annotations

import signal
import socket
import subprocess
from pathlib import Path

import pytest

from lab.router import program
from tests.kit.live.router import SERVICES, TABLE, LiveRouter

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]


def facts(live: LiveRouter) -> dict[str, tuple[object, ...]]:
    return {
        name: (service["generation"], service["restarts"], service["version"], service["image"])
        for name, service in live.services().items()
    }


def test_it_tells_the_service_manager_when_everything_is_started(live: LiveRouter, tmp_path: Path) -> None:
    live.end(signal.SIGTERM)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        address = tmp_path / "notify"
        listener.bind(str(address))
        listener.settimeout(20.0)
        live.start(environment={"NOTIFY_SOCKET": str(address)})
        assert "READY=1" in listener.recv(4096).decode().splitlines()
        assert live.services().keys() == set(SERVICES), "who is told READY may ask"
        live.end(signal.SIGTERM)
        said: list[str] = []
        while "STOPPING=1" not in said:
            said = listener.recv(4096).decode().splitlines()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 0), (signal.SIGKILL, -9)])
def test_services_outlive_the_daemon_and_are_adopted(
    live: LiveRouter, number: int, code: int, request: pytest.FixtureRequest
) -> None:
    before, containers, table = facts(live), live.containers(), live.run(*TABLE).stdout
    found, seconds = live.end(number)
    assert found == code
    assert seconds < 5.0
    request.node.user_properties.append(("seconds_to_end", round(seconds, 3)))
    assert live.containers() == containers
    assert live.run(*TABLE).stdout == table
    live.ready()
    assert live.containers() == containers
    assert facts(live) == before
    assert live.run(*TABLE).stdout == table
    assert all(not service["message"] for service in live.services().values())


def test_stop_services_takes_everything_along(live: LiveRouter) -> None:
    live.end(signal.SIGTERM)
    live.start("--stop-services")
    live.ready()
    code, seconds = live.end(signal.SIGTERM, patience=60.0)
    assert (code, seconds < 45.0) == (0, True)
    assert leftovers(live) == []


def test_teardown_leaves_nothing(live: LiveRouter) -> None:
    mounts = live.router.runtime
    live.end(signal.SIGKILL)
    done = live.run(program("vr-supervisor"), "teardown", "--config", str(live.router.settings), timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert leftovers(live) == []
    assert not mounts.exists()
    assert engine_processes(live) == []
    again = live.run(program("vr-supervisor"), "teardown", "--config", str(live.router.settings), timeout=120)
    assert (again.returncode, again.stderr) == (0, "")


def leftovers(live: LiveRouter) -> list[str]:
    """What of the services is still on the router."""
    links = live.run("ip", "-br", "link").stdout.split()
    found = [word for word in links if word.startswith("vrs")]
    found += live.namespaces()
    found += live.run(*TABLE).stdout.split()[:3]
    found += [line for line in live.run("iptables-save").stdout.splitlines() if "0x" in line and "vr" in line]
    return found + monitors(live)


def monitors(live: LiveRouter) -> list[str]:
    return [
        words for words in command_lines() if words.startswith("/usr/bin/conmon") and str(live.router.state) in words
    ]


def engine_processes(live: LiveRouter) -> list[str]:
    return [words for words in command_lines() if "podman" in words and str(live.router.runtime) in words]


def command_lines() -> list[str]:
    done = subprocess.run(["ps", "-eo", "args", "--no-headers", "-ww"], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()
