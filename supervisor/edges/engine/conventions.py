"""Conventions: the settings of every container of ours, whichever engine makes it, and words that engines share."""

from __future__ import annotations

import re
import resource
import signal
from datetime import datetime

from supervisor.values.errors import EngineError
from supervisor.values.names import Digest, ImageId

LOG_BYTES = 1024 * 1024
SHM_BYTES = 64 * 1024
HOSTNAME_LENGTH = 63
# Counted by the kernel per user id over the whole router, not per container: the pids limit is what bounds one
# container, this only has to be explicit (the engine's own default exceeds what an unprivileged root may set).
PROCESSES_PER_USER = 4096


def processes_per_user() -> int:
    _, hard = resource.getrlimit(resource.RLIMIT_NPROC)
    return PROCESSES_PER_USER if hard == resource.RLIM_INFINITY else min(PROCESSES_PER_USER, hard)


def signal_number(name: str) -> int:
    try:
        return int(signal.Signals[name if name.startswith("SIG") else f"SIG{name}"])
    except KeyError as error:
        raise EngineError(f"cannot use signal {name!r}: there is no signal of that name") from error


def capability(name: str) -> str:
    return name if name.startswith("CAP_") else f"CAP_{name}"


def seconds(text: str) -> float:
    """Engines write nanoseconds (2025-01-31T12:00:00.123456789Z); more than six digits are not ISO 8601 for Python."""
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text)).timestamp()


def image_id(text: str) -> ImageId:
    return Digest(text if text.startswith("sha256:") else f"sha256:{text}")


def bare(image: ImageId) -> str:
    return image.removeprefix("sha256:")
