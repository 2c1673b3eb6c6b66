"""Something dies that should not: the engine's service, a daemon in a container, a container itself."""

from __future__ import annotations

import json

import pytest

from lab.services import busiest
from tests.kit.live.router import SERVICES, LiveRouter, kill, until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]


def engine_pid(live: LiveRouter) -> int:
    for record in live.router.runtime.rglob("*.json"):
        try:
            found = json.loads(record.read_text())
        except ValueError:
            continue
        if isinstance(found, dict) and found.keys() == {"pid", "started", "configuration"}:
            return int(found["pid"])
    raise AssertionError("no record of the engine's service")


def test_services_outlive_the_engine_and_the_next_operation_works(live: LiveRouter) -> None:
    before, services = live.containers(), live.services()
    first = engine_pid(live)
    kill(first)
    restarted = SERVICES[0]
    done = live.router.vrctl("restart", restarted, check=False)
    assert done.returncode == 0, done.stderr
    live.ready()
    after = live.containers()
    others = {name: pid for name, pid in before.items() if f"-{restarted}-" not in name}
    assert {name: after.get(name) for name in others} == others
    assert engine_pid(live) != first
    changed = {name: service["restarts"] for name, service in live.services().items()}
    assert changed == {name: one["restarts"] for name, one in services.items()}


@pytest.mark.parametrize("service", SERVICES)
def test_a_killed_daemon_serves_again(live: LiveRouter, service: str, request: pytest.FixtureRequest) -> None:
    before = live.services()[service]
    name = f"vrs-{service}-{before['generation']}"
    kill(live.containers()[name])

    def serves() -> bool:
        one = live.services()[service]
        return bool(one["ready"]) and one["restarts"] == before["restarts"] + 1

    seconds = until(f"{service} serves again", serves, 30.0, step=0.02)
    request.node.user_properties.append(("seconds_to_serve", round(seconds, 2)))

    after = live.services()[service]
    assert (after["generation"], after["state"]) == (before["generation"], "running")
    events = live.router.vrctl("status", "--json").stdout
    assert json.loads(events)["supervisor"]["ready"] is True


@pytest.mark.parametrize("service", [busiest(isolated=True), busiest(isolated=False)])
def test_a_container_removed_by_hand_is_replaced(
    live: LiveRouter, service: str, request: pytest.FixtureRequest
) -> None:
    """By one of the same generation, or of a new one: what counts is that it serves, and that nobody else moved."""
    before = live.services()[service]
    name = f"vrs-{service}-{before['generation']}"
    containers = live.containers()
    others = {container: pid for container, pid in containers.items() if container != name}
    live.podman("rm", "--force", "--time", "0", name)

    def serves() -> bool:
        one = live.services()[service]
        current = f"vrs-{service}-{one['generation']}"
        return bool(one["ready"]) and live.containers().get(current) not in (None, 0, containers[name])

    seconds = until(f"{service} is replaced", serves, 40.0)
    request.node.user_properties.append(("seconds_to_replace", round(seconds, 2)))
    live.ready()
    after = live.containers()
    assert {one: after.get(one) for one in others} == others
    assert len(after) == len(containers), "one took its place, and no more"
