"""The files that make an engine service ours alone: its configuration, and where it stores things.

Files below `state` survive a boot (images, containers), those below `runtime` must not: Podman takes their absence as
the sign that the machine was booted.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from supervisor.values.errors import EngineUnavailableError

STORAGE = "storage"
PROBE_BYTES = 64 * 1024
SOCKET_PATH_LIMIT = 107  # bytes, unix(7)
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class PodmanFiles:
    """Every path of one private engine."""

    state: Path
    runtime: Path

    @property
    def socket(self) -> Path:
        return self.runtime / "engine.sock"

    @property
    def record(self) -> Path:
        """The file that names the process which serves the socket."""
        return self.runtime / "engine.json"

    @property
    def log(self) -> Path:
        return self.root / "service.log"

    @property
    def root(self) -> Path:
        return self.state / "podman"

    @property
    def storage(self) -> Path:
        """The newest storage folder: a damaged one is laid aside by making another one beside it."""
        return max(self._storages(), key=_number, default=self.root / STORAGE)

    def laid_aside(self) -> tuple[Path, ...]:
        """Return the storages that were damaged, oldest first; containers may still run from them."""
        return tuple(sorted(self._storages(), key=_number)[:-1])

    def lay_storage_aside(self) -> Path:
        """Make an empty storage the one that is used, and return it. Only while no service runs.

        Raises OSError: when it cannot be made.
        """
        fresh = self.root / f"{STORAGE}-{_number(self.storage) + 1}"
        fresh.mkdir(mode=0o700)
        return fresh

    def can_be_written(self, reserve: int) -> bool:
        """Return False while the disk is full or read-only: a failure is no sign of a damaged storage then."""
        try:
            if shutil.disk_usage(self.root).free < reserve:
                return False
            with tempfile.TemporaryFile(dir=self.root) as file:
                file.write(bytes(PROBE_BYTES))
                file.flush()
        except OSError:
            return False
        return True

    def _storages(self) -> list[Path]:
        return [place for place in self.root.glob(f"{STORAGE}*") if _number(place)]

    @property
    def descriptions(self) -> Path:
        """The folder with a description of each container, for the day when its storage cannot be read."""
        return self.root / "containers"

    @property
    def spool(self) -> Path:
        """TMPDIR of the service: it writes every loaded archive here first."""
        return self.root / "tmp"

    @property
    def volatile(self) -> Path:
        return self.volatile_of(self.storage)

    def volatile_of(self, storage: Path) -> Path:
        number = _number(storage)
        return self.runtime / ("podman" if number == 1 else f"podman-{number}")

    def prepare(self) -> str:
        """Make folders and configuration; return a digest of the configuration.

        Raises EngineUnavailableError: when they cannot be made, or the socket's path is too long.
        """
        if len(os.fsencode(self.socket)) > SOCKET_PATH_LIMIT:
            raise EngineUnavailableError(
                f"cannot start the engine: socket path {self.socket} is longer than {SOCKET_PATH_LIMIT} bytes; "
                "choose a shorter runtime folder"
            )
        try:
            for folder in (self.runtime, self.root, self.storage, self.spool, self.volatile):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            files = {
                "containers.conf": self._containers_conf(),
                "storage.conf": self._storage_conf(),
                "registries.conf": "unqualified-search-registries = []\n",
            }
            for name, text in files.items():
                _write(self.root / name, text)
        except OSError as error:
            raise EngineUnavailableError(f"cannot prepare the engine's folders below {self.root}: {error}") from error
        return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()

    def environment(self) -> dict[str, str]:
        """Return the service's whole environment: no proxies, no sockets of an init system, no user's settings."""
        return {
            "PATH": PATH,
            "HOME": str(self.root),
            "TMPDIR": str(self.spool),
            "CONTAINERS_CONF": str(self.root / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(self.root / "storage.conf"),
            "CONTAINERS_REGISTRIES_CONF": str(self.root / "registries.conf"),
        }

    def write_exit_code(self, container: str, code: int) -> None:
        """Write the exit code of a container where its monitor would have left it."""
        folder = self.volatile / "tmp" / "exits"
        folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        _write(folder / container, str(code))

    def empty_spool(self) -> None:
        """Remove archives that a killed service left behind. Only while no service runs."""
        for leftover in self.spool.iterdir():
            subprocess.run(["rm", "-rf", "--one-file-system", str(leftover)], check=False, timeout=60)

    def _containers_conf(self) -> str:
        # static_dir must be where `--root` alone would put it: the command that cleans up after a container gets
        # --root and no static_dir, and would look for the container in another database.
        # File locks, because the shared-memory locks are one segment for every engine on the machine.
        # exit_command_delay: how long the monitor of a command run inside a container stays after it (default 300 s).
        # No network section: containers get the router's namespace or one that we made, and Podman 5 refuses the
        # backend that 4.3 would be told ("cni"), without which 4.3 starts just as well.
        return f"""\
[containers]
default_ulimits = []
log_driver = "k8s-file"
netns = "host"
init = false
volumes = []

[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
exit_command_delay = 10
lock_type = "file"
runtime = "runc"
static_dir = {_quoted(self.storage / "libpod")}
tmp_dir = {_quoted(self.volatile / "tmp")}
volume_path = {_quoted(self.root / "volumes")}
"""

    def _storage_conf(self) -> str:
        return f"""\
[storage]
driver = "{self._driver()}"
graphroot = {_quoted(self.storage)}
runroot = {_quoted(self.volatile / "run")}
"""

    def _driver(self) -> str:
        """Return the driver that the storage was made with; for a new one overlay wherever it can be mounted."""
        for driver in ("overlay", "vfs"):
            if (self.storage / f"{driver}-layers").exists():
                return driver
        return "overlay" if _can_overlay(self.root) else "vfs"


def _can_overlay(folder: Path) -> bool:
    with tempfile.TemporaryDirectory(dir=folder, prefix="probe-") as scratch:
        lower, upper, work, merged = (Path(scratch) / name for name in ("lower", "upper", "work", "merged"))
        for place in (lower, upper, work, merged):
            place.mkdir()
        options = f"lowerdir={lower},upperdir={upper},workdir={work}"
        mount = ["mount", "-t", "overlay", "overlay", "-o", options, str(merged)]
        if subprocess.run(mount, capture_output=True, check=False, timeout=10).returncode != 0:
            return False
        subprocess.run(["umount", str(merged)], capture_output=True, check=True, timeout=10)
        return True


def _number(storage: Path) -> int:
    """Return the number of a storage folder; 0: it is no storage."""
    if storage.name == STORAGE:
        return 1
    word = storage.name.removeprefix(f"{STORAGE}-")
    return int(word) if word.isdecimal() else 0


def _quoted(path: Path) -> str:
    return json.dumps(str(path), ensure_ascii=False)


def _write(path: Path, text: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        if path.read_text() == text:
            return
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(text)
    temporary.replace(path)
