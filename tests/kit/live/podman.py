"""A private Podman for tests: made in temporary folders, taken away without a trace."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from supervisor.edges.engine.podman import PodmanEngine
from supervisor.edges.engine.processes import Process
from supervisor.values.errors import EngineError


@contextlib.contextmanager
def podman_world() -> Iterator[tuple[Path, Path]]:
    """Give a state and a runtime folder; everything that came to live in them ends with the block."""
    root = Path(tempfile.mkdtemp(prefix="vrt-engine-"))
    state, runtime = root / "state", root / "run"
    try:
        yield state, runtime
    finally:
        destroy(root, state, runtime)


def destroy(root: Path, state: Path, runtime: Path) -> None:
    engine = PodmanEngine(state, runtime)
    with contextlib.suppress(EngineError):
        if engine.service.process():
            engine.start_service()
            for container in engine.containers():
                engine.remove(container.name)
    engine.stop_service()
    engine.close()
    for process in monitors(root):
        process.signal(signal.SIGKILL)
        process.wait(5)
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for mount in sorted((mount for mount in mounts if mount.startswith(f"{root}/")), reverse=True):
        subprocess.run(["umount", mount], check=True, timeout=10)
    shutil.rmtree(root)


def monitors(root: Path) -> list[Process]:
    """Return services, monitors of containers and of commands inside them, and clean-up commands, below `root`."""
    processes = []
    places = tuple(os.fsencode(f"{scheme}{root}/") for scheme in ("", "unix://"))
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            words = (entry / "cmdline").read_bytes().split(b"\0")
            is_engine = Path(os.fsdecode(words[0])).name in ("conmon", "podman")
            process = Process.find(int(entry.name))
            if is_engine and any(word.startswith(places) for word in words) and process:
                processes.append(process)
    return processes
