"""What holds for every test: one that needs root says so and fails without it; none is skipped in silence.

Campaigns of faults take a sample that a seed chooses, printed at the end; `--faults all` takes everything.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lab.reaper import reap
from tests.faults.injection import Fault

ON_REAL_DAEMONS = tuple(Path(__file__).parent / name for name in ("integration", "reports"))


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("faults")
    group.addoption("--faults", default="1", help="how many faults of each campaign: a number, or all")
    group.addoption("--fault", default=None, help="only this one: service/step/moment[/effect]")
    group.addoption("--fault-seed", type=int, default=None, help="what chooses the sample")


def pytest_configure(config: pytest.Config) -> None:
    amount, fault = config.getoption("--faults"), config.getoption("--fault")
    if amount != "all" and not amount.isdigit():
        raise pytest.UsageError(f"--faults is a number or all, not {amount!r}")
    try:
        if fault:
            Fault.parse(fault)
    except ValueError as error:
        raise pytest.UsageError(str(error)) from None
    if config.getoption("--fault-seed") is None:
        config.option.fault_seed = random.SystemRandom().randrange(10_000)
    # For what is decided when a module is imported.
    os.environ |= {"FAULTS": amount, "FAULTS_SEED": str(config.option.fault_seed)}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    chosen = config.getoption("--fault") or f"{config.getoption('--faults')} of each campaign"
    terminalreporter.write_line(f"faults: {chosen}, chosen by --fault-seed {config.option.fault_seed}")


def pytest_sessionstart(session: pytest.Session) -> None:
    """A run that is told to end cleans up; one that is killed is cleaned up after, now and by the next one."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where a shell has started us in the background
    if os.geteuid() == 0:
        reap()
        command = [sys.executable, "-m", "lab.reaper", str(os.getpid())]
        subprocess.Popen(command, cwd=session.config.rootpath, start_new_session=True).returncode = 0  # it outlives us


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything below these folders as touching kernels and daemons, whether its author did or not."""
    for item in items:
        is_below = any(item.path.is_relative_to(folder) for folder in ON_REAL_DAEMONS)
        if is_below and not item.get_closest_marker("integration"):
            item.add_marker(pytest.mark.integration)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Refuse before any fixture has touched anything."""
    needs_root = item.get_closest_marker("integration") or item.get_closest_marker("root")
    if needs_root and os.geteuid() != 0:
        pytest.fail(
            f"cannot run {item.name}: it makes namespaces or owns files, so run the tests as root", pytrace=False
        )
