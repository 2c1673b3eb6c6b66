"""Running the machine's own tools, the lab's lowest layer: argument lists, no shell, errors that name the object."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

NAMESPACES = Path("/run/netns")


class LabError(Exception):
    """The lab could not do something: the message says what, to what, and why."""


def run(argv: Sequence[str], *, stdin: str | None = None, timeout: float = 30.0) -> str:
    """Run a tool to its end and return what it printed."""
    try:
        done = subprocess.run(
            argv,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError as error:
        raise LabError(f"cannot run {argv[0]}: it is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise LabError(f"cannot finish {' '.join(argv)}: no end after {timeout:g} s") from error
    if done.returncode != 0:
        cause = (done.stderr or done.stdout).strip() or f"exit status {done.returncode}"
        raise LabError(f"cannot run {' '.join(argv)}: {cause}")
    return done.stdout


def inside(namespace: str | None, argv: Sequence[str]) -> list[str]:
    """Return the command that runs `argv` in a namespace.

    `ip netns exec` would remount /sys and hide the cgroups, which container engines need; entering only the network
    namespace leaves everything else as it is, and keeps the process id because nothing forks.
    """
    if namespace is None:
        return list(argv)
    return ["nsenter", f"--net={NAMESPACES / namespace}", "--", *argv]


def run_inside(namespace: str | None, argv: Sequence[str], *, stdin: str | None = None, timeout: float = 30.0) -> str:
    return run(inside(namespace, argv), stdin=stdin, timeout=timeout)
