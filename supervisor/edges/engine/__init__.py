"""Container engines behind the `Engine` port: the one place where the kinds of engine are listed.

Only the chosen engine's library is imported, so a router needs one of them installed, not all.
"""

from __future__ import annotations

from pathlib import Path

from supervisor.decisions.addresses import NAMESPACE_PREFIX
from supervisor.ports.engine import Engine
from supervisor.values.errors import EngineUnavailableError

ENGINES = ("podman", "docker")


def make_engine(
    kind: str,
    state_dir: Path,
    runtime_dir: Path,
    socket: Path | None = None,
    namespaces: str = NAMESPACE_PREFIX,
) -> Engine:
    """Return the engine called `kind`. `state_dir` outlives a boot, `runtime_dir` (tmpfs) must not.

    `socket` is that of a daemon which is not ours; there the names of this supervisor's namespaces, which begin with
    `namespaces`, distinguish its containers from another supervisor's. Podman's service is always our own.
    Raises EngineUnavailableError: when the kind is unknown, or its Python library is missing.
    """
    try:
        match kind:
            case "podman":
                from supervisor.edges.engine.podman import PodmanEngine  # noqa: PLC0415 - only the chosen one is loaded

                return PodmanEngine(state_dir, runtime_dir)
            case "docker":
                from supervisor.edges.engine.docker import SOCKET, DockerEngine  # noqa: PLC0415 - as above
                from supervisor.edges.engine.docker_ownership import Ownership  # noqa: PLC0415

                own = Ownership() if namespaces == NAMESPACE_PREFIX else Ownership(f"{namespaces}vr", namespaces)
                return DockerEngine(socket or SOCKET, own)
    except ModuleNotFoundError as error:
        raise EngineUnavailableError(f"cannot use engine {kind}: the Python library {error.name} is missing") from error
    raise EngineUnavailableError(f"cannot use engine {kind!r}: known engines are {', '.join(ENGINES)}")
