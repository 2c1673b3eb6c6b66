"""Tests for the virtual machine only, whose kernel has ESP: `make test-vm` runs them in it, `make test` does not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.vm.tunnel_router import FIGURES, TunnelRouter, tunnel_router

collect_ignore_glob = [] if Path("/run/in-lab-vm").exists() else ["test_*.py"]


@pytest.fixture(scope="session", params=[False, True], ids=["esp", "esp-in-udp"])
def tunnel(request: pytest.FixtureRequest) -> Iterator[TunnelRouter]:
    """A router with an established tunnel, once with plain ESP and once with NAT traversal forced."""
    with tunnel_router(encap=request.param) as made:
        yield made


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if FIGURES:
        terminalreporter.section("what the tunnel lost")
        for line in FIGURES:
            terminalreporter.write_line(line)
