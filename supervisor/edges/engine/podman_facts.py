"""What Podman reports, as our values: its field names and its words for states end here."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from typing import Any

from supervisor.edges.engine.processes import Process
from supervisor.values.names import Digest, ImageId
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


def process(found: Any) -> Process | None:
    pid = int(found["State"]["Pid"])
    return Process.find(pid) if pid else None


def inspected(found: Any) -> Container:
    state = found["State"]
    facts = state | {"Labels": found["Config"]["Labels"]}
    container = _value(found["Id"], found["Name"], found["Image"], state["Status"], facts)
    return replace(container, started=_seconds(state["StartedAt"])) if container.pid else container


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


def _seconds(text: str) -> float:
    """Podman writes nanoseconds (2025-01-31T12:00:00.123456789Z); more than six digits are not ISO 8601 for Python."""
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text)).timestamp()


def image_id(text: str) -> ImageId:
    return Digest(text if text.startswith("sha256:") else f"sha256:{text}")


def bare(image: ImageId) -> str:
    return image.removeprefix("sha256:")
