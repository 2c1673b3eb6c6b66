"""A router whose services must not change by what is refused, and a workshop for bundles that are wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.router import TRUSTED
from supervisor.edges.bundle import keys
from tests.integration.refusals.bad_bundles import BadBundles
from tests.kit.live.router import LiveRouter, live_router


@pytest.fixture(scope="session")
def bad(tmp_path_factory: pytest.TempPathFactory) -> BadBundles:
    folder = tmp_path_factory.mktemp("bad-bundles")
    keys.generate(folder / "lab.key", folder / "trusted" / "test.pub")
    keys.generate(folder / "other.key", folder / "untrusted" / "other.pub")
    return BadBundles(folder)


@pytest.fixture(scope="session")
def live(bad: BadBundles) -> Iterator[LiveRouter]:
    trusted: Path = bad.folder / "trusted"
    for key in TRUSTED.glob("*.pub"):
        (trusted / key.name).write_bytes(key.read_bytes())
    with live_router("vrr", trusted_keys=str(trusted), soak=0.5) as found:
        found.ready()
        yield found
