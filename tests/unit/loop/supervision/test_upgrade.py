"""What an upgrade would do is what it does, and there is one of them at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from supervisor.loop.supervision.jobs import Jobs
from supervisor.values.errors import RequestError
from supervisor.values.status import Progress
from tests.kit.simulation.service import ISOLATED, simulated_service


def test_without_a_release_the_plan_is_that_of_an_upgrade_to_the_newest() -> None:
    with simulated_service(ISOLATED) as subject:
        control = subject.router.supervisor.supervision
        assert [(step.action, step.to_version) for step in control.plan(None)] == [("swap", "3.0-1")]
        assert control.plan(None) == control.plan("3.0")
        assert [step.to_version for step in control.plan("2.0")] == ["2.0-1"]
        control.pin(ISOLATED)
        assert [(step.action, step.to_version) for step in control.plan(None)] == [("nothing", "1.0-1")]


@pytest.mark.parametrize("waits", [True, False])
def test_a_second_campaign_is_refused_before_anybody_hears_that_it_was_accepted(waits: bool) -> None:
    campaigns, released = Jobs(), threading.Event()

    def work() -> Iterator[Progress]:
        while not released.wait(0.01):
            yield Progress("", "busy", "")
        yield Progress("", "done", "", is_final=True)

    first = campaigns.begin("upgrade to 2", work(), wait=True)
    with pytest.raises(RequestError, match="cannot upgrade to 3: another"):
        campaigns.begin("upgrade to 3", work(), wait=waits)
    released.set()
    assert list(first)[-1].phase == "done"
    assert list(campaigns.begin("upgrade to 3", work(), wait=True))[-1].phase == "done"
