"""A real folder, and a real kernel that tells of it."""

from __future__ import annotations

import logging
import os
import queue
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from supervisor.edges.media_watch.watch import MediaWatcher

PATIENCE = 5.0
ROUND = 0.05


class Offers:
    def __init__(self) -> None:
        self._told: queue.SimpleQueue[Sequence[str]] = queue.SimpleQueue()
        self.error: Exception | None = None

    def __call__(self, media: Sequence[str]) -> None:
        self._told.put(media)
        if self.error:
            raise self.error

    def next(self) -> list[str]:
        return [Path(one).name for one in self._told.get(timeout=PATIENCE)]

    def are_over(self, seconds: float = 0.2) -> bool:
        try:
            self._told.get(timeout=seconds)
        except queue.Empty:
            return True
        return False


Watching = Callable[..., tuple[str, ...]]


@pytest.fixture
def offers() -> Offers:
    return Offers()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "media"
    path.mkdir()
    return path


@pytest.fixture
def watch(folder: Path, offers: Offers) -> Iterator[Watching]:
    made: list[MediaWatcher] = []

    def start(interval: float = 60.0) -> tuple[str, ...]:
        made.append(MediaWatcher((Path("/dev/not-there"),), folder, interval))
        return made[-1].start(offers)

    yield start
    for one in made:
        one.close()


def test_what_is_there_is_found_at_start_and_not_offered_again(folder: Path, watch: Watching, offers: Offers) -> None:
    for name in ("b.iso", "a.iso", "notes.txt", ".hidden.iso"):
        (folder / name).write_bytes(b"x")
    assert watch(ROUND) == (str(folder / "a.iso"), str(folder / "b.iso"))
    assert offers.are_over()


def test_a_file_is_offered_when_it_is_whole(folder: Path, watch: Watching, offers: Offers) -> None:
    assert watch(ROUND) == ()
    with (folder / "a.iso").open("wb") as writing:
        writing.write(b"half")
        writing.flush()
        assert offers.are_over(), "it is being written, also when the folder is listed"
        writing.write(b"whole")
    assert offers.next() == ["a.iso"]
    (folder / "b.iso.part").write_bytes(b"x")
    (folder / "b.iso.part").rename(folder / "b.iso")
    assert offers.next() == ["b.iso"]
    assert offers.are_over()


def test_a_file_that_is_being_written_at_start_is_left_until_it_is_closed(
    folder: Path, watch: Watching, offers: Offers
) -> None:
    with (folder / "a.iso").open("wb") as writing:
        writing.write(b"half")
        assert watch() == ()
    assert offers.next() == ["a.iso"]


def test_what_changes_or_comes_back_is_offered_again(folder: Path, watch: Watching, offers: Offers) -> None:
    path, away = folder / "a.iso", folder.parent / "away.iso"
    path.write_bytes(b"x")
    watch()
    path.write_bytes(b"another")
    assert offers.next() == ["a.iso"]
    path.rename(away)
    away.rename(path)
    assert offers.next() == ["a.iso"]


@pytest.mark.parametrize("kind", ["link", "folder", "pipe", "name"])
def test_only_regular_files_with_plain_names_are_offered(
    kind: str, folder: Path, watch: Watching, offers: Offers, caplog: pytest.LogCaptureFixture
) -> None:
    real = folder.parent / "real.iso"
    real.write_bytes(b"x")
    watch(ROUND)
    match kind:
        case "link":
            (folder / "a.iso").symlink_to(real)
        case "folder":
            (folder / "a.iso").mkdir()
        case "pipe":
            os.mkfifo(folder / "a.iso")
        case "name":
            (folder / "a\n\x1b[2J.iso").write_bytes(b"x")
    assert offers.are_over(0.3)
    (record,) = [one for one in caplog.records if one.message == "medium passed over"]
    assert str(record.__dict__["medium"]).isprintable()


def test_a_folder_may_come_go_and_come_back(
    folder: Path, watch: Watching, offers: Offers, caplog: pytest.LogCaptureFixture
) -> None:
    folder.rmdir()
    with caplog.at_level(logging.INFO):
        assert watch(ROUND) == ()
        folder.mkdir()
        (folder / "a.iso").write_bytes(b"x")
        assert offers.next() == ["a.iso"]
        folder.rename(folder.parent / "elsewhere")
        (folder.parent / "elsewhere" / "b.iso").write_bytes(b"x")
        assert offers.are_over(), "it is not the media folder any more"
        folder.mkdir()
        (folder / "c.iso").write_bytes(b"x")
        assert offers.next() == ["c.iso"]
    said = [record.message for record in caplog.records if record.message.startswith("media folder")]
    assert said == ["media folder not here", "media folder watched"] * 2, "once each"


def test_a_file_that_came_while_another_was_taken_in_waits(folder: Path, watch: Watching, offers: Offers) -> None:
    offers.error = RuntimeError("whatever a medium can do")
    watch()
    for name in ("a.iso", "b.iso"):
        (folder / name).write_bytes(b"x")
        assert offers.next() == [name]


def test_nothing_is_offered_after_the_end(folder: Path, offers: Offers) -> None:
    watcher = MediaWatcher((), folder)
    watcher.start(offers)
    watcher.close()
    (folder / "a.iso").write_bytes(b"x")
    assert offers.are_over()


def test_a_watcher_that_never_started_can_be_closed() -> None:
    MediaWatcher((), None).close()
