"""A candidate gets the former's knowledge, waits for what it finds out by itself, and counts on from others."""

from __future__ import annotations

from queue import SimpleQueue

from supervisor.loop.supervision.consoles import console, counted
from supervisor.values.router import RouterConfig
from supervisor.values.status import Progress
from tests.unit.loop.ailments import ISOLATED, Ward, ward
from tests.unit.loop.scenarios import restart, swap


def finds_out(patient: Ward, after: float) -> None:
    """The next version has two members to look at, the second of which takes its time."""
    patient.behave("2.0", finds_out=(("one", 0.2), ("two", after)))


def seconds_to_cut(patient: Ward) -> float:
    return patient.machine.store.history(ISOLATED, 1)[0].seconds_to_cutover or 0.0


def test_what_a_candidate_finds_out_is_waited_for() -> None:
    """haproxy/haproxy#918: until all members were looked at, all were taken for up."""
    with ward(ISOLATED) as patient:
        finds_out(patient, 0.7)
        swap(patient.router, ISOLATED)
        heard: SimpleQueue[Progress] = SimpleQueue()
        patient.until(lambda: patient.worker.foreground is not None)
        patient.worker.foreground.listeners.append(heard)
        patient.wait(10.0)
        assert patient.runs == "2.0"
        said = [progress.message for progress in (heard.get() for _ in range(heard.qsize()))]
        waited = [one for one in said if one.startswith("waiting")]
        assert waited == [f"waiting for the first look at {count} members" for count in (2, 1)]
        assert 0.7 <= seconds_to_cut(patient) <= 1.0


def test_readiness_does_not_depend_on_what_is_never_found_out() -> None:
    with ward(ISOLATED) as patient:
        finds_out(patient, 1e9)
        swap(patient.router, ISOLATED)
        patient.wait(10.0)
        assert patient.runs == "2.0"
        assert 1.0 <= seconds_to_cut(patient) <= 1.4


def test_where_nobody_is_served_nothing_is_waited_for_long() -> None:
    with ward(ISOLATED) as patient:
        patient.behave("1.0", finds_out=(("one", 1e9),))
        before = patient.last
        patient.hang()
        patient.wait(10.0)
        assert patient.story(before) == [("heal", "succeeded")]
        assert seconds_to_cut(patient) <= 0.7


def told(patient: Ward) -> list[str]:
    return patient.daemon.told


def test_a_candidate_is_told_what_the_former_knows() -> None:
    """haproxy/haproxy#2085: what the former active had found out was found out anew."""
    with ward(ISOLATED) as patient:
        told(patient).extend(["down one", "down three"])
        finds_out(patient, 0.7)
        swap(patient.router, ISOLATED)
        patient.wait(10.0)
        assert told(patient) == ["down one"]


def test_what_a_daemon_knew_is_told_to_the_one_that_heals_it() -> None:
    with ward(ISOLATED) as patient:
        told(patient).append("down one")
        patient.wait(10.0)
        patient.behave("1.0", finds_out=(("one", 5.0),))
        before = patient.last
        patient.hang()
        patient.wait(10.0)
        assert patient.story(before) == [("heal", "succeeded")]
        assert told(patient) == ["down one"]


def total(patient: Ward) -> int:
    """As the console says it, and as metrics say no more than that."""
    snapshot, world = patient.worker.snapshot, patient.router.life.world
    table = console(snapshot, world, RouterConfig(), "counters")
    answered = int(table.splitlines()[1].split(",")[1])
    published = [count for _, _, _, count in counted(snapshot, world.shared.ledger, world.store)]
    assert published == [answered]
    return answered


def test_counters_go_on_whatever_happens() -> None:
    """apache/cloudstack#6849."""
    with ward(ISOLATED) as patient:
        patient.wait(10.0)
        seen = [total(patient)]
        swap(patient.router, ISOLATED)
        patient.wait(10.0)
        seen.append(total(patient))
        restart(patient.router, ISOLATED)
        patient.wait(10.0)
        seen.append(total(patient))
        patient.restart_supervisor()
        patient.wait(10.0)
        seen.append(total(patient))
        patient.hang()
        patient.wait(10.0)
        seen.append(total(patient))
        assert seen == sorted(seen)
        assert seen[-1] - seen[0] >= 300  # 40 s, ten a second, and no generation's share is missing
