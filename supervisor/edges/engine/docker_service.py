"""The checks of a Docker daemon before anything is made: whether it can be used at all."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any

from supervisor.edges.engine.choice import PATH, PROGRAMS
from supervisor.edges.engine.docker_client import OLDEST_API, numbers
from supervisor.values.errors import EngineDownError, EngineUnavailableError

log = logging.getLogger(__name__)


def unreachable(socket: Path, error: EngineUnavailableError, path: str = PATH) -> EngineUnavailableError:
    """Return the error for a daemon that does not answer: one that is installed may be about to be started."""
    if socket.exists() or shutil.which(PROGRAMS["docker"], path=path):
        return EngineDownError(f"{error}; is it started? (systemctl status docker)")
    return EngineUnavailableError(f"{error}; is docker.io installed? (apt-get install docker.io)")


def require_version(socket: Path, version: Any) -> None:
    """Raises EngineUnavailableError: when the daemon is Podman's, or too old."""
    names = {str(component.get("Name", "")) for component in version.get("Components") or ()}
    if any(name.startswith("Podman") for name in names):
        raise EngineUnavailableError(
            f"cannot use Docker: {socket} is Podman's; set engine: podman, or engine_socket to that of dockerd"
        )
    if numbers(str(version["ApiVersion"])) < numbers(OLDEST_API):
        raise EngineUnavailableError(
            f"cannot use Docker: {socket} is Docker {version['Version']}; 20.10 or newer is needed"
        )


def require_kind(information: Any) -> None:
    """Raises EngineUnavailableError: when the daemon is rootless, maps users, or stores images in containerd."""
    options = security_options(information)
    if "rootless" in options:
        raise EngineUnavailableError(
            "cannot use Docker: its daemon is rootless, and services need the router's network and devices; "
            "run dockerd as root"
        )
    if "userns" in options:
        raise EngineUnavailableError(
            "cannot use Docker: it maps users (userns-remap), so that images and the router's files would have other "
            "owners; remove userns-remap from /etc/docker/daemon.json"
        )
    if any("containerd.snapshotter" in str(value) for _, value in information.get("DriverStatus") or ()):
        raise EngineUnavailableError(
            "cannot use Docker: it keeps images in containerd's store, under ids that are not their own; "
            'set "features": {"containerd-snapshotter": false} in /etc/docker/daemon.json'
        )


def warn_of(information: Any) -> None:
    """Log a daemon that filters no system calls: it can be used, but an operator should see it."""
    if security_options(information).get("seccomp", "unconfined") == "unconfined":
        log.warning("engine does less", extra={"reason": "Docker filters no system calls: seccomp is unconfined"})


def security_options(information: Any) -> dict[str, str]:
    """Return the security profiles by kind; Docker lists them as name=seccomp,profile=builtin."""
    profiles = {}
    for option in information.get("SecurityOptions") or ():
        words = dict(word.partition("=")[::2] for word in str(option).split(","))
        profiles[words.get("name", "")] = words.get("profile", "")
    return profiles
