"""A memory that is damaged is laid aside and named, a good copy takes its place, and one row costs one row."""

from __future__ import annotations

import json
import sqlite3
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from supervisor.decisions.definition_digest import definition_digest
from supervisor.edges.secret_keys import FilePlace
from supervisor.edges.store import KeyRing, SqliteStore
from supervisor.edges.store.secret_values import BAGS, revealed
from supervisor.values.errors import StateError
from supervisor.values.handover import Handover, Kind, Mode
from supervisor.values.names import Digest, ServiceName
from supervisor.values.release import InstanceState, Release, Version
from supervisor.values.state import Instance
from supervisor.values.status import EventRecord

MEMORY = Path("/dev/shm")  # where every commit is synced for nothing
ONE, TWO = ServiceName("one"), ServiceName("two")
FILES = {"manifest.yaml": b"name: one\n", "templates/main.j2": b"text\n"}
VERSION = Version("1.0", "1.0-1", Digest("sha256:" + "ab" * 32), definition_digest(FILES))
RELEASE = Release("1.0", "2025-01-01T00:00:00Z", "/media/one.iso", 5.0, ((ONE, VERSION), (TWO, VERSION)))


def instance(service: ServiceName, generation: int = 3) -> Instance:
    return Instance(
        service, generation, VERSION.version, "1.0", VERSION.image, VERSION.definition, None, (("dns", 1053),)
    )


def opened(folder: Path) -> SqliteStore:
    """The store in a folder; its secrets are encrypted if there is a folder for their key."""
    keys = folder.with_name(folder.name + "-keys")
    return SqliteStore(folder, KeyRing(FilePlace(keys / "the.key")) if keys.is_dir() else None)


def fill(folder: Path) -> None:
    """A router with two services, its configuration and a hand-over that is under way."""
    with closing(opened(folder)) as store:
        store.save_release(RELEASE, {VERSION.definition: FILES})
        for service in (ONE, TWO):
            store.set_desired(service, VERSION)
            for _ in range(3):
                store.next_generation(service)
            store.save_instance(instance(service), InstanceState.ACTIVE)
            store.set_pinned(service, True)
            store.set_confirmed(service, VERSION)
        store.save_configuration('{"secret": 1}', ["a", "b"])
        store.set_current_release("1.0")
        store.set_medium_fingerprint("/media/one.iso", "mark")
        store.log_event(EventRecord(1.0, "", "imported", "release 1.0"))
        store.record(store.open_handover(Handover(0, ONE, Kind.SWAP, Mode.OVERLAP, None, 3), 1.0), None, 1.0)
        store.save_copy()


@pytest.fixture(params=["in clear", "encrypted"])
def folder(request: pytest.FixtureRequest) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as made:
        if request.param == "encrypted":
            (Path(made) / "state-keys").mkdir()
        fill(Path(made) / "state")
        yield Path(made) / "state"


@pytest.fixture
def again(folder: Path) -> Iterator[Callable[[], SqliteStore]]:
    stores: list[SqliteStore] = []

    def open_it() -> SqliteStore:
        for former in stores:  # the file is open for one process alone, and here for one store
            former.close()
        stores.append(opened(folder))
        return stores[-1]

    yield open_it
    for store in stores:
        store.close()


def path_of(folder: Path) -> Path:
    return folder / "state.db"


def execute(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path_of(folder), isolation_level=None)) as database:
        for statement in statements:
            database.execute(statement)


def aside(folder: Path) -> list[str]:
    return sorted(place.name for place in folder.glob("state.db.damaged-*"))


def overwrite(folder: Path, offset: int, content: bytes) -> None:
    with path_of(folder).open("r+b") as file:
        file.seek(offset)
        file.write(content)


def a_folder(folder: Path) -> None:
    path_of(folder).unlink()
    path_of(folder).mkdir()
    (path_of(folder) / "something").touch()


WHOLE = {
    "truncated to nothing": lambda folder: path_of(folder).write_bytes(b""),
    "truncated in the middle": lambda folder: path_of(folder).write_bytes(path_of(folder).read_bytes()[:20_000]),
    "its header overwritten": lambda folder: overwrite(folder, 0, b"\0" * 64),
    "a page of junk": lambda folder: overwrite(folder, 4096, b"\xa5" * 4096),
    "pages of junk": lambda folder: overwrite(folder, 8192, b"\xa5" * 40_000),
    "another file in its place": lambda folder: path_of(folder).write_bytes(b"hello world\n" * 4000),
    "a folder in its place": a_folder,
    "removed": lambda folder: path_of(folder).unlink(),
    "a newer format": lambda folder: execute(folder, "PRAGMA user_version = 99"),
    "a table is missing": lambda folder: execute(folder, "DROP TABLE instances"),
}
each_whole = pytest.mark.parametrize("damage", WHOLE.values(), ids=WHOLE)


def is_whole(store: SqliteStore) -> bool:
    return (
        store.configuration() == '{"secret": 1}'
        and [one.container_name for one, _ in store.instances()] == ["vrs-one-3", "vrs-two-3"]
        and [release.name for release in store.releases()] == ["1.0"]
        and store.definition(VERSION.definition) == FILES
        and store.desired(ONE) == VERSION
        and store.pinned(TWO)
        and store.confirmed(ONE) == VERSION
        and len(store.open_handovers()) == 1
    )


@each_whole
def test_the_copy_is_used_and_the_bad_file_is_laid_aside(
    folder: Path, again: Callable[[], SqliteStore], damage: Callable[[Path], object]
) -> None:
    was_there = damage is not WHOLE["removed"]
    damage(folder)
    store = again()
    assert is_whole(store)
    (loss,) = store.losses
    assert "copy-1 of 2" in loss
    assert len(aside(folder)) == was_there
    assert all(name in loss for name in aside(folder))
    assert not store.awaits_configuration
    assert again().losses == ()


@each_whole
def test_the_older_copy_is_used_where_the_newer_is_bad_too(
    folder: Path, again: Callable[[], SqliteStore], damage: Callable[[Path], object]
) -> None:
    with closing(again()) as store:
        store.save_copy()
    (folder / "state.db.copy-1").write_bytes(b"junk" * 3000)
    damage(folder)
    store = again()
    assert is_whole(store)
    assert "copy-2 of 2" in store.losses[0]


@each_whole
def test_without_a_good_copy_releases_are_known_from_the_files_beside(
    folder: Path, again: Callable[[], SqliteStore], damage: Callable[[Path], object]
) -> None:
    (folder / "state.db.copy-1").write_bytes(b"")
    damage(folder)
    store = again()
    assert store.releases() == (RELEASE,)
    assert store.definition(VERSION.definition) == FILES
    assert (store.instances(), store.configuration(), store.medium_fingerprint("/media/one.iso")) == ((), None, None)
    if damage is not WHOLE["removed"]:
        assert "no good copy" in store.losses[0]


def test_what_a_newer_supervisor_wrote_is_left_alone(folder: Path) -> None:
    for name in ("state.db", "state.db.copy-1"):
        with closing(sqlite3.connect(folder / name, isolation_level=None)) as database:
            database.execute("PRAGMA user_version = 99")
    before = {place.name: place.read_bytes() for place in folder.glob("state.db*") if place.is_file()}
    with pytest.raises(StateError, match="its format 99 and its copy's are newer than this supervisor"):
        opened(folder)
    assert aside(folder) == []
    assert path_of(folder).read_bytes() == before["state.db"]


def test_others_use_the_store_while_a_copy_is_written(folder: Path, again: Callable[[], SqliteStore]) -> None:
    """What is committed before the copy ends is in it."""
    store, changes = again(), 200
    store.save_configuration(json.dumps({"large": "x" * 20_000_000}), ["c"])
    with ThreadPoolExecutor() as pool:
        copying = pool.submit(store.save_copy)
        slowest, number = 0.0, 0
        while not copying.done() or number < changes:
            began = time.monotonic()
            store.set_medium_fingerprint("/media/one.iso", str(number := number + 1))
            slowest = max(slowest, time.monotonic() - began)
        copying.result()
    assert slowest < 1.0
    store.save_copy()
    store.close()
    path_of(folder).unlink()
    assert again().medium_fingerprint("/media/one.iso") == str(number)


def test_nothing_of_the_store_is_mapped(folder: Path, again: Callable[[], SqliteStore]) -> None:
    """A disk that fails would end the process with SIGBUS where it reads a mapped file."""
    again().set_current_release("1.0")
    assert path_of(folder).with_name("state.db-wal").exists()
    assert not path_of(folder).with_name("state.db-shm").exists()
    assert str(folder) not in Path("/proc/self/maps").read_text(encoding="utf-8")


def test_a_store_that_another_supervisor_uses_is_no_damage(folder: Path, again: Callable[[], SqliteStore]) -> None:
    store = again()
    with pytest.raises(StateError, match="another process uses it"):
        opened(folder)
    assert aside(folder) == []
    assert is_whole(store)


def journal(folder: Path, content: bytes | None, name: str = "-wal") -> None:
    place = folder / f"state.db{name}"
    if content is None:
        place.unlink(missing_ok=True)
    else:
        place.write_bytes(content)


@pytest.mark.parametrize("content", [None, b"\xa5" * 50_000, b""], ids=["removed", "junk", "emptied"])
def test_newest_changes_that_went_with_the_write_ahead_log_come_from_the_copy(
    folder: Path, again: Callable[[], SqliteStore], content: bytes | None
) -> None:
    before = path_of(folder).read_bytes()
    with closing(opened(folder)) as store:
        store.save_configuration('{"secret": 2}', ["c"])
        store.save_copy()
    path_of(folder).write_bytes(before)
    journal(folder, content)
    store = again()
    assert store.configuration() == '{"secret": 2}'
    assert "its newest changes are gone" in store.losses[0]


def test_shared_memory_of_junk_is_made_anew(folder: Path, again: Callable[[], SqliteStore]) -> None:
    journal(folder, b"\xa5" * 32768, "-shm")
    store = again()
    assert (store.losses, is_whole(store)) == ((), True)


@pytest.mark.root
def test_modes_are_put_right(folder: Path, again: Callable[[], SqliteStore]) -> None:
    path_of(folder).chmod(0o444)
    store = again()
    store.set_pinned(ONE, False)
    assert stat.S_IMODE(path_of(folder).stat().st_mode) == 0o600
    assert stat.S_IMODE((folder / "state.db.copy-1").stat().st_mode) == 0o600


ROWS = {
    "instances": "UPDATE instances SET instance = '{\"service\": 7' WHERE service = 'one'",
    "instances, another's": "UPDATE instances SET instance = (SELECT instance FROM instances WHERE service = 'two')",
    "instances, state": "UPDATE instances SET state = 'odd' WHERE service = 'one'",
    "handovers": "UPDATE handovers SET handover = x'ff00'",
    "handovers, step": "UPDATE handovers SET handover = replace(handover, '\"index\": 0', '\"index\": 70')",
    "services": "UPDATE services SET desired = '[]' WHERE name = 'one'",
    "facts, confirmed": "UPDATE facts SET value = '[]' WHERE name = 'confirmed one'",
    "services, number": "UPDATE services SET last_generation = 'x' WHERE name = 'one'",
    "releases": "UPDATE releases SET services = '[1]'",
    "definitions": "UPDATE definitions SET content = x'00' WHERE path = 'manifest.yaml'",
    "bags": "UPDATE facts SET value = x'ff' WHERE name = 'bags'",
    "events": "UPDATE events SET time = 'noon'",
    "commands": "UPDATE commands SET identity = x'ff' WHERE rowid = 1",
}


@pytest.mark.parametrize("statement", ROWS.values(), ids=ROWS)
def test_one_row_costs_one_row_and_the_copy_has_it(
    folder: Path, again: Callable[[], SqliteStore], statement: str
) -> None:
    execute(folder, statement)
    store = again()
    assert is_whole(store)
    assert store.losses
    assert all(loss.startswith("cannot read a row of ") for loss in store.losses)
    assert len(aside(folder)) == 1
    assert again().losses == ()


@pytest.mark.parametrize("name", ["instances", "handovers", "services", "events"])
def test_one_row_costs_one_row_where_no_copy_has_it(folder: Path, again: Callable[[], SqliteStore], name: str) -> None:
    (folder / "state.db.copy-1").unlink()
    execute(folder, ROWS[name])
    store = again()
    assert store.configuration() == '{"secret": 1}'
    assert store.desired(TWO) == VERSION
    assert [one.service for one, _ in store.instances(TWO)] == [TWO]
    assert not store.awaits_configuration


def test_a_configuration_that_nobody_has_is_waited_for(folder: Path, again: Callable[[], SqliteStore]) -> None:
    (folder / "state.db.copy-1").unlink()
    execute(folder, ROWS["bags"])
    store = again()
    assert store.configuration() is None
    assert store.awaits_configuration
    store.await_configuration(None)
    assert not store.awaits_configuration


def test_two_copies_are_kept_and_the_older_gives_way(folder: Path, again: Callable[[], SqliteStore]) -> None:
    store = again()
    for number in (2, 3, 4):
        store.save_configuration(f'{{"secret": {number}}}', ())
        store.save_copy()
    for name, number in (("copy-1", 4), ("copy-2", 3)):
        place = folder / f"state.db.{name}"
        assert stat.S_IMODE(place.stat().st_mode) == 0o600
        with closing(sqlite3.connect(place)) as database:
            (bags,) = database.execute("SELECT value FROM facts WHERE name = 'bags'").fetchone()
        assert revealed(store._file.ring, BAGS, bags) == f'{{"secret": {number}}}'
    assert not (folder / "state.db.copy-new").exists()


def test_a_copy_that_cannot_be_written_leaves_those_before(folder: Path, again: Callable[[], SqliteStore]) -> None:
    before = (folder / "state.db.copy-1").read_bytes()
    store = again()
    (folder / "state.db.copy-new").mkdir()
    with pytest.raises(StateError, match="cannot copy"):
        store.save_copy()
    assert (folder / "state.db.copy-1").read_bytes() == before


def test_no_more_than_three_are_kept_aside(folder: Path, again: Callable[[], SqliteStore]) -> None:
    for _ in range(5):
        path_of(folder).write_bytes(b"junk" * 3000)
        again().close()
    assert len(aside(folder)) == 3


def test_a_first_start_is_no_damage(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path)) as store:
        assert store.losses == ()
        assert not store.awaits_configuration


def test_a_release_that_was_removed_stays_removed(folder: Path, again: Callable[[], SqliteStore]) -> None:
    again().remove_release("1.0")
    path_of(folder).unlink()
    (folder / "state.db.copy-1").unlink()
    assert again().releases() == ()
