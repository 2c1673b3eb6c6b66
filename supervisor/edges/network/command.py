"""Runs the router's own network tools, each with a deadline, and turns their failures into NetworkError."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from supervisor.values.errors import NetworkError

DEADLINE = 5.0

PACKAGES = {  # Debian package that brings each tool
    "nft": "nftables",
    "ip": "iproute2",
    "conntrack": "conntrack",
    "iptables-save": "iptables",
    "iptables-restore": "iptables",
    "ip6tables-save": "iptables",
    "ip6tables-restore": "iptables",
}


@dataclass(frozen=True, slots=True)
class Completed:
    exit_code: int
    stdout: str
    stderr: str


def run(
    purpose: str,
    command: Sequence[str],
    *,
    text: str = "",
    deadline: float = DEADLINE,
    accepted: Sequence[int] = (0,),
) -> Completed:
    """Run `command` with `text` as its input; `purpose` continues the words "cannot ..." of an error.

    NetworkError when the tool is missing, does not finish in time, or leaves with an exit code not in `accepted`.
    """
    tool = command[0]
    try:
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=deadline, check=False)
    except FileNotFoundError as error:
        package = PACKAGES.get(tool, tool)
        raise NetworkError(
            f"cannot {purpose}: {tool} is not installed; install Debian's package {package} (apt-get install {package})"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise NetworkError(f"cannot {purpose}: {tool} did not finish within {deadline:g} s") from error
    except OSError as error:
        raise NetworkError(f"cannot {purpose}: {tool} cannot be run: {error}") from error
    if done.returncode not in accepted:
        cause = " ".join(done.stderr.split()) or f"{tool} left with exit code {done.returncode}"
        raise NetworkError(f"cannot {purpose}: {cause}")
    return Completed(done.returncode, done.stdout, done.stderr)
