"""A candidate gets the former's knowledge, waits for what it finds out by itself, and counts on from others."""

from __future__ import annotations

from queue import SimpleQueue

from supervisor.loop.supervision.consoles import console, counted
from supervisor.values.router import RouterConfig
from supervisor.values.status import Progress
from tests.kit.simulation.scenarios import restart, swap
from tests.kit.simulation.service import ISOLATED, SimulatedService, simulated_service


def finds_out(subject: SimulatedService, after: float) -> None:
    """The next version has two members to look at, the second of which takes its time."""
    subject.behave("2.0", finds_out=(("one", 0.2), ("two", after)))


def seconds_to_cut(subject: SimulatedService) -> float:
    return subject.machine.store.history(ISOLATED, 1)[0].seconds_to_cutover or 0.0


def test_what_a_candidate_finds_out_is_waited_for() -> None:
    """haproxy/haproxy#918: until all members were looked at, all were taken for up."""
    with simulated_service(ISOLATED) as subject:
        finds_out(subject, 0.7)
        swap(subject.router, ISOLATED)
        heard: SimpleQueue[Progress] = SimpleQueue()
        subject.until(lambda: subject.worker.foreground is not None)
        subject.worker.foreground.listeners.append(heard)
        subject.wait(10.0)
        assert subject.runs == "2.0"
        said = [progress.message for progress in (heard.get() for _ in range(heard.qsize()))]
        waited = [one for one in said if one.startswith("waiting")]
        assert waited == [f"waiting for the first look at {count} members" for count in (2, 1)]
        assert 0.7 <= seconds_to_cut(subject) <= 1.0


def test_readiness_does_not_depend_on_what_is_never_found_out() -> None:
    with simulated_service(ISOLATED) as subject:
        finds_out(subject, 1e9)
        swap(subject.router, ISOLATED)
        subject.wait(10.0)
        assert subject.runs == "2.0"
        assert 1.0 <= seconds_to_cut(subject) <= 1.4


def test_where_nobody_is_served_nothing_is_waited_for_long() -> None:
    with simulated_service(ISOLATED) as subject:
        subject.behave("1.0", finds_out=(("one", 1e9),))
        before = subject.last
        subject.hang()
        subject.wait(10.0)
        assert subject.story(before) == [("heal", "succeeded")]
        assert seconds_to_cut(subject) <= 0.7


def told(subject: SimulatedService) -> list[str]:
    return subject.daemon.told


def test_a_candidate_is_told_what_the_former_knows() -> None:
    """haproxy/haproxy#2085: what the former active had found out was found out anew."""
    with simulated_service(ISOLATED) as subject:
        told(subject).extend(["down one", "down three"])
        finds_out(subject, 0.7)
        swap(subject.router, ISOLATED)
        subject.wait(10.0)
        assert told(subject) == ["down one"]


def test_what_a_daemon_knew_is_told_to_the_one_that_heals_it() -> None:
    with simulated_service(ISOLATED) as subject:
        told(subject).append("down one")
        subject.wait(10.0)
        subject.behave("1.0", finds_out=(("one", 5.0),))
        before = subject.last
        subject.hang()
        subject.wait(10.0)
        assert subject.story(before) == [("heal", "succeeded")]
        assert told(subject) == ["down one"]


def total(subject: SimulatedService) -> int:
    """As the console says it, and as metrics say no more than that."""
    snapshot, world = subject.worker.snapshot, subject.router.supervisor.world
    table = console(snapshot, world, RouterConfig(), "counters")
    answered = int(table.splitlines()[1].split(",")[1])
    published = [count for _, _, _, count in counted(snapshot, world.shared.ledger, world.store)]
    assert published == [answered]
    return answered


def test_counters_go_on_whatever_happens() -> None:
    """apache/cloudstack#6849."""
    with simulated_service(ISOLATED) as subject:
        subject.wait(10.0)
        seen = [total(subject)]
        swap(subject.router, ISOLATED)
        subject.wait(10.0)
        seen.append(total(subject))
        restart(subject.router, ISOLATED)
        subject.wait(10.0)
        seen.append(total(subject))
        subject.restart_supervisor()
        subject.wait(10.0)
        seen.append(total(subject))
        subject.hang()
        subject.wait(10.0)
        seen.append(total(subject))
        assert seen == sorted(seen)
        assert seen[-1] - seen[0] >= 300  # 40 s, ten a second, and no generation's share is missing
