"""No file of the state folder has a secret in clear, whatever happens; and nothing is lost because a key is missing."""

from __future__ import annotations

import json
import os
import resource
import shutil
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from io import BytesIO
from pathlib import Path

import pytest

from supervisor.edges.secret_keys import CredentialPlace, FilePlace
from supervisor.edges.store import KeyRing, SqliteStore
from supervisor.edges.store.copies import refuse_without_room
from supervisor.edges.store.sealed_files import is_sealed, open_file, seal_file
from supervisor.edges.store.sealing import key_id, keys_of, new_key, text_of
from supervisor.edges.store.secrets import STEP_ROWS
from supervisor.values.errors import SecretKeyError, StateError

SECRET = "correct-horse-battery"
MARK = "sha256:of-a-file-with-" + SECRET
BAGS = json.dumps({"vmpassword": {"10.1.1.5": SECRET}, "more": "x" * 100_000})
MANY = [f"{MARK} {number}" for number in range(2 * STEP_ROWS + 3)]


class Machine:
    """A state folder, and a key file elsewhere. `open` closes the store that was open before."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.state, self.key = folder, folder / "state", folder / "etc" / "the.key"
        self._open: SqliteStore | None = None

    def ring(self, **places: object) -> KeyRing:
        return KeyRing(FilePlace(self.key), **places)  # type: ignore[arg-type]

    def open(self, ring: KeyRing | None = None) -> SqliteStore:
        self.close()
        self._open = SqliteStore(self.state, ring or self.ring())
        return self._open

    def in_clear(self) -> SqliteStore:
        """The store as it was before anything was encrypted."""
        return self.open(KeyRing())

    def close(self) -> None:
        if self._open:
            self._open.close()
        self._open = None

    def with_secrets(self) -> list[str]:
        """Return the names of the files below the state folder that have the secret in them, byte for byte."""
        files = (path for path in self.state.rglob("*") if path.is_file())
        return sorted(path.name for path in files if SECRET.encode() in path.read_bytes())


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path)
    yield made
    made.close()


def settled(store: SqliteStore) -> SqliteStore:
    """The copies are written, as they are after a change, and what waits for them is done."""
    for _ in range(2):
        while store.renew_secrets():
            pass
        store.save_copy()
    store.renew_secrets()
    return store


# ---------------------------------------------------------------- from the first start on


def test_nothing_that_is_written_is_in_clear(machine: Machine) -> None:
    store = machine.open()
    store.save_configuration(BAGS, MANY)
    assert machine.with_secrets() == []  # the log too
    store.save_copy()
    store.save_configuration(BAGS.replace("10.1.1.5", "10.1.1.6"), [])
    settled(store)
    assert machine.with_secrets() == []
    assert store.secrets().is_encrypted
    assert (store.secrets().message, store.secrets().pending) == ("", "")
    again = machine.open()
    assert again.configuration() == BAGS.replace("10.1.1.5", "10.1.1.6")
    assert again.taken_commands() == frozenset(MANY)
    assert again.losses == ()


def test_the_first_start_makes_a_key_and_the_next_one_uses_it(machine: Machine) -> None:
    first = machine.open().secrets()
    assert stat.S_IMODE(machine.key.stat().st_mode) == 0o600
    assert (first.source, first.place, len(first.key)) == ("file", str(machine.key), 16)
    assert machine.open().secrets() == first


def test_without_a_key_by_choice_all_is_in_clear_and_that_is_said(machine: Machine) -> None:
    store = machine.in_clear()
    store.save_configuration(BAGS, MANY)
    assert machine.with_secrets() != []
    status = store.secrets()
    assert (status.source, status.is_encrypted, status.key, status.message) == ("none", False, "", "")
    assert not machine.key.exists()


# ---------------------------------------------------------------- from a version that stored in clear


def formerly(machine: Machine) -> None:
    """A state folder of a version that encrypted nothing: its log, copies, and what it laid aside have secrets."""
    store = machine.in_clear()
    store.save_configuration(BAGS, MANY)
    for _ in range(2):
        store.save_copy()
    aside = machine.state / "state.db.damaged-20250101T000000"
    shutil.copy(machine.state / "state.db.copy-1", aside)
    aside.with_name(aside.name + "-wal").write_bytes(b"a page with " + SECRET.encode())
    (machine.state / "state.db.damaged-20250102T000000").mkdir()  # a folder was in its place
    for leftover in ("new", "copy-new"):  # of a process that was killed
        shutil.copy(machine.state / "state.db.copy-1", machine.state / f"state.db.{leftover}")
    machine.close()
    state, log = machine.state / "state.db", machine.state / "state.db-wal"
    with closing(sqlite3.connect(state, isolation_level=None)) as database:
        database.execute("PRAGMA secure_delete=OFF")
        database.execute("CREATE TABLE formerly AS SELECT value FROM facts WHERE name = 'bags'")
        database.execute("DROP TABLE formerly")  # pages that are free and not empty
        database.execute("PRAGMA user_version = 1")
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("UPDATE facts SET value = replace(value, '10.1.1.5', '10.1.1.9') WHERE name = 'bags'")
        database.execute("UPDATE facts SET value = value + 1 WHERE name = 'serial'")
        for file in (state, log):  # as after a loss of power: the last change is in the log only
            shutil.copy(file, file.with_name(f"{file.name}~"))
    for file in (state, log):
        file.with_name(f"{file.name}~").replace(file)
    assert log.read_bytes().count(SECRET.encode()) > 0
    assert state.read_bytes().count(SECRET.encode()) > 1 + len(MANY)


def test_an_update_leaves_nothing_in_clear(machine: Machine) -> None:
    formerly(machine)
    store = machine.open()
    waiting = ["state.db.copy-1", "state.db.copy-2", "state.db.copy-new"]
    assert machine.with_secrets() == waiting  # until they are written again
    assert store.secrets().pending == "in clear until they are written again: state.db.copy-1, state.db.copy-2"
    assert not store.secrets().is_encrypted
    assert store.configuration() == BAGS.replace("10.1.1.5", "10.1.1.9")
    assert store.taken_commands() == frozenset(MANY)
    settled(store)
    assert machine.with_secrets() == []
    assert store.secrets().is_encrypted
    assert store.secrets().pending == ""
    assert store.losses == ()


def test_what_was_laid_aside_can_be_decrypted(machine: Machine) -> None:
    formerly(machine)
    before = (machine.state / "state.db.damaged-20250101T000000").read_bytes()
    machine.open()
    sealed = machine.state / "state.db.damaged-20250101T000000"
    assert stat.S_IMODE(sealed.stat().st_mode) == 0o600
    ring, content = machine.ring(), BytesIO()
    open_file(ring, sealed, content)
    assert content.getvalue() == before
    assert (machine.state / "state.db.damaged-20250101T000000-wal").exists()
    assert (machine.state / "state.db.damaged-20250102T000000").is_dir()


def test_an_update_that_is_killed_anywhere_goes_on(machine: Machine) -> None:
    """Each start does one more step than the one before it and then dies; the last one finds nothing to do."""
    formerly(machine)
    for steps in range(6):
        store = SqliteStore.__new__(SqliteStore)  # one that does not carry on by itself
        from supervisor.edges.store.state_file import StateFile  # noqa: PLC0415

        super(SqliteStore, store).__init__(StateFile(machine.state, machine.ring()))
        for _ in range(steps):
            store.renew_secrets()
        assert store.configuration() == BAGS.replace("10.1.1.5", "10.1.1.9")
        assert store.taken_commands() == frozenset(MANY)
        store.close()
    store = settled(machine.open())
    assert machine.with_secrets() == []
    assert store.taken_commands() == frozenset(MANY)


def test_a_key_that_cannot_be_made_is_named_and_what_is_stored_stays_readable(machine: Machine) -> None:
    formerly(machine)
    machine.key.parent.write_text("in its way")
    store = machine.open()
    assert store.secrets().message == f"cannot read keys from {machine.key}: Not a directory"
    assert store.configuration() == BAGS.replace("10.1.1.5", "10.1.1.9")
    with pytest.raises(SecretKeyError, match="cannot read keys from"):
        store.save_configuration("{}", [])  # nothing new is written in clear
    machine.key.parent.unlink()
    while store.renew_secrets():
        pass
    store.save_configuration(BAGS, [])
    assert (machine.state / "state.db").read_bytes().count(SECRET.encode()) == 0


# ---------------------------------------------------------------- a key that is gone


def filled(machine: Machine) -> SqliteStore:
    store = machine.open()
    store.save_configuration(BAGS, MANY)
    return settled(store)


def removed(machine: Machine) -> None:
    machine.key.unlink()


def another(machine: Machine) -> None:
    machine.key.write_text(text_of((new_key(),)))


def unreadable(machine: Machine) -> None:
    machine.key.chmod(0o644)


def junk(machine: Machine) -> None:
    machine.key.write_text("junk\n")


LOST = {
    "removed": (removed, "no key is in {key}"),
    "another": (another, " is in {key}"),
    "others may read it": (unreadable, "cannot read keys from {key}: its mode is 0644: others may read or write it"),
    "junk": (junk, "cannot use keys of {key}: line 1 is not 32 bytes in Base64"),
}
each_loss = pytest.mark.parametrize(("lose", "reason"), LOST.values(), ids=LOST)


@each_loss
def test_without_its_key_nothing_is_read_and_nothing_replaced(
    machine: Machine, lose: Callable[[Machine], None], reason: str
) -> None:
    key = filled(machine).secrets().key
    machine.close()
    good, before = machine.key.read_bytes(), machine.key.stat().st_mode
    lose(machine)
    held = machine.key.read_bytes() if machine.key.exists() else None
    store = machine.open()
    assert store.losses == ()
    message = store.secrets().message
    assert message.startswith(f"cannot decrypt what is stored: key {key} is missing; ")
    assert reason.format(key=machine.key) in message
    for call in (store.configuration, store.taken_commands, lambda: store.save_configuration("{}", ["x"])):
        with pytest.raises(SecretKeyError, match=f"key {key} is missing"):
            call()
    assert store.has_configuration
    store.save_copy()
    store.save_copy()  # what nobody can read is copied as it is
    assert (machine.key.read_bytes() if machine.key.exists() else None) == held  # no new key over the old one
    machine.key.write_bytes(good)  # the same process goes on when it is back
    machine.key.chmod(before)
    assert store.configuration() == BAGS
    assert store.taken_commands() == frozenset(MANY)
    store.renew_secrets()
    assert store.secrets().message == ""


@each_loss
def test_an_operator_may_go_on_without(machine: Machine, lose: Callable[[Machine], None], reason: str) -> None:
    filled(machine)
    machine.close()
    lose(machine)
    store = machine.open()
    if "cannot" in reason:  # what is there may be the key, for all we know
        with pytest.raises(SecretKeyError, match=r"cannot (read|use) keys"):
            store.abandon_secrets(7.0)
        assert store.has_configuration
        machine.key.unlink()
    place = machine.state / store.abandon_secrets(7.0)
    assert (store.configuration(), store.taken_commands(), store.configuration_lost) == (None, frozenset(), 7.0)
    assert store.secrets().message == ""
    store.save_configuration("{}", ["new"])
    assert machine.open().configuration() == "{}"
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    with closing(sqlite3.connect(place)) as database:
        (stored,) = database.execute("SELECT value FROM facts WHERE name = 'bags'").fetchone()
    assert key_id(stored) is not None


def test_a_former_place_that_is_gone_too_does_not_keep_anybody_from_going_on(machine: Machine, tmp_path: Path) -> None:
    filled(machine)
    gone = CredentialPlace("gone", None)
    store = machine.open(KeyRing(FilePlace(tmp_path / "fresh"), former=gone))
    assert "cannot read credential gone" in store.secrets().message
    store.abandon_secrets(7.0)
    store.save_configuration("{}", [])
    assert (tmp_path / "fresh").exists()
    assert store.secrets().message == ""


def test_what_was_abandoned_is_whole_again_with_its_key(machine: Machine) -> None:
    filled(machine)
    machine.close()
    shutil.copy(machine.key, machine.folder / "spare")
    machine.key.unlink()
    place = machine.state / machine.open().abandon_secrets(7.0)
    machine.close()
    machine.key.write_bytes((machine.folder / "spare").read_bytes())
    for old in (*machine.state.glob("state.db"), *machine.state.glob("state.db.copy-*")):
        old.unlink()
    place.rename(machine.state / "state.db")
    store = machine.open()
    assert store.configuration() == BAGS
    assert store.taken_commands() == frozenset(MANY)


def test_what_cannot_be_laid_aside_is_not_abandoned_and_no_part_of_it_stays(machine: Machine) -> None:
    filled(machine)
    machine.close()
    removed(machine)
    store = machine.open()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16 << 10, before[1]))
    try:
        with pytest.raises(StateError, match="cannot copy"):
            store.abandon_secrets(7.0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(machine.state.glob("state.db.abandoned-*")) == []
    assert store.has_configuration


def test_nothing_is_abandoned_that_can_be_read(machine: Machine) -> None:
    store = filled(machine)
    with pytest.raises(SecretKeyError, match="all of them can be decrypted"):
        store.abandon_secrets(7.0)
    assert store.configuration() == BAGS


def test_a_key_file_that_goes_while_the_supervisor_runs_is_named_and_can_be_written_again(machine: Machine) -> None:
    store = filled(machine)
    machine.key.unlink()
    assert store.secrets().message.startswith(f"{machine.key} is gone: restore it")
    assert store.configuration() == BAGS
    store.save_configuration("{}", [])
    store.rotate_key()
    settled(store)
    assert store.secrets().message == ""
    assert machine.open().configuration() == "{}"


def test_another_key_that_takes_its_place_while_the_supervisor_runs_costs_nothing(machine: Machine) -> None:
    """Rows need the key that only this process has then: a change of the key writes it down again."""
    store = filled(machine)
    former, other = store.secrets().key, new_key()
    machine.key.write_text(text_of((other,)))
    fresh = store.rotate_key()
    assert [key.id.hex() for key in keys_of(machine.key.read_text(), "")] == [fresh, other.id.hex(), former]
    assert (store.configuration(), store.secrets().message) == (BAGS, "")
    settled(store)
    assert [key.id.hex() for key in keys_of(machine.key.read_text(), "")] == [fresh]
    assert store.secrets().former == ()
    assert machine.open().configuration() == BAGS


# ---------------------------------------------------------------- another key


def test_a_new_key_replaces_the_former_one_everywhere(machine: Machine) -> None:
    store = filled(machine)
    former = store.secrets().key
    fresh = store.rotate_key()
    assert fresh != former
    while store.renew_secrets():
        pass
    assert (store.secrets().key, store.secrets().former) == (fresh, (former,))
    assert store.secrets().pending == f"key {former} is still needed for state.db.copy-1, state.db.copy-2"
    assert (store.configuration(), store.taken_commands()) == (BAGS, frozenset(MANY))
    settled(store)
    assert (store.secrets().key, store.secrets().former, store.secrets().pending) == (fresh, (), "")
    (key,) = keys_of(machine.key.read_text(), "")
    assert key.id.hex() == fresh
    store.erase_replaced()
    assert [path.name for path in machine.state.rglob("*") if bytes.fromhex(former) in content_of(path)] == []
    assert machine.open().configuration() == BAGS


def content_of(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


def test_a_change_of_the_key_that_is_killed_goes_on(machine: Machine) -> None:
    """After each number of steps the process ends: key file and rows are of two keys, and both are there."""
    filled(machine)
    for steps in range(5):
        store = machine.open()
        store.rotate_key()
        for _ in range(steps):
            store.renew_secrets()
        store = machine.open()
        assert (store.configuration(), store.taken_commands()) == (BAGS, frozenset(MANY))
        assert store.secrets().message == ""
    settled(store)
    assert store.secrets().former == ()
    assert store.secrets().pending == ""


def test_a_row_that_is_saved_with_the_new_key_before_the_old_one_was_written_anew(machine: Machine) -> None:
    store = filled(machine)
    store.rotate_key()
    store.save_configuration(BAGS, MANY[:5])
    while store.renew_secrets():
        pass
    assert store.taken_commands() == frozenset(MANY)
    assert len(store._file.rows("SELECT 1 FROM commands")) == len(MANY)
    assert [row for (row,) in store._file.rows("SELECT typeof(identity) FROM commands GROUP BY 1")] == ["blob"]


class BusyPlace(FilePlace):
    """A copy of the store is written, once, between a look at the files beside it and what follows from that."""

    meanwhile: Callable[[], None] | None = None

    @property
    def is_writable(self) -> bool:  # type: ignore[override]  # asked before a key is forgotten
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile:
            meanwhile()
        return True


def test_copies_that_are_written_while_a_key_is_forgotten_are_looked_at_again(machine: Machine) -> None:
    place = BusyPlace(machine.key)
    store = machine.open(KeyRing(place))
    store.save_configuration(BAGS, [])
    settled(store)
    for _ in range(2):  # three keys: rows have the newest, a copy each of the others
        store.rotate_key()
        while store.renew_secrets():
            pass
        store.save_copy()
    place.meanwhile = store.save_copy
    for _ in range(2):
        store.renew_secrets()
    assert place.meanwhile is None
    assert (store.secrets().former, store.secrets().pending) == ((), "")


def test_a_key_that_a_file_laid_aside_needs_is_not_forgotten(machine: Machine) -> None:
    formerly(machine)
    store = settled(machine.open())
    former = store.secrets().key
    store.rotate_key()
    settled(store)
    assert store.secrets().former == (former,)
    assert store.secrets().pending.startswith(f"key {former} is still needed for state.db.damaged-20250101T000000")
    for path in filter(Path.is_file, machine.state.glob("state.db.damaged-*")):
        open_file(machine.ring(), path, BytesIO())
        path.unlink()
    store.renew_secrets()
    assert (store.secrets().former, store.secrets().pending) == ((), "")


def test_a_credential_changes_by_its_operator(machine: Machine, tmp_path: Path) -> None:
    """The new key first, the former one below: everything is encrypted with the new one, then the former may go."""
    folder = tmp_path / "credentials"
    folder.mkdir()
    old, new = new_key(), new_key()

    def ring() -> KeyRing:
        return KeyRing(CredentialPlace("vr", str(folder)))

    (folder / "vr").write_text(old.line)
    store = machine.open(ring())
    store.save_configuration(BAGS, MANY)
    settled(store)
    with pytest.raises(SecretKeyError, match="credential vr is not ours"):
        store.rotate_key()
    (folder / "vr").write_text(f"{new.line}\n{old.line}\n")
    store = machine.open(ring())
    settled(store)
    assert (store.secrets().key, store.secrets().former) == (new.id.hex(), (old.id.hex(),))
    assert store.secrets().pending == ""
    (folder / "vr").write_text(new.line)
    store = machine.open(ring())
    assert (store.configuration(), store.secrets().former, store.secrets().message) == (BAGS, (), "")


def test_a_missing_credential_makes_no_key(machine: Machine, tmp_path: Path) -> None:
    store = machine.open(KeyRing(CredentialPlace("vr", str(tmp_path / "none"))))
    assert "cannot read credential vr" in store.secrets().message
    with pytest.raises(SecretKeyError, match="cannot read credential vr"):
        store.save_configuration(BAGS, [])
    assert machine.with_secrets() == []


def test_keys_move_to_another_place_and_secrets_back_into_the_clear(machine: Machine, tmp_path: Path) -> None:
    filled(machine)
    elsewhere = FilePlace(tmp_path / "elsewhere")
    store = settled(machine.open(KeyRing(elsewhere, former=FilePlace(machine.key))))
    assert store.configuration() == BAGS
    assert store.secrets().pending == ""
    before = (tmp_path / "elsewhere").stat()
    store.save_configuration(BAGS, [])
    settled(store)
    assert (tmp_path / "elsewhere").stat() == before  # written once, however long the former place is named
    machine.key.unlink()
    assert machine.open(KeyRing(elsewhere)).taken_commands() == frozenset(MANY)
    store = machine.open(KeyRing(None, former=elsewhere))
    assert store.configuration() == BAGS
    assert store.secrets().source == "none"
    with pytest.raises(SecretKeyError, match="cannot change keys: secrets are stored in clear"):
        store.rotate_key()
    store = machine.in_clear()
    assert (store.configuration(), store.secrets().message) == (BAGS, "")


def test_switched_off_without_the_key_it_is_named(machine: Machine) -> None:
    key = filled(machine).secrets().key
    store = machine.in_clear()
    expected = f"cannot decrypt what is stored: key {key} is missing, and the settings name no place of keys"
    assert store.secrets().message == expected
    with pytest.raises(SecretKeyError, match="the settings name no place of keys"):
        store.save_configuration("{}", [])


# ---------------------------------------------------------------- damage


def change(machine: Machine, statement: str, *values: object, copies: bool = False) -> None:
    names = ("state.db", "state.db.copy-1", "state.db.copy-2") if copies else ("state.db",)
    for name in names:
        with closing(sqlite3.connect(machine.state / name, isolation_level=None)) as database:
            database.execute(statement, values)


FLIPPED = (
    "UPDATE facts SET value = CAST(substr(value, 1, 200) || x'00' || substr(value, 202) AS BLOB) WHERE name = 'bags'"
)


def test_an_encrypted_value_that_was_changed_is_taken_from_a_copy(machine: Machine) -> None:
    filled(machine)
    machine.close()
    change(machine, FLIPPED)
    store = machine.open()
    assert store.configuration() == BAGS
    (loss,) = store.losses
    assert "facts bags" in loss
    assert "was changed since it was encrypted" in loss
    assert machine.with_secrets() == []


def test_changed_everywhere_it_is_lost_and_waited_for(machine: Machine) -> None:
    filled(machine)
    machine.close()
    change(machine, FLIPPED, copies=True)
    store = machine.open()
    assert store.configuration() is None
    assert store.awaits_configuration


def test_values_cannot_be_exchanged(machine: Machine) -> None:
    filled(machine)
    machine.close()
    change(machine, "UPDATE facts SET value = (SELECT identity FROM commands LIMIT 1) WHERE name = 'bags'")
    store = machine.open()
    assert store.configuration() == BAGS  # of the copy
    assert len(store.losses) == 1


def test_without_the_key_nobody_can_tell_and_nothing_is_taken_for_damage(machine: Machine) -> None:
    filled(machine)
    machine.close()
    change(machine, FLIPPED)
    machine.key.rename(machine.folder / "away")
    assert machine.open().losses == ()
    (machine.folder / "away").rename(machine.key)
    assert len(machine.open().losses) == 1


def test_what_is_laid_aside_now_is_encrypted_at_once(machine: Machine) -> None:
    filled(machine)
    machine.close()
    (machine.state / "state.db").write_bytes(b"junk" * 5000)
    store = machine.open()
    assert store.configuration() == BAGS
    (aside,) = machine.state.glob("state.db.damaged-*")
    assert aside.name in store.losses[0]
    assert b"junk" not in aside.read_bytes()
    content = BytesIO()
    ring = machine.ring()
    open_file(ring, aside, content)
    assert content.getvalue() == b"junk" * 5000


def test_three_of_them_are_kept_with_their_logs(machine: Machine) -> None:
    filled(machine)
    for _ in range(5):
        machine.close()
        (machine.state / "state.db").write_bytes(b"junk" * 5000)
        machine.open()
    assert len(list(machine.state.glob("state.db.damaged-*"))) == 3


# ---------------------------------------------------------------- whole files


@pytest.mark.parametrize("size", [0, 1, 1 << 20, (1 << 20) + 1, 3 << 20])
def test_a_file_is_encrypted_whole(tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    (tmp_path / "file").write_bytes(content)
    FilePlace(tmp_path / "the.key").create(text_of((key := new_key(),)))
    assert not is_sealed(tmp_path / "file")
    seal_file(key, tmp_path / "file")
    assert is_sealed(tmp_path / "file")
    assert sorted(os.listdir(tmp_path)) == ["file", "the.key"]
    again = BytesIO()
    open_file(KeyRing(FilePlace(tmp_path / "the.key")), tmp_path / "file", again)
    assert again.getvalue() == content


@pytest.mark.parametrize("end", [-1, -(1 << 20) - 200, 60, 40, 28])
def test_a_file_that_ends_early_is_refused(tmp_path: Path, end: int) -> None:
    (tmp_path / "file").write_bytes(os.urandom(2 << 20))
    FilePlace(tmp_path / "the.key").create(text_of((key := new_key(),)))
    seal_file(key, sealed := tmp_path / "file")
    sealed.write_bytes(sealed.read_bytes()[:end])
    with pytest.raises(StateError, match="it was changed, or is not whole"):
        open_file(KeyRing(FilePlace(tmp_path / "the.key")), sealed, BytesIO())


@pytest.fixture
def small_disk() -> Iterator[None]:
    """No file may become larger than 1 MiB: what is written beyond that fails, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_file_that_cannot_be_encrypted_for_want_of_room_stays_and_nothing_is_beside_it(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """What is tried again must not keep the disk full meanwhile: the state of services is on it."""
    (tmp_path / "file").write_bytes(content := os.urandom(2 << 20))
    request.getfixturevalue("small_disk")
    with pytest.raises(OSError, match="File too large"):
        seal_file(new_key(), tmp_path / "file")
    assert (os.listdir(tmp_path), (tmp_path / "file").read_bytes()) == (["file"], content)


def test_nothing_is_written_whole_on_a_disk_without_room() -> None:
    with pytest.raises(StateError, match="cannot encrypt it: less than the 16 MiB that are needed are free"):
        refuse_without_room(Path("/proc/self/status"), "encrypt it")  # of a file system that has no room at all


# ---------------------------------------------------------------- all at once


def test_the_key_changes_while_others_write_and_copies_are_made(machine: Machine) -> None:
    store = machine.open()
    ends, written = time.monotonic() + 2.0, [0]

    def write() -> None:
        while time.monotonic() < ends:
            written[0] += 1
            store.save_configuration(f"{SECRET} {written[0]}", [f"{MARK} {written[0]}"])
            assert store.configuration() == f"{SECRET} {written[0]}"

    def copy() -> None:
        while time.monotonic() < ends:
            store.save_copy()

    def rotate() -> int:
        turns = 0
        while time.monotonic() < ends:
            store.rotate_key()
            while store.renew_secrets():
                pass
            assert store.secrets().message == ""
            turns += 1
        return turns

    with ThreadPoolExecutor() as pool:
        writing, copying, rotating = pool.submit(write), pool.submit(copy), pool.submit(rotate)
        assert rotating.result() > 3
        writing.result()
        copying.result()
    store = settled(machine.open())
    assert store.losses == ()
    assert store.configuration() == f"{SECRET} {written[0]}"
    assert store.taken_commands() == {f"{MARK} {number}" for number in range(1, written[0] + 1)}
    assert store.secrets().former == ()
    assert machine.with_secrets() == []


KILLED = """
import sys
from pathlib import Path
from supervisor.edges.secret_keys import FilePlace
from supervisor.edges.store import KeyRing, SqliteStore
store = SqliteStore(Path(sys.argv[1]), KeyRing(FilePlace(Path(sys.argv[2]))))
number = int(sys.argv[3])
while True:
    number += 1
    store.save_configuration(f"configuration {number}", [f"command {number}"])
    print(number, flush=True)
    store.rotate_key()
    while store.renew_secrets():
        pass
    store.save_copy()
"""


def test_a_process_that_is_killed_at_any_moment_loses_nothing(machine: Machine) -> None:
    last = 0
    for turn in range(12):
        command = [sys.executable, "-c", KILLED, str(machine.state), str(machine.key), str(last)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            first = process.stdout.readline()
            time.sleep(0.017 * turn)
            process.kill()
            last = int(([first, *process.stdout.readlines()])[-1])
        store = machine.open()
        assert store.losses == ()
        assert store.secrets().message == ""
        text = store.configuration()
        assert text in (f"configuration {last}", f"configuration {last + 1}")
        last = int(text.split()[1])
        assert {f"command {number}" for number in range(1, last + 1)} == store.taken_commands()
        machine.close()
