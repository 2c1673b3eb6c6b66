"""One lab for the session with a router that drops by default, and a look around after each test."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import network
from lab.facts import version_in
from lab.router import NEWER, OLDER, Router, bundle_path
from lab.services import SERVICES
from lab.session import bring_up
from lab.topology import Lab
from tests.kit.live.invariants import await_rest, versions, violations

PREFIX = "vrh"


@pytest.fixture(scope="session")
def router() -> Iterator[Router]:
    """Return a router on the older release; what a session that was killed left behind is removed first."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    for release in (OLDER, NEWER):
        if not bundle_path(release).is_file():
            pytest.skip(f"{bundle_path(release)} is missing: run `make bundle`")
    for left in _left_behind():
        _remove(Router(Lab(left)))
    made = Router(Lab(f"{PREFIX}-{os.getpid()}"), os.environ.get("ENGINE", "podman"))
    try:
        bring_up(made, "cloudstack", say=lambda _: None, soak=0.7)
        yield made
    finally:
        _remove(made)


def _left_behind() -> tuple[str, ...]:
    """Return the labs of sessions that were killed: their process is gone."""
    labs = (re.fullmatch(rf"({PREFIX}-(\d+))-lab", path.name) for path in Path("/run").iterdir())
    return tuple(lab[1] for lab in labs if lab and not Path(f"/proc/{lab[2]}").exists())


def _remove(router: Router) -> None:
    try:
        router.stop()
    finally:
        network.down(router.lab)


@pytest.fixture(scope="session")
def newer(router: Router) -> dict[str, str]:
    """Return the versions of the newer release by service."""
    return {name: version_in(router, NEWER, name) for name in SERVICES}


@pytest.fixture(scope="session")
def older(router: Router) -> dict[str, str]:
    """Return the versions of the older release by service."""
    return {name: version_in(router, OLDER, name) for name in SERVICES}


@pytest.fixture(autouse=True)
def _tidy(router: Router, older: dict[str, str]) -> Iterator[None]:
    """Begin each test with every service on the older release, and check that it leaves nothing behind."""
    if router.status() is None:
        bring_up(router, "cloudstack", say=lambda _: None)
    for name, running in versions(router).items():
        if running != older[name]:
            router.vrctl("swap", name, "--to", older[name])
    await_rest(router)
    yield
    await_rest(router)
    broken = violations(router)
    assert not broken, broken
