"""Files that could not be recorded are taken in later; they stand in nobody's way, and cost one thread at most."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from supervisor.decisions.retries import STARTUP_TASK
from supervisor.loop.supervision.startup_tasks import StartupTasks
from supervisor.values.errors import StateError
from tests.kit.simulation.samples import SERVICES
from tests.kit.simulation.service import simulated_service


def threads(name: str) -> list[threading.Thread]:
    """Return the threads of a task. Those of another test's may end only now, so each has a name of its own."""
    return [thread for thread in threading.enumerate() if thread.name == f"chore-{name}"]


def test_what_is_to_be_done_is_repeated_by_one_thread_however_often_it_is_asked_for() -> None:
    closing, done = threading.Event(), threading.Event()

    def refuse() -> None:
        raise StateError("cannot write: no space left")

    startup_tasks = StartupTasks(closing)
    try:
        for _ in range(20):
            startup_tasks.do("refused", refuse)
        assert len(threads("refused")) == 1
        startup_tasks.do("refused", done.set)
        assert done.is_set()
        assert startup_tasks.message == ""
    finally:
        closing.set()


FULL = StateError("cannot write: no space left")
SURPRISE = KeyError("surprise")


@pytest.mark.parametrize(
    ("errors", "reason"),
    [
        pytest.param([SURPRISE], "KeyError('surprise')", id="at the first attempt"),
        pytest.param([FULL, SURPRISE], "KeyError('surprise')", id="at a later attempt"),
        pytest.param([FULL, SURPRISE, FULL], "cannot write: no space left", id="in between"),
    ],
)
def test_a_task_is_repeated_after_any_error_until_it_is_done(
    errors: list[Exception], reason: str, request: pytest.FixtureRequest
) -> None:
    closing, failed, mended = threading.Event(), threading.Event(), threading.Event()
    left = list(errors)

    def act() -> None:
        if left:
            raise left.pop(0)
        failed.set()
        if not mended.is_set():
            raise errors[-1]

    startup_tasks = StartupTasks(closing, replace(STARTUP_TASK, pause=0.01))
    try:
        name = request.node.name
        startup_tasks.do(name, act)
        (repeating,) = threads(name)
        assert failed.wait(5.0)
        assert startup_tasks.message == reason
        mended.set()
        repeating.join(5.0)
        assert (startup_tasks.message, threads(name)) == ("", [])
    finally:
        closing.set()


def test_a_bad_file_that_was_postponed_unread_is_refused_later_and_nobody_else_is() -> None:
    with simulated_service(SERVICES[0]) as subject:
        supervision = subject.router.supervisor.supervision
        configuration, store = supervision._parts.configuration, subject.machine.store
        refused = subject.machine.faults.refused
        refused["store.configuration"] = StateError("cannot read the state: it is away")
        told = list(supervision.apply_config((("bad", b""),), wait=False))
        assert told[-1].error
        refused.clear()
        configuration.take((("instance", b""),))  # good, and not refused for the other one
        assert configuration._postponed == ()
        events = [event.message for _, event in store.events(0) if event.name == "command-refused"]
        assert any("bad: nobody knows it" in one for one in events)
