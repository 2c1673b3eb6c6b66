"""Work that nobody waits for goes on, and leaves the reason in the log when it ends early."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator

import pytest

from supervisor.loop.supervision.jobs import Jobs
from supervisor.values.errors import StateError
from supervisor.values.status import Progress

MOVED_ONE = Progress("", "moving", "one of two")


def wait_for_work() -> None:
    for thread in threading.enumerate():
        if thread.name == "detached":
            thread.join(5.0)


@pytest.mark.parametrize(
    ("error", "has_traceback"),
    [
        pytest.param(StateError("cannot write the state: disk full"), False, id="expected"),
        pytest.param(ValueError("surprise"), True, id="unexpected"),
    ],
)
def test_the_reason_why_work_without_a_listener_ended_is_logged(
    error: Exception, has_traceback: bool, caplog: pytest.LogCaptureFixture
) -> None:
    def work() -> Iterator[Progress]:
        yield MOVED_ONE
        raise error

    jobs = Jobs()
    (accepted,) = jobs.begin("upgrade", work(), wait=False)
    wait_for_work()
    assert accepted.phase == "accepted"
    (record,) = [record for record in caplog.records if record.message == "work ended"]
    assert (record.levelno, record.reason) == (logging.ERROR, str(error))  # type: ignore[attr-defined]
    assert bool(record.exc_info) is has_traceback
    assert list(jobs.begin("upgrade", iter([MOVED_ONE]), wait=True)) == [MOVED_ONE]
