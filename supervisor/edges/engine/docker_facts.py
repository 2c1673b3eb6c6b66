"""Turns reports of Docker into our values: its field names and its words for states end here."""

from __future__ import annotations

from typing import Any

from supervisor.edges.engine.conventions import image_id, seconds
from supervisor.edges.engine.docker_ownership import NETWORK_LABEL
from supervisor.edges.engine.processes import Process
from supervisor.values.state import Container, ContainerState

_STATES = {
    "created": ContainerState.CREATED,
    "running": ContainerState.RUNNING,
    "paused": ContainerState.PAUSED,
    "exited": ContainerState.EXITED,
    "dead": ContainerState.EXITED,
}


def process(report: Any) -> Process | None:
    pid = int(report["State"]["Pid"])
    return Process.find(pid) if pid else None


def is_alive(report: Any) -> bool:
    """Return True if the daemon takes the container for running, or for paused."""
    return bool(report["State"]["Running"])


def is_paused(report: Any) -> bool:
    return bool(report["State"]["Paused"])


def is_dead(report: Any) -> bool:
    """Return True if its removal failed half-way: it can never start again, only be removed."""
    return bool(report["State"]["Status"] == "dead")


def called(report: Any) -> str:
    return str(report["Name"]).removeprefix("/")


def labels(report: Any) -> dict[str, str]:
    return report["Config"].get("Labels") or {}


def network(report: Any) -> tuple[str, str] | None:
    """Return the id of the holder and the path of the namespace; None: it is in the network of its daemon.

    The label alone does not decide: an image may have passed it on.
    """
    mode = str(report["HostConfig"]["NetworkMode"])
    if not mode.startswith("container:"):
        return None
    return mode.removeprefix("container:"), labels(report)[NETWORK_LABEL]


def listed(entry: Any, name: str) -> Container:
    """Return a container of which no more than the list's entry can be had."""
    return Container(
        id=entry["Id"],
        name=name,
        image=image_id(entry["ImageID"]),
        state=ContainerState.OTHER,
        pid=None,
        exit_code=None,
        labels=tuple(sorted((entry.get("Labels") or {}).items())),
        started=None,
    )


def inspected(report: Any, name: str) -> Container:
    facts = report["State"]
    state = _STATES.get(facts["Status"], ContainerState.OTHER)
    pid = (facts["Pid"] or None) if state in (ContainerState.RUNNING, ContainerState.PAUSED) else None
    return Container(
        id=report["Id"],
        name=name,
        image=image_id(report["Image"]),
        state=state,
        pid=pid,
        exit_code=facts["ExitCode"] if state is ContainerState.EXITED else None,
        labels=tuple(sorted(labels(report).items())),
        started=seconds(facts["StartedAt"]) if pid else None,
    )
