"""Conventions: the settings of every container of ours, whichever engine makes it, and words that engines share."""

from __future__ import annotations

import os
import re
import resource
import signal
from datetime import datetime

from supervisor.values.errors import EngineError
from supervisor.values.names import Digest, ImageId

LOG_BYTES = 1024 * 1024
SHM_BYTES = 64 * 1024
OOM_SCORE_ADJUSTMENT = (
    500  # proc_pid_oom_score_adj(5): before whatever has less than half of the memory and says nothing
)
CPU_PERIOD = 20_000  # microseconds: a daemon that has used up its share waits no longer
_LEAST_QUOTA = 1_000  # of the kernel
_SHARES = 1024  # cpu.shares (control groups v1) of a weight of 100
HOSTNAME_LENGTH = 63
# Counted by the kernel per user id over the whole router, not per container: the pids limit is what bounds one
# container, this only has to be explicit (the engine's own default exceeds what an unprivileged root may set).
PROCESSES_PER_USER = 4096


def processes_per_user() -> int:
    _, hard = resource.getrlimit(resource.RLIMIT_NPROC)
    return PROCESSES_PER_USER if hard == resource.RLIM_INFINITY else min(PROCESSES_PER_USER, hard)


def cpu_shares(weight: int) -> int:
    """Return a weight, of which 100 is usual, as engines take it."""
    return min(262_144, max(2, weight * _SHARES // 100))


def cpu_quota(cpu: float | None) -> int | None:
    """Return the microseconds of each period for so many processors; None: all that there are."""
    if cpu is None or cpu >= (os.cpu_count() or 1):
        return None
    return max(_LEAST_QUOTA, round(cpu * CPU_PERIOD))


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
