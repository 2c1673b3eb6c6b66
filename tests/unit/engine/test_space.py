"""Room on the disk, before and while images are loaded."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from supervisor.edges.engine.space import SPACE_STEP, require_room, with_space
from supervisor.values.errors import EngineError

MIB = 1 << 20


def test_room_is_what_is_free_besides_the_reserve(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    require_room(free // 2, tmp_path, MIB)
    with pytest.raises(
        EngineError, match=r"cannot load images: they take \d+ MiB while they are loaded, \d+ MiB are free"
    ):
        require_room(free, tmp_path, 256 * MIB)
    with pytest.raises(EngineError, match="1024 MiB must stay free"):
        require_room(free - 512 * MIB, tmp_path, 1024 * MIB)


def test_a_stream_ends_where_the_reserve_begins(tmp_path: Path) -> None:
    taken: list[int] = []

    def stream() -> Iterator[bytes]:
        for number in range(100):
            taken.append(number)
            yield bytes(SPACE_STEP)

    with pytest.raises(EngineError, match="must stay free"):
        list(with_space(stream(), tmp_path, 1 << 60))
    assert taken == [0]
