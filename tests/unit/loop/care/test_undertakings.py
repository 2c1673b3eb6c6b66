"""What a service is to bring about with others is looked at, called for and shown, whatever happens to the service."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from supervisor.values.status import UndertakingStatus
from supervisor.values.undertaking import UndertakingState as State
from tests.kit.simulation.scenarios import swap
from tests.kit.simulation.service import MINUTE, TAKEOVER, SimulatedService, simulated_service


@contextmanager
def tunnelled() -> Iterator[SimulatedService]:
    """A router whose tunnels, to the office and to the depot, are up."""
    with simulated_service(TAKEOVER) as subject:
        subject.configure("tunnels")
        subject.until(lambda: states(subject) == [State.UP, State.UP])
        yield subject


def tunnels(subject: SimulatedService) -> tuple[UndertakingStatus, ...]:
    return subject.status.undertakings


def states(subject: SimulatedService) -> list[State]:
    return [tunnel.state for tunnel in tunnels(subject)]


def lose(subject: SimulatedService, name: str = "depot") -> None:
    subject.daemon.brought_about.discard(name)


def events(subject: SimulatedService) -> list[tuple[str, str]]:
    return [
        (event.name, event.message) for _, event in subject.machine.store.events(0) if event.name.startswith("under")
    ]


def test_what_was_loaded_is_called_for() -> None:
    with tunnelled() as subject:
        assert [(tunnel.name, tunnel.what, tunnel.calls) for tunnel in tunnels(subject)] == [
            ("office", "tunnel", 1),
            ("depot", "tunnel", 1),
        ]
        assert events(subject) == []


def test_what_was_lost_is_back_in_a_moment() -> None:
    with tunnelled() as subject:
        subject.wait(2 * MINUTE)
        lose(subject)
        assert subject.until(lambda: states(subject) == [State.UP, State.CONNECTING]) <= 5.1
        assert subject.until(lambda: states(subject) == [State.UP, State.UP]) < 3.0
        assert subject.status.is_ready


def test_an_unwilling_other_end_is_called_ever_more_slowly_and_told_once() -> None:
    with tunnelled() as subject:
        subject.machine.unwilling.add("depot")
        subject.wait(2 * MINUTE)
        before = len(subject.machine.called)
        lose(subject)
        subject.until(lambda: states(subject) == [State.UP, State.DOWN])
        assert subject.status.is_ready
        assert subject.status.state == "running"
        subject.wait(MINUTE)
        assert 3 <= len(subject.machine.called) - before <= 5
        assert {name for _, name in subject.machine.called[before:]} == {"depot"}
        subject.machine.unwilling.clear()
        assert subject.until(lambda: states(subject) == [State.UP, State.UP]) < 75.0
        assert [name for name, _ in events(subject)] == ["undertaking-down", "undertaking-up"]
        assert events(subject)[0][1].startswith("tunnel depot is not up since ")


def test_what_is_put_right_is_called_for_at_once() -> None:
    with tunnelled() as subject:
        subject.machine.unwilling.add("depot")
        lose(subject)
        subject.wait(4 * MINUTE)
        subject.machine.unwilling.clear()
        subject.configure("tunnels changed")
        assert subject.until(lambda: states(subject) == [State.UP, State.UP]) < 6.0


def test_a_daemon_that_took_over_is_looked_at_too() -> None:
    with tunnelled() as subject:
        swap(subject.router, subject.service)
        subject.until(lambda: subject.runs == "2.0")
        assert subject.daemon.brought_about == set()
        subject.until(lambda: subject.daemon.brought_about == {"office", "depot"})
        subject.until(lambda: states(subject) == [State.UP, State.UP])


def test_the_next_supervisor_asks_the_daemon() -> None:
    with tunnelled() as subject:
        before = len(subject.machine.called)
        subject.restart_supervisor()
        subject.until(lambda: states(subject) == [State.UP, State.UP])
        assert len(subject.machine.called) == before


def test_a_daemon_that_hangs_is_not_called() -> None:
    with tunnelled() as subject:
        before = len(subject.machine.called)
        subject.hang()
        subject.wait(1.0)
        assert len(subject.machine.called) == before
        subject.until(lambda: subject.kills > 0)  # who looks after it was not kept from it
        subject.until(lambda: subject.daemon.brought_about == {"office", "depot"})


def test_what_is_configured_no_more_is_forgotten() -> None:
    with tunnelled() as subject:
        subject.configure("plain")
        subject.until(lambda: tunnels(subject) == ())


def test_a_thread_that_cannot_be_made_is_tried_again() -> None:
    with tunnelled() as subject:
        seams, spawn, refused = subject.worker.parts.world.seams, subject.worker.parts.world.seams.spawn, list[int]()

        def refuse_once(work: Callable[[], None]) -> None:
            if refused:
                spawn(work)
            else:
                refused.append(1)
                raise RuntimeError("can't start new thread")

        object.__setattr__(seams, "spawn", refuse_once)
        lose(subject)
        subject.until(lambda: bool(refused))
        subject.until(lambda: "depot" in subject.daemon.brought_about)


def test_what_is_gone_leaves_nothing_behind() -> None:
    with tunnelled() as subject:
        subject.machine.unwilling.add("depot")
        subject.wait(2 * MINUTE)
        lose(subject)
        subject.until(lambda: states(subject) == [State.UP, State.DOWN])
        subject.configure("plain")
        subject.until(lambda: tunnels(subject) == ())
        assert subject.worker._undertaking_watch._reported == set()
