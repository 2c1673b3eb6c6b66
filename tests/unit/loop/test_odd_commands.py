"""Command files at boot, whatever their names are."""

from __future__ import annotations

from pathlib import Path

from tests.kit.simulation.router import SimulatedRouter


def test_a_file_whose_name_is_not_utf8_does_not_end_the_start(tmp_path: Path) -> None:
    router = SimulatedRouter(tmp_path)
    router.boot()
    router.supervisor.supervision.start((), [("vm\udcff.json", b"one"), ("plain", b"two")])
    assert len(router.machine.store.taken_commands()) == 2
