"""A simulated power cut: everything of the router that is not on its disk is gone at once."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import yaml

from lab import network
from lab.router import Router
from lab.tools import NAMESPACES, LabError, run, run_inside

GONE_SECONDS = 10.0
OCI_STATE = Path("/run/runc")  # in memory too, and shared with other engines: only what is ours goes


def cut_power(router: Router) -> None:
    """Kill every process but the supervisor, which is dead already; then remove memory, namespaces and rules."""
    _kill_all(router)
    _unmount(router.runtime)
    _unmount(router.state / "podman")
    shutil.rmtree(router.runtime, ignore_errors=True)
    for path in NAMESPACES.glob(f"{router.lab.prefix}-sv-*"):
        run(["ip", "netns", "del", path.name])
    for name in _interfaces(router):
        with contextlib.suppress(LabError):  # the kernel takes away pairs of namespaces that are gone, in its own time
            run(["ip", "-n", router.lab.router, "link", "del", "dev", name])
    run_inside(router.lab.router, ["nft", "flush", "ruleset"])
    network.up(router.lab, "cloudstack")  # the router's own boot
    left = run_inside(router.lab.router, ["nft", "list", "tables"])
    assert "vr_supervisor" not in left, left


def detach_media(router: Router) -> None:
    settings = yaml.safe_load(router.settings.read_text(encoding="utf-8"))
    router.settings.write_text(yaml.safe_dump(settings | {"media": []}, sort_keys=True), encoding="utf-8")


def _kill_all(router: Router) -> None:
    """Kill the engine's service first, so that it does not clean up; then monitors with all that runs below them."""
    victims = [int(json.loads((router.runtime / "engine.json").read_text())["pid"])]
    monitors = _monitors(router)
    victims += monitors
    containers = [_words(monitor)[_words(monitor).index(b"-c") + 1].decode() for monitor in monitors]
    for monitor in monitors:
        victims += _descendants(monitor)
    for pid in victims:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + GONE_SECONDS
    while any(_is_there(pid) for pid in victims):
        assert time.monotonic() < deadline, f"processes survive SIGKILL: {[pid for pid in victims if _is_there(pid)]}"
        time.sleep(0.01)
    for pid in _cleaners(router):  # whatever monitors began before they died
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for container in containers:
        shutil.rmtree(OCI_STATE / container, ignore_errors=True)


def _monitors(router: Router) -> list[int]:
    return _running(rb"conmon", str(router.state).encode())


def _cleaners(router: Router) -> list[int]:
    return _running(rb"podman", str(router.state).encode())


def _running(program: bytes, place: bytes) -> list[int]:
    running = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = _words(int(entry.name))
            if words[0].endswith(program) and any(place in word for word in words):
                running.append(int(entry.name))
    return running


def _words(pid: int) -> list[bytes]:
    return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")


def _descendants(pid: int) -> list[int]:
    below: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*"):
        with contextlib.suppress(OSError):
            for child in map(int, (task / "children").read_text().split()):
                below += [child, *_descendants(child)]
    return below


def _is_there(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _unmount(folder: Path) -> None:
    """Unmount everything that is mounted at or below the folder, the deepest first."""
    mounted = re.findall(rf"^\S+ ({re.escape(str(folder))}(?:/\S*)?) ", Path("/proc/mounts").read_text(), re.MULTILINE)
    for point in sorted(mounted, key=len, reverse=True):
        subprocess.run(["umount", "--lazy", point], capture_output=True, check=False, timeout=10)


def _interfaces(router: Router) -> list[str]:
    listed = json.loads(run(["ip", "-n", router.lab.router, "-j", "link", "show"]))
    return [link["ifname"] for link in listed if link["ifname"].startswith("vrs")]
