"""Turns reports of Podman into our values: its field names and its words for states end here."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from supervisor.edges.engine.conventions import image_id, seconds
from supervisor.edges.engine.processes import Process
from supervisor.values.state import Container, ContainerState

_STATES = {
    "created": ContainerState.CREATED,
    "configured": ContainerState.CREATED,
    "initialized": ContainerState.CREATED,
    "running": ContainerState.RUNNING,
    "stopping": ContainerState.RUNNING,
    "paused": ContainerState.PAUSED,
    "stopped": ContainerState.EXITED,
    "exited": ContainerState.EXITED,
}


def process(report: Any) -> Process | None:
    pid = int(report["State"]["Pid"])
    return Process.find(pid) if pid else None


def is_settled(report: Any) -> bool:
    """True unless the engine takes a container for running whose process is gone."""
    return process(report) is not None or report["State"]["Status"] not in ("running", "stopping")


def inspected(report: Any) -> Container:
    state = report["State"]
    facts = state | {"Labels": report["Config"]["Labels"]}
    container = _value(report["Id"], report["Name"], report["Image"], state["Status"], facts)
    return replace(container, started=seconds(state["StartedAt"])) if container.pid else container


def listed(entry: Any) -> Container:
    return _value(entry["Id"], entry["Names"][0], entry["ImageID"], entry["State"], entry)


def _value(identity: str, name: str, image: str, status: str, facts: Any) -> Container:
    state = _STATES.get(status, ContainerState.OTHER)
    is_alive = state in (ContainerState.RUNNING, ContainerState.PAUSED)
    return Container(
        id=identity,
        name=name,
        image=image_id(image),
        state=state,
        pid=(facts["Pid"] or None) if is_alive else None,
        exit_code=facts["ExitCode"] if state is ContainerState.EXITED else None,
        labels=tuple(sorted((facts["Labels"] or {}).items())),
    )
