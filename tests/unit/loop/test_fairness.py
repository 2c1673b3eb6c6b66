"""Shares follow what serves and who the guests are; a kernel that refuses them stops nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from supervisor.decisions.shares import known_guests, share_table
from supervisor.loop.fairness import Fairness
from supervisor.values.errors import NetworkError
from supervisor.values.router import RouterConfig
from supervisor.values.shares import ShareTable
from tests.kit.fakes.kernel import FakeShares
from tests.kit.simulation.scenarios import ALL, prepared
from tests.unit.decisions.test_shares import ROUTER, WEB, at, instance

ACTIVE = instance(WEB, at("10.1.1.1"))
GUESTS = known_guests(ROUTER)


@pytest.mark.parametrize("is_led_first", [True, False])
def test_a_former_table_is_left_alone_until_guests_and_what_serves_are_known(is_led_first: bool) -> None:
    shares = FakeShares()
    shares.table = left = share_table([ACTIVE], GUESTS)
    fairness = Fairness(shares)
    steps: list[Callable[[], None]] = [lambda: fairness.lead([]), lambda: fairness.know(ROUTER)]
    first, second = steps if is_led_first else steps[::-1]
    first()
    assert shares.table == left
    second()
    assert shares.table == GUESTS


def test_it_follows_both() -> None:
    shares = FakeShares()
    fairness = Fairness(shares)
    fairness.know(RouterConfig())
    fairness.lead([ACTIVE])
    assert shares.table == share_table([ACTIVE], ShareTable())
    fairness.know(ROUTER)
    assert shares.table == share_table([ACTIVE], GUESTS)


def test_what_the_kernel_refuses_is_logged_once_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    shares = FakeShares()
    shares.failure = NetworkError("cannot load nftables table: no memory")
    fairness = Fairness(shares)
    fairness.know(ROUTER)
    fairness.lead([ACTIVE])
    fairness.settle()
    assert shares.table == ShareTable()
    assert caplog.text.count("shares not applied") == 1
    shares.failure = None
    fairness.settle()
    assert shares.table == share_table([ACTIVE], GUESTS)


def test_a_router_that_runs_has_shares_for_its_guests() -> None:
    with prepared(ALL[0]) as router:
        known = router.supervisor.supervision._parts.configuration.known
        assert router.machine.shares.table.sides == tuple(sorted({network.interface for network in known.networks}))
