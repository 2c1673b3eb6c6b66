"""How much of a campaign is run: a sample by default, all of it with `--faults all` (`make test-faults`)."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence

import pytest

from lab.router import NEWER, OLDER, bundle_path
from tests.faults.breakable_router import breakable_router
from tests.faults.injection import Fault
from tests.faults.operations import OPERATIONS
from tests.faults.router_under_test import RouterUnderTest, router_under_test


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what a sample leaves out: of a campaign over operations it takes one operation a service."""
    if config.getoption("--faults") == "all" or config.getoption("--fault"):
        return
    left_out = [item for item in items if not _is_chosen(item, config.option.fault_seed)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def _is_chosen(item: pytest.Item, seed: int) -> bool:
    given = getattr(item, "callspec", None)
    if given is None or not {"operation", "name"} <= set(given.params):
        return True
    return bool(given.params["operation"] == random.Random(f"{seed} {given.params['name']}").choice(sorted(OPERATIONS)))


@pytest.fixture(scope="session")
def seed(request: pytest.FixtureRequest) -> int:
    return int(request.config.option.fault_seed)


class Sampler:
    """Takes as many of a campaign as `--faults` says, chosen by the seed; with `--fault` only that one."""

    def __init__(self, config: pytest.Config, seed: int) -> None:
        self._only, self._amount, self.seed = config.getoption("--fault"), config.getoption("--faults"), seed

    def __call__(self, faults: Sequence[Fault], label: str) -> tuple[Fault, ...]:
        if self._only:
            return tuple(fault for fault in faults if fault == Fault.parse(self._only))
        if self._amount == "all":
            return tuple(faults)
        return tuple(random.Random(f"{self.seed} {label}").sample(list(faults), min(int(self._amount), len(faults))))


@pytest.fixture(scope="session")
def sample(request: pytest.FixtureRequest, seed: int) -> Sampler:
    return Sampler(request.config, seed)


@pytest.fixture(scope="session")
def sut() -> Iterator[RouterUnderTest]:
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    for release in (OLDER, NEWER):
        if not bundle_path(release).is_file():
            pytest.skip(f"{bundle_path(release)} is missing: run `make bundle`")
    with router_under_test("vrf", soak=0.5, drain=2.0) as made:
        yield made


@pytest.fixture(scope="session")
def breakable() -> Iterator[RouterUnderTest]:
    """Return a router in a lab of its own, whose disk, engine and rules can be broken."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    for release in (OLDER, NEWER):
        if not bundle_path(release).is_file():
            pytest.skip(f"{bundle_path(release)} is missing: run `make bundle`")
    with breakable_router(soak=0.5, drain=2.0) as made:
        yield made
