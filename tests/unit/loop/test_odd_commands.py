"""Command files at boot, whatever their names are."""

from __future__ import annotations

from pathlib import Path

from tests.unit.loop.scenarios import Router


def test_a_file_whose_name_is_not_utf8_does_not_end_the_start(tmp_path: Path) -> None:
    router = Router(tmp_path)
    router.boot()
    router.life.supervision.start((), [("vm\udcff.json", b"one"), ("plain", b"two")])
    assert len(router.machine.store.taken_commands()) == 2
