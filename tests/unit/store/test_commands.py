"""Identities of command files: the newest are known, and always those of the boot folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from supervisor.edges.secret_keys import FilePlace
from supervisor.edges.store import KeyRing, SqliteStore
from supervisor.edges.store.schema import KEPT_COMMANDS


@pytest.fixture(params=["in clear", "encrypted"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqliteStore]:
    ring = KeyRing(FilePlace(tmp_path / "the.key")) if request.param == "encrypted" else None
    made = SqliteStore(tmp_path / "state", ring)
    yield made
    made.close()


def test_the_oldest_are_forgotten(store: SqliteStore) -> None:
    store.save_configuration("{}", ["old", "older"])
    store.save_configuration("{}", [f"command {number}" for number in range(KEPT_COMMANDS - 1)])
    assert len(store.taken_commands()) == KEPT_COMMANDS
    assert "old" not in store.taken_commands()
    assert "older" in store.taken_commands()


def test_what_is_saved_again_is_new_again(store: SqliteStore) -> None:
    store.save_configuration("{}", ["boot", "other"])
    for number in range(0, KEPT_COMMANDS, 1000):
        store.save_configuration("{}", ["boot", *(f"command {number + one}" for one in range(1000))])
    assert "boot" in store.taken_commands()
    assert "other" not in store.taken_commands()


def test_all_that_are_saved_at_once_are_known(store: SqliteStore) -> None:
    many = [f"command {number}" for number in range(KEPT_COMMANDS + 5)]
    store.save_configuration("{}", many)
    assert store.taken_commands() == frozenset(many)
