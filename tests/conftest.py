"""What holds for every test: one that needs root says so and fails without it; none is skipped in silence."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lab.reaper import reap

INTEGRATION = Path(__file__).parent / "integration"


def pytest_sessionstart(session: pytest.Session) -> None:
    """A run that is told to end cleans up; one that is killed is cleaned up after, now and by the next one."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where a shell has started us in the background
    if os.geteuid() == 0:
        reap()
        command = [sys.executable, "-m", "lab.reaper", str(os.getpid())]
        subprocess.Popen(command, cwd=session.config.rootpath, start_new_session=True).returncode = 0  # it outlives us


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything below tests/integration touches kernels and daemons, whether its author said so or not."""
    for item in items:
        if item.path.is_relative_to(INTEGRATION) and not item.get_closest_marker("integration"):
            item.add_marker(pytest.mark.integration)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Refuse before any fixture has touched anything."""
    needs_root = item.get_closest_marker("integration") or item.get_closest_marker("root")
    if needs_root and os.geteuid() != 0:
        pytest.fail(
            f"cannot run {item.name}: it makes namespaces or owns files, so run the tests as root", pytrace=False
        )
