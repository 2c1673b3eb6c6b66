"""What a service is to bring about with others is looked at, called for and shown, whatever happens to the service."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from supervisor.values.status import UndertakingStatus
from supervisor.values.undertaking import UndertakingState as State
from tests.unit.loop.ailments import MINUTE, TAKEOVER, Ward, ward
from tests.unit.loop.scenarios import swap


@contextmanager
def tunnelled() -> Iterator[Ward]:
    """A router whose tunnels, to the office and to the depot, are up."""
    with ward(TAKEOVER) as patient:
        patient.configure("tunnels")
        patient.until(lambda: states(patient) == [State.UP, State.UP])
        yield patient


def tunnels(patient: Ward) -> tuple[UndertakingStatus, ...]:
    return patient.status.undertakings


def states(patient: Ward) -> list[State]:
    return [one.state for one in tunnels(patient)]


def lose(patient: Ward, name: str = "depot") -> None:
    patient.daemon.brought_about.discard(name)


def events(patient: Ward) -> list[tuple[str, str]]:
    return [(one.name, one.message) for _, one in patient.machine.store.events(0) if one.name.startswith("under")]


def test_what_was_loaded_is_called_for() -> None:
    with tunnelled() as patient:
        assert [(one.name, one.what, one.calls) for one in tunnels(patient)] == [
            ("office", "tunnel", 1),
            ("depot", "tunnel", 1),
        ]
        assert events(patient) == []


def test_what_was_lost_is_back_in_a_moment() -> None:
    with tunnelled() as patient:
        patient.wait(2 * MINUTE)
        lose(patient)
        assert patient.until(lambda: states(patient) == [State.UP, State.CONNECTING]) <= 5.1
        assert patient.until(lambda: states(patient) == [State.UP, State.UP]) < 3.0
        assert patient.status.is_ready


def test_an_unwilling_other_end_is_called_ever_more_slowly_and_told_once() -> None:
    with tunnelled() as patient:
        patient.machine.unwilling.add("depot")
        patient.wait(2 * MINUTE)
        before = len(patient.machine.called)
        lose(patient)
        patient.until(lambda: states(patient) == [State.UP, State.DOWN])
        assert patient.status.is_ready
        assert patient.status.state == "running"
        patient.wait(MINUTE)
        assert 3 <= len(patient.machine.called) - before <= 5
        assert {name for _, name in patient.machine.called[before:]} == {"depot"}
        patient.machine.unwilling.clear()
        assert patient.until(lambda: states(patient) == [State.UP, State.UP]) < 75.0
        assert [name for name, _ in events(patient)] == ["undertaking-down", "undertaking-up"]
        assert events(patient)[0][1].startswith("tunnel depot is not up since ")


def test_what_is_put_right_is_called_for_at_once() -> None:
    with tunnelled() as patient:
        patient.machine.unwilling.add("depot")
        lose(patient)
        patient.wait(4 * MINUTE)
        patient.machine.unwilling.clear()
        patient.configure("tunnels changed")
        assert patient.until(lambda: states(patient) == [State.UP, State.UP]) < 6.0


def test_a_daemon_that_took_over_is_looked_at_too() -> None:
    with tunnelled() as patient:
        swap(patient.router, patient.service)
        patient.until(lambda: patient.runs == "2.0")
        assert patient.daemon.brought_about == set()
        patient.until(lambda: patient.daemon.brought_about == {"office", "depot"})
        patient.until(lambda: states(patient) == [State.UP, State.UP])


def test_the_next_supervisor_asks_the_daemon() -> None:
    with tunnelled() as patient:
        before = len(patient.machine.called)
        patient.restart_supervisor()
        patient.until(lambda: states(patient) == [State.UP, State.UP])
        assert len(patient.machine.called) == before


def test_a_daemon_that_hangs_is_not_called() -> None:
    with tunnelled() as patient:
        before = len(patient.machine.called)
        patient.hang()
        patient.wait(1.0)
        assert len(patient.machine.called) == before
        patient.until(lambda: patient.kills > 0)  # who looks after it was not kept from it
        patient.until(lambda: patient.daemon.brought_about == {"office", "depot"})


def test_what_is_configured_no_more_is_forgotten() -> None:
    with tunnelled() as patient:
        patient.configure("plain")
        patient.until(lambda: tunnels(patient) == ())


def test_a_thread_that_cannot_be_made_is_tried_again() -> None:
    with tunnelled() as patient:
        seams, spawn, refused = patient.worker.parts.world.seams, patient.worker.parts.world.seams.spawn, list[int]()

        def refuse_once(work: Callable[[], None]) -> None:
            if refused:
                spawn(work)
            else:
                refused.append(1)
                raise RuntimeError("can't start new thread")

        object.__setattr__(seams, "spawn", refuse_once)
        lose(patient)
        patient.until(lambda: bool(refused))
        patient.until(lambda: "depot" in patient.daemon.brought_about)


def test_what_is_gone_leaves_nothing_behind() -> None:
    with tunnelled() as patient:
        patient.machine.unwilling.add("depot")
        patient.wait(2 * MINUTE)
        lose(patient)
        patient.until(lambda: states(patient) == [State.UP, State.DOWN])
        patient.configure("plain")
        patient.until(lambda: tunnels(patient) == ())
        assert patient.worker._undertaking_watch._reported == set()
