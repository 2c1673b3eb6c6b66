"""A worker's thread goes on, whatever is thrown at it; and if it ever ends, that is noticed."""

from __future__ import annotations

import logging

import pytest

from supervisor.loop.service.inbox import Inbox
from supervisor.loop.service.worker import Worker
from supervisor.values.errors import EngineUnavailableError, StateError
from supervisor.values.names import ServiceName
from tests.kit.simulation.samples import SERVICES
from tests.kit.simulation.scenarios import ALL, prepared
from tests.kit.simulation.service import ISOLATED, simulated_service

each = pytest.mark.parametrize("service", SERVICES)


@each
def test_an_engine_that_cannot_be_started_for_want_of_a_disk_is_tried_again(service: ServiceName) -> None:
    with simulated_service(service) as subject:
        generation = subject.keeper.instance.generation
        subject.machine.engine.fail("inspect", EngineUnavailableError("gone"))
        subject.machine.engine.fail("start_service", OSError("read-only file system"))
        subject.wait(20.0)
        subject.crash()
        subject.wait(20.0)
        assert (subject.status.is_ready, subject.keeper.instance.generation) == (True, generation)


def test_a_request_that_fails_in_an_unexpected_way_is_told_once_and_the_worker_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def burst() -> None:
        raise OSError("no space left")

    with simulated_service(ISOLATED) as subject, caplog.at_level(logging.ERROR):
        for _ in range(3):
            subject.worker.parts.inbox.put(burst)
        subject.wait(5.0)
        subject.crash()
        subject.wait(5.0)
        assert subject.status.is_ready
        assert [record.message for record in caplog.records] == ["unexpected failure"]
        subject.router.unexpected_errors.messages.clear()  # it was told to


def test_a_store_that_cannot_be_read_when_something_is_to_be_tried_again_ends_nothing() -> None:
    with simulated_service(ISOLATED, upgraded=True) as subject:
        subject.fall_back()
        retry_at, retry_policy = subject.worker.retry_policy.retry_at, subject.worker.retry_policy
        renew, failures = retry_policy.renew, [StateError("cannot read")]

        def reluctant() -> bool:
            if failures:
                raise failures.pop()
            return bool(renew())

        retry_policy.renew = reluctant
        subject.behave("2.0")
        subject.wait(retry_at - subject.machine.clock.monotonic() + 60.0)
        assert not failures
        assert (subject.runs, subject.status.state) == ("2.0", "running")


class OneRequest(Worker):
    """Ends after the first thing that it is asked."""

    def run(self) -> None:
        self.parts.inbox.get(timeout=60.0)


def test_a_worker_that_has_ended_is_noticed() -> None:
    scenario = next(one for one in ALL if one.service == ISOLATED)
    with prepared(scenario) as router:
        supervisor = router.supervisor
        supervision, allocator = supervisor.supervision, supervisor.supervision._parts.workers._allocator
        worker = OneRequest(ISOLATED, supervisor.world, allocator, str, None, Inbox(str(ISOLATED)))
        supervision._parts.workers.by_name = {ISOLATED: worker}
        worker.start()
        assert supervision.is_whole
        worker.ask_to_stop()
        worker.join(5.0)
        assert not supervision.is_whole
