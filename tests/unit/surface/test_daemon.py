"""The command files that are there at boot."""

from __future__ import annotations

from pathlib import Path

from supervisor.surface.daemon import boot_commands
from supervisor.values.settings import Settings


def test_a_file_that_cannot_be_read_stops_no_other(tmp_path: Path) -> None:
    (tmp_path / "1.json").write_bytes(b"one")
    (tmp_path / "2.json").symlink_to("/proc/self/mem")  # a file that no one can read from its beginning
    (tmp_path / "3.json").write_bytes(b"three")
    assert boot_commands(Settings(commands=tmp_path)) == [("1.json", b"one"), ("3.json", b"three")]
