"""A private Docker daemon for tests, in the network namespace of the tests, taken away without a trace."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from lab.dockerd import Dockerd


@contextlib.contextmanager
def docker_world(*, live_restore: bool = False) -> Iterator[Dockerd]:
    """Run a daemon during the block; whatever came to live in it ends with the block."""
    data = Path(tempfile.mkdtemp(prefix="vrt-docker-"))
    daemon = Dockerd(data, Path("/run") / f"{data.name}-{os.getpid()}", live_restore=live_restore)
    try:
        daemon.start()
        yield daemon
    finally:
        daemon.stop()
