"""What an operator lets a swap go without is left out, and nothing else; it is shown, recorded, and stays so."""

from __future__ import annotations

import pytest

from supervisor.values.handover import Step, Waiver
from supervisor.values.names import ServiceName
from supervisor.values.status import HandoverRecord
from tests.kit.simulation.samples import SERVICES
from tests.kit.simulation.service import MINUTE, OVERLAPPING, SimulatedService, simulated_service

NO_SOAK, FORCE = Waiver(soak=True), Waiver(judgement=True)
each = pytest.mark.parametrize("service", SERVICES)


def swapped(subject: SimulatedService, waiver: Waiver) -> HandoverRecord:
    subject.asked(subject.router.supervisor.supervision.swap, "2.0", False, waiver, "alice as root")
    subject.worker.run_until_settled()
    (record,) = subject.machine.store.history(subject.service, 1)
    return record


@each
def test_without_a_soak_it_is_decided_once_it_is_verified(service: ServiceName) -> None:
    with simulated_service(service) as subject:
        subject.behave("2.0", fails=0.5)
        record = swapped(subject, NO_SOAK)
        assert (record.outcome, record.waived) == ("succeeded", ("soak",))
        assert dict(record.phases)[Step.SOAK] < 0.1
        assert subject.runs == subject.desired == "2.0"


@each
def test_without_a_soak_a_candidate_that_is_not_verified_still_goes_back(service: ServiceName) -> None:
    with simulated_service(service) as subject:
        subject.behave("2.0", ends_after=0.05)
        assert swapped(subject, NO_SOAK).outcome in ("failed", "reverted")
        subject.wait(MINUTE)
        assert subject.runs == "1.0"


@each
@pytest.mark.parametrize("does", [{"fails": 0.5}, {"starves_after": 1.0}], ids=["fails", "memory"])
def test_what_is_judged_in_the_soak_does_not_undo_a_forced_swap(service: ServiceName, does: dict[str, float]) -> None:
    with simulated_service(service) as subject:
        subject.behave("2.0", **does)
        record = swapped(subject, FORCE)
        assert (record.outcome, record.waived) == ("succeeded", ("judgement",))
        assert dict(record.phases)[Step.SOAK] > 1
        assert subject.runs == "2.0"


@pytest.mark.parametrize("service", OVERLAPPING)
@pytest.mark.parametrize("does", [{"ends_after": 1.0}, {"hangs_after": 1.0}], ids=["ends", "hangs"])
def test_a_forced_candidate_that_ends_or_hangs_goes_back_all_the_same(
    service: ServiceName, does: dict[str, float]
) -> None:
    with simulated_service(service) as subject:
        subject.behave("2.0", **does)
        assert swapped(subject, FORCE).outcome == "reverted"
        assert subject.runs == "1.0"


@pytest.mark.parametrize("service", OVERLAPPING)
@pytest.mark.parametrize(("waiver", "outcome"), [(FORCE, "succeeded"), (Waiver(), "reverted")], ids=["forced", "not"])
def test_a_forced_candidate_that_is_not_reached_by_clients_stays(
    service: ServiceName, waiver: Waiver, outcome: str
) -> None:
    with simulated_service(service) as subject:
        store = subject.machine.store
        before = subject.keeper.instance.generation
        subject.machine.is_reachable = lambda: any(
            instance.generation == before and state == "active" for instance, state in store.instances(service)
        )
        record = swapped(subject, waiver)
        assert record.outcome == outcome, record
        told = [event.message for _, event in store.events(0) if event.name == "waived"]
        assert len(told) == (outcome == "succeeded")
        assert all("it stays all the same" in one for one in told)


@each
def test_a_waiver_outlives_the_supervisor(service: ServiceName) -> None:
    with simulated_service(service) as subject:
        subject.behave("2.0", fails=0.5)
        subject.asked(subject.router.supervisor.supervision.swap, "2.0", False, FORCE, "")
        subject.until(lambda: subject.worker.foreground and subject.worker.foreground.step is Step.SOAK)
        subject.restart_supervisor()
        subject.wait(MINUTE)
        (record,) = subject.machine.store.history(service, 1)
        assert (record.outcome, record.waived) == ("succeeded", ("judgement",))


def test_the_answer_the_progress_and_the_audit_log_say_what_is_waived_and_who_asked() -> None:
    with simulated_service(OVERLAPPING[0]) as subject:
        both = Waiver(soak=True, judgement=True)
        answer = subject.asked(subject.router.supervisor.supervision.swap, "2.0", False, both, "alice as root")
        assert "no soak: " in answer
        assert "forced: " in answer
        subject.worker.run_until_settled()
        events = [(event.name, event.message) for _, event in subject.machine.store.events(0)]
        asked = next(message for name, message in events if name == "asked")
        assert asked.startswith("swap to 2.0-1 by alice as root; no soak: ")
        assert "forced: " in asked
        assert ("succeeded", "swap to 2.0-1 succeeded without soak and judgement") in events


def test_a_swap_that_waives_nothing_says_nothing_of_it() -> None:
    with simulated_service(OVERLAPPING[0]) as subject:
        assert subject.asked(subject.router.supervisor.supervision.swap, "2.0", False) == "accepted"
        subject.worker.run_until_settled()
        asked = [event.message for _, event in subject.machine.store.events(0) if event.name == "asked"]
        assert asked == ["swap to 2.0-1"]
