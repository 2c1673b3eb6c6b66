"""Each test gets a router, guests and a public side of its own, removed after it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import pytest

from tests.kit.live.network_router import ROUTER, Router, entered, make_namespaces, remove_namespaces

log = logging.getLogger(__name__)


@pytest.fixture
def record() -> Callable[[str, object], None]:
    """Takes measured figures; see them with `pytest -rP --log-level=INFO`."""
    return lambda name, value: log.info("%s: %s", name, value)


@pytest.fixture
def net() -> Iterator[Router]:
    """The test's thread is in the router's namespace; threads it starts are, too."""
    try:
        make_namespaces()
        with entered(ROUTER):
            yield Router()
    finally:
        remove_namespaces()


@pytest.fixture(params=["open firewall", "closed firewall"])
def firewalled(net: Router, request: pytest.FixtureRequest) -> Router:
    """The router twice: without rules of its own, and with one that drops by default."""
    if request.param == "closed firewall":
        net.close_firewall()
    return net
