"""What becomes of stored secrets is said once, when it begins and when it is over."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from supervisor.loop.supervision.audit_log import AuditLog
from supervisor.loop.supervision.secrets_care import SecretsCare
from supervisor.values.status import EventRecord, SecretsStatus
from tests.kit.fakes.clock import VirtualClock

GOOD = SecretsStatus("file", "/the.key", True, "01")
PENDING = replace(GOOD, pending="key 00 is still needed for a copy")
BAD = replace(GOOD, message="key 01 is missing")


class Store:
    """Answers with one status after the other; the last one stays. Has so many steps to do."""

    def __init__(self, *statuses: SecretsStatus, steps: int = 0) -> None:
        self.statuses, self.steps, self.events = list(statuses), steps, list[EventRecord]()

    def secrets(self) -> SecretsStatus:
        return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]

    def renew_secrets(self) -> bool:
        self.steps -= 1
        return self.steps > 0

    def log_event(self, event: EventRecord) -> None:
        self.events.append(event)


def care_of(store: Store, closing: threading.Event | None = None) -> SecretsCare:
    audit_log = AuditLog(store, VirtualClock())  # type: ignore[arg-type]
    return SecretsCare(store, audit_log, closing or threading.Event(), 0.001)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("statuses", "events"),
    [
        ([GOOD, GOOD], []),
        ([BAD, BAD, BAD], ["secrets-warning"]),
        ([BAD, replace(BAD, message="another reason"), GOOD], ["secrets-warning", "secrets-warning", "secrets-good"]),
        ([GOOD, PENDING, PENDING, GOOD, GOOD], ["secrets-encrypted"]),
        ([PENDING, GOOD], ["secrets-encrypted"]),
        ([GOOD, replace(GOOD, key="02")], ["secrets-encrypted"]),
        ([replace(GOOD, is_encrypted=False, source="none")] * 2, []),
    ],
)
def test_each_change_is_one_event(statuses: list[SecretsStatus], events: list[str]) -> None:
    store = Store(*statuses)
    care = care_of(store)
    for _ in statuses:
        care.turn()
    assert [event.name for event in store.events] == events


def test_a_turn_does_all_that_can_be_done() -> None:
    store = Store(GOOD, steps=7)
    care_of(store).turn()
    assert store.steps == 0


def test_a_supervisor_that_ends_does_no_more() -> None:
    closing, store = threading.Event(), Store(GOOD, steps=7)
    closing.set()
    care_of(store, closing).turn()
    assert store.steps == 6


def test_whoever_waits_sees_what_is_waited_for_and_the_end() -> None:
    store = Store(GOOD, PENDING, PENDING, PENDING, GOOD)
    lines = list(care_of(store).follow("02", 60.0))
    assert [(line.phase, line.message) for line in lines] == [
        ("waiting", PENDING.pending),
        ("succeeded", "key 02 is in use"),
    ]


def test_whoever_does_not_wait_is_told_what_is_left() -> None:
    (line,) = care_of(Store(PENDING)).follow("02", 0.0)
    assert (line.is_final, line.error, line.message) == (True, None, f"key 02 is in use; {PENDING.pending}")


def test_a_failure_is_the_last_word() -> None:
    (line,) = care_of(Store(BAD)).follow("02", 60.0)
    assert (line.is_final, line.phase, line.error) == (True, "failed", BAD.message)
