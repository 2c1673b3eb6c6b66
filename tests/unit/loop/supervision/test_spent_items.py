"""Items of configuration that a service has used up are forgotten first, and taken off its list second."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from supervisor.loop.supervision.spent_items import SpentItems
from supervisor.values.errors import StateError
from supervisor.values.manifest import StateSharing, StateVolume, User
from supervisor.values.names import ServiceName
from tests.kit.simulation.scenarios import ALL, prepared


def test_they_are_forgotten_and_then_taken_off_the_list() -> None:
    with prepared(ALL[0]) as router:
        worker: Any = next(iter(router.supervisor.workers.values()))
        volume = StateVolume("store", "/state/store", StateSharing.SHARED, User(0, 0), has_spent=True)
        keeper = worker.keeper
        manifest = replace(keeper.definition.manifest, state=(volume,))
        active = worker.snapshot.active
        counting = replace(active, definition=replace(active.definition, manifest=manifest))
        snapshots = (replace(worker.snapshot, active=counting),)
        folders, store = router.machine.folders, router.machine.store
        folders.spent_items[keeper.instance.service, "store"] = {"a", "b"}
        seen: list[object] = []

        def forget(names: object) -> None:
            seen.append((names, folders.spent(keeper.instance, volume)))

        def refuse(names: object) -> None:
            raise StateError("cannot write: the disk is full")

        with pytest.raises(StateError):
            SpentItems(folders, store, lambda: snapshots, refuse, threading.Event()).turn()
        assert folders.spent(keeper.instance, volume) == ("a", "b")
        items = SpentItems(folders, store, lambda: snapshots, forget, threading.Event())
        items.turn()
        assert seen == [(frozenset("ab"), ("a", "b"))]
        assert folders.spent(keeper.instance, volume) == ()
        items.turn()
        assert len(seen) == 1
        assert ServiceName(keeper.instance.service) in router.supervisor.workers


def test_what_goes_on_failing_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    closing, tries = threading.Event(), list[int]()

    def refuse() -> Any:
        tries.append(1)
        if len(tries) >= 10:
            closing.set()
        raise StateError("cannot write: the disk is full")

    nothing: Any = None
    SpentItems(nothing, nothing, refuse, lambda _: None, closing, look_seconds=0.005)._run()
    assert len(tries) == 10
    assert caplog.text.count("used-up items not forgotten") == 1
