"""The supervisor in the lab's router: its settings, its start, its end. Bundles and keys come from `build/`."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from lab import commands, network
from lab.dockerd import Dockerd
from lab.processes import Processes
from lab.tools import LabError, inside
from lab.topology import DEFAULT_PREFIX, Lab

ROOT = Path(__file__).resolve().parent.parent
BUNDLES = ROOT / "build" / "bundles"
TRUSTED = ROOT / "build" / "keys" / "trusted"
OLDER, NEWER = "12.0", "13.0"
PROGRAM = "supervisor"


@dataclass(frozen=True, slots=True)
class Router:
    """The supervisor of one lab. The default lab uses the supervisor's own defaults, so that `vrctl` finds it."""

    lab: Lab
    engine: str = "podman"

    @property
    def runtime(self) -> Path:
        name = "vr-supervisor" if self.lab.prefix == DEFAULT_PREFIX else f"{self.lab.prefix}-sv"
        return Path("/run") / name

    @property
    def state(self) -> Path:
        return ROOT / "build" / "lab" / self.lab.prefix

    @property
    def key(self) -> Path:
        """The file with the key of the router's secrets: it stays as long as the state does."""
        return self.state.with_name(f"{self.lab.prefix}.key")

    @property
    def socket(self) -> Path:
        return self.runtime / "api.sock"

    @property
    def dockerd(self) -> Dockerd:
        """The Docker daemon of a router whose engine is Docker, with live-restore, as the documents advise."""
        data, run = self.state.with_name(f"{self.lab.prefix}-docker"), Path("/run") / f"{self.lab.prefix}-docker"
        return Dockerd(data, run, self.lab.router, live_restore=True)

    @property
    def settings(self) -> Path:
        return network.folder(self.lab) / "supervisor.yaml"

    @property
    def processes(self) -> Processes:
        return network.processes(self.lab)

    @property
    def namespaces(self) -> str:
        """The prefix of the names of the supervisor's namespaces."""
        return "vrs-" if self.lab.prefix == DEFAULT_PREFIX else f"{self.lab.prefix}-sv-"

    # ------------------------------------------------------------ life

    def start(self, **overrides: object) -> None:
        """Write the settings and start the daemon unless it runs."""
        self._write_settings(overrides)
        if self.engine == "docker":
            self.dockerd.start()
        self.processes.start(
            PROGRAM, [program("vr-supervisor"), "run", "--config", str(self.settings)], namespace=self.lab.router
        )

    def _write_settings(self, overrides: dict[str, object]) -> None:
        if self.settings.exists() and not overrides:
            return
        folder = network.folder(self.lab)
        folder.mkdir(parents=True, exist_ok=True)
        intake = folder / "commands"
        if not intake.is_dir():
            commands.write(intake)
        values: dict[str, object] = {
            "state_dir": str(self.state),
            "runtime_dir": str(self.runtime),
            "api_socket": str(self.socket),
            "engine": self.engine,
            **({"engine_socket": str(self.dockerd.socket)} if self.engine == "docker" else {}),
            "secrets": {"path": str(self.key)},
            "trusted_keys": str(TRUSTED),
            "media": [str(bundle_path(OLDER))],
            "commands": str(intake),
            "userspace_data_plane": True,
            "admit": True,
            "soak": 3.0,
            "namespaces": self.namespaces,
            **overrides,
        }
        self.settings.write_text(yaml.safe_dump(values, sort_keys=True))

    def stop(self) -> None:
        """End the daemon and take away everything it made."""
        self.processes.stop(PROGRAM, patience=20.0)
        if self.settings.exists():
            if self.dockerd.exists():
                self.dockerd.start()  # it may have been killed, and its containers are to be removed
            command = inside(self.lab.router, [program("vr-supervisor"), "teardown", "--config", str(self.settings)])
            done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
            if done.returncode != 0:
                raise LabError(f"cannot tear the supervisor down: {done.stderr.strip()}")
        self.dockerd.stop()
        shutil.rmtree(self.state, ignore_errors=True)
        self.key.unlink(missing_ok=True)

    # ------------------------------------------------------------ asking

    def vrctl(self, *arguments: str, timeout: float = 300.0, check: bool = True) -> subprocess.CompletedProcess[str]:
        command = [program("vrctl"), "--socket", str(self.socket), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
        if check and done.returncode != 0:
            raise LabError(f"vrctl {' '.join(arguments)} ended with {done.returncode}: {done.stderr.strip()}")
        return done

    def status(self) -> dict[str, object] | None:
        """Return the supervisor's status; None while it does not answer."""
        done = self.vrctl("status", "--json", check=False, timeout=20.0)
        if done.returncode != 0:
            return None
        answer: dict[str, object] = json.loads(done.stdout)
        return answer

    def await_ready(self, deadline: float, services: Sequence[str] = ()) -> dict[str, object]:
        """Wait until every service is ready, and there are as many as `services`; return the status.

        Raises LabError: when that is not so in time; the text has what is missing, from status and the log.
        """
        limit = time.monotonic() + deadline
        status: dict[str, object] | None = None
        while time.monotonic() < limit:
            record = self.processes.find(PROGRAM)
            if record is None or not record.is_alive:
                raise LabError(f"the supervisor ended: {self._last_words()}")
            status = self.status()
            listed = status["services"] if status else []
            assert isinstance(listed, list)
            if listed and len(listed) >= len(services) and all(service["ready"] for service in listed):
                assert status is not None
                return status
            time.sleep(0.2)
        missing = [service for service in (status or {}).get("services", []) if not service["ready"]]  # type: ignore[attr-defined]
        reports = (f"{service['name']} is {service['state']}: {service['message']}" for service in missing)
        reason = "; ".join(reports) or "it does not answer"
        raise LabError(f"the router is not ready after {deadline:g} s: {reason}; {self._last_words()}")

    def _last_words(self) -> str:
        log = self.processes.log(PROGRAM)
        lines = log.read_text(errors="replace").splitlines()[-8:] if log.exists() else []
        return f"its log {log} ends with:\n" + "\n".join(lines)


def bundle_path(release: str) -> Path:
    return BUNDLES / f"vr-services-{release}.iso"


def program(name: str) -> str:
    """Return the path of a program of the environment this Python belongs to."""
    return str(Path(sys.executable).parent / name)
