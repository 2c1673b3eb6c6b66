"""Container engines behind the `Engine` port: the one place that knows which engine is chosen.

Only the chosen engine's library is imported, so a router needs one of them installed, not all.
"""

from __future__ import annotations

from pathlib import Path

from supervisor.ports import Engine
from supervisor.values.errors import EngineUnavailableError

ENGINES = ("podman",)
OWNER_LABEL = "io.vr-supervisor.owner=vr"


def make_engine(kind: str, state_dir: Path, runtime_dir: Path, label: str = OWNER_LABEL) -> Engine:
    """Return the engine called `kind`. `state_dir` outlives a boot, `runtime_dir` (tmpfs) must not."""
    if kind == "podman":
        from supervisor.edges.engine.podman import PodmanEngine  # noqa: PLC0415 - only the chosen library is loaded

        return PodmanEngine(state_dir, runtime_dir, label)
    raise EngineUnavailableError(f"cannot use engine {kind!r}: known engines are {', '.join(ENGINES)}")
