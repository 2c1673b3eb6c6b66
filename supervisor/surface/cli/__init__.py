"""`vrctl`: the operator's command line. It knows the API only; `root` holds the commands."""

from __future__ import annotations

from supervisor.surface.cli.root import vrctl


def main() -> None:
    """Entry point of `vrctl`."""
    vrctl(prog_name="vrctl")
