"""What a router keeps of trust: it outlives the supervisor, never goes back, and damage to it is said."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from supervisor.edges.trust.documents import read_root
from supervisor.edges.trust.papers import Papers
from supervisor.edges.trust.store import TrustStore
from supervisor.values.errors import RequestError, RootGapError, StateError, TrustError, UntrustedRootError
from supervisor.values.names import Digest
from supervisor.values.trust import Judgement, Offer, Root, Signing
from tests.kit.simulation.signed import Makers
from tests.unit.trust.conftest import NOW


class Place:
    """A folder of keys and a state folder."""

    def __init__(self, folder: Path, makers: Makers) -> None:
        self.keys, self.state, self.makers, self.folder = folder / "trusted.d", folder / "state", makers, folder
        self.keys.mkdir()

    def store(self) -> TrustStore:
        return TrustStore(self.keys, self.state, lambda: NOW)

    def plain(self, *names: str) -> None:
        for name in names:
            (self.keys / f"{name}.pub").write_bytes(self.makers.public(name).read_bytes())

    def roots(self, count: int) -> list[bytes]:
        """Root documents 1 to `count`, by carol."""
        made = [self.makers.root(["alice"], ["carol"])]
        while len(made) < count:
            made.append(self.makers.root(["alice"], ["carol"], former=made[-1]))
        return made

    def written(self, name: str, content: bytes) -> str:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        return str(path)


@pytest.fixture
def place(tmp_path: Path, makers: Makers) -> Place:
    return Place(tmp_path, makers)


NOTHING = Papers(b"{}", b"x" * 64, None, None, (), lambda _: b"")


# ---------------------------------------------------------------- the folder of keys


def test_a_folder_of_plain_keys_is_the_root_of_version_0(place: Place) -> None:
    place.plain("alice", "bob")
    (place.keys / "notes.pub").write_text("no key")
    root = place.store().state().root
    assert (root.version, root.root.threshold, root.release.threshold) == (0, 1, 1)
    assert {key.name for key in root.release.keys} == {"alice.pub", "bob.pub"} == {key.name for key in root.root.keys}


def test_no_folder_is_no_key(place: Place) -> None:
    place.keys.rmdir()
    state = place.store().state()
    assert (state.root.keys, state.fault) == ((), "")


def test_a_key_that_comes_or_goes_is_noticed(place: Place) -> None:
    store = place.store()
    assert store.state().root.keys == ()
    place.plain("alice")
    assert [key.name for key in store.state().root.keys] == ["alice.pub"]
    (place.keys / "alice.pub").unlink()
    assert store.state().root.keys == ()


@pytest.mark.parametrize("mode", [0o777, 0o775, 0o1777, 0o722])
def test_a_folder_that_others_may_write_to_is_refused_with_mode_and_owner(place: Place, mode: int) -> None:
    place.plain("alice")
    place.keys.chmod(mode)
    fault = place.store().state().fault
    assert fault.startswith(f"cannot trust the keys in {place.keys}: others may write to it (mode {mode:04o}, owner")
    with pytest.raises(TrustError, match="others may write to it"):
        place.store().judge("/x.iso", NOTHING)


@pytest.mark.parametrize("name", ["alice.pub", "root.json"])
def test_a_file_that_others_may_write_to_is_refused_with_mode_and_owner(place: Place, name: str) -> None:
    place.plain("alice")
    (place.keys / "root.json").write_bytes(place.roots(1)[0])
    (place.keys / name).chmod(0o666)
    assert f"{place.keys / name}: others may write to it (mode 0666, owner" in place.store().state().fault


def test_a_folder_that_could_be_exchanged_is_refused(place: Place) -> None:
    place.plain("alice")
    place.folder.chmod(0o777)
    assert f"everybody may write to {place.folder} (mode 0777" in place.store().state().fault
    place.folder.chmod(0o1777)
    assert place.store().state().fault == "", "sticky, as /tmp is"


@pytest.mark.root
def test_a_folder_of_somebody_else_is_refused_with_the_owner(place: Place) -> None:
    place.plain("alice")
    os.chown(place.keys / "alice.pub", 1234, 0)
    assert "its owner is user 1234, not root (mode 0644)" in place.store().state().fault


def test_a_link_is_judged_by_what_it_means(place: Place) -> None:
    place.plain("alice")
    elsewhere = place.folder / "elsewhere.pub"
    (place.keys / "alice.pub").rename(elsewhere)
    (place.keys / "alice.pub").symlink_to(elsewhere)
    assert [key.name for key in place.store().state().root.keys] == ["alice.pub"]
    elsewhere.chmod(0o666)
    assert f"{elsewhere}: others may write to it" in place.store().state().fault


# ---------------------------------------------------------------- roots


def test_the_root_in_the_folder_is_kept_from_the_first_time_on(place: Place) -> None:
    first, second = place.roots(2)
    (place.keys / "root.json").write_bytes(second)
    assert place.store().state().root.version == 2
    (place.keys / "root.json").write_bytes(first)
    assert place.store().state().root.version == 2, "it never goes back"
    (place.keys / "root.json").unlink()
    assert place.store().state().root.version == 2
    mode = stat.S_IMODE((place.state / "trust/root/2.json").stat().st_mode)
    assert mode == 0o600


def test_the_next_root_in_the_folder_is_followed_and_a_later_one_is_noted(place: Place) -> None:
    first, second, _, fourth = place.roots(4)
    (place.keys / "root.json").write_bytes(first)
    store = place.store()
    assert store.state().root.version == 1
    (place.keys / "root.json").write_bytes(second)
    assert store.state().root.version == 2
    (place.keys / "root.json").write_bytes(fourth)
    state = store.state()
    assert state.root.version == 2
    assert "root 4 does not follow root 2, which is trusted here: root 3 is missing" in state.notes[0]


def test_another_root_of_the_same_number_in_the_folder_is_noted(place: Place) -> None:
    """Somebody began anew and did not remove what the router keeps: that the new one does not count is said."""
    (place.keys / "root.json").write_bytes(place.roots(1)[0])
    store = place.store()
    assert store.state().notes == ()
    (place.keys / "root.json").write_bytes(place.makers.root(["bob"], ["dave"], root_keys=["dave"]))
    state = store.state()
    assert [key.name for key in state.root.release.keys] == ["alice"]
    assert state.notes == (f"cannot trust {place.keys / 'root.json'}: root 1 of this router says something else",)


def test_an_operator_follows_roots_from_a_folder(place: Place) -> None:
    first, second, third = place.roots(3)
    (place.keys / "root.json").write_bytes(first)
    store = place.store()
    for number, content in enumerate((first, second, third), 1):
        place.written(f"all/{number}.json", content)
    told = store.rotate(str(place.folder / "all"))
    assert told == tuple(f"root {number} is trusted, from {place.folder / 'all'}" for number in (2, 3))
    with pytest.raises(UntrustedRootError, match="there is no root after 3"):
        store.rotate(str(place.folder / "all"))
    with pytest.raises(RootGapError, match="root 2 does not follow root 3"):
        store.rotate(str(place.folder / "all/2.json"))
    with pytest.raises(UntrustedRootError, match="No such file"):
        store.rotate(str(place.folder / "none"))
    os.mkfifo(place.folder / "pipe")
    with pytest.raises(UntrustedRootError, match="it is no file"):
        store.rotate(str(place.folder / "pipe"))


def test_a_gap_in_a_folder_changes_nothing(place: Place) -> None:
    first, second, _, fourth = place.roots(4)
    (place.keys / "root.json").write_bytes(first)
    store = place.store()
    store.state()
    for number, content in ((2, second), (4, fourth)):
        place.written(f"all/{number}.json", content)
    with pytest.raises(RootGapError, match="root 4 does not follow root 2, which is trusted here: root 3 is missing"):
        store.rotate(str(place.folder / "all"))
    assert store.state().root.version == 1


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def forged(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"threshold": 1', b'"threshold": 2', 1))


@pytest.mark.parametrize("damage", [cut, empty, forged])
def test_a_damaged_newest_root_lets_nothing_in_until_it_is_put_back(
    place: Place, damage: Callable[[Path], None]
) -> None:
    first, second = place.roots(2)
    (place.keys / "root.json").write_bytes(first)
    store = place.store()
    path = place.written("2.json", second)
    store.rotate(path)
    damage(place.state / "trust/root/2.json")
    store = place.store()
    assert store.state().fault.startswith(f"cannot trust {place.state}/trust/root/2.json: ")
    with pytest.raises(TrustError, match="vrctl trust rotate PATH"):
        store.judge("/x.iso", NOTHING)
    store.rotate(path)
    assert (store.state().fault, store.state().root.version) == ("", 2)


def test_of_two_media_that_are_judged_at_once_one_leads_on(place: Place) -> None:
    """Each has a good root 2 of its own: what was kept first is not written over by the second."""
    first, second, third = place.roots(3)
    other = place.makers.root(["bob"], ["carol"], former=first)
    (place.keys / "root.json").write_bytes(first)
    store = place.store()
    signing = Signing(2, (), 0)
    judged = [
        Judgement(signing, read_root("2", second).facts, ((2, second),)),
        Judgement(signing, read_root("2", other).facts, ((2, other),)),
        Judgement(signing, read_root("3", third).facts, ((2, second), (3, third))),
    ]
    assert store.keep(judged[0], "a.iso") == ("root 2 is trusted, from a.iso",)
    assert store.keep(judged[1], "b.iso") == ()
    assert (place.state / "trust/root/2.json").read_bytes() == second
    assert store.keep(judged[2], "c.iso") == ("root 3 is trusted, from c.iso",)
    assert store.keep(judged[2], "c.iso") == ()


def test_a_damaged_former_root_is_no_harm(place: Place) -> None:
    first, second = place.roots(2)
    (place.keys / "root.json").write_bytes(first)
    store = place.store()
    store.rotate(place.written("2.json", second))
    cut(place.state / "trust/root/1.json")
    state = place.store().state()
    assert (state.fault, state.root.version) == ("", 2)


# ---------------------------------------------------------------- revocations and what else is remembered


def test_a_revocation_outlives_the_supervisor_and_stays_as_it_was(place: Place) -> None:
    place.plain("alice", "bob")
    first = place.store().revoke("alice.pub", "stolen")
    again = place.store().revoke(first.key.id[:8], "another reason")
    assert again == first == place.store().state().revoked[0]
    assert (first.reason, first.source, first.time) == ("stolen", "operator", NOW)


@pytest.mark.parametrize(("text", "problem"), [("mallory", "no key is called that"), ("ab", "no key is called that")])
def test_a_key_that_nobody_has_is_not_revoked(place: Place, text: str, problem: str) -> None:
    place.plain("alice")
    with pytest.raises(RequestError, match=rf"cannot find key {text}: {problem} \(known: alice.pub \("):
        place.store().revoke(text, "")


def offer(number: str, minimum: str | None, signing: Signing) -> Offer:
    return Offer(number, "2026-01-01T00:00:00Z", Digest("sha256:1"), Judgement(signing, Root()), minimum)


def test_floors_and_contents_outlive_the_supervisor(place: Place) -> None:
    place.plain("alice")
    store = place.store()
    signing = Signing(0, store.state().root.release.keys, 1, 5.0)
    store.note(offer("2.0", "1.5", signing))
    state = place.store().state()
    assert [(floor.release, floor.signing) for floor in state.floors] == [("1.5", signing)]
    assert [(seen.release, seen.content) for seen in state.seen] == [("2.0", "sha256:1")]


def test_a_damaged_memory_lets_nothing_in_and_is_laid_aside(place: Place) -> None:
    place.plain("alice", "bob")
    place.store().revoke("alice.pub", "stolen")
    cut(place.state / "trust/trust.json")
    store = place.store()
    assert "what was revoked is not known any more" in store.state().fault
    with pytest.raises(TrustError, match="is damaged"):
        store.judge("/x.iso", NOTHING)
    store.revoke("alice.pub", "stolen")
    assert store.state().fault == ""
    assert (place.state / f"trust/trust.json.damaged-{NOW:.0f}").exists(), "nothing is lost"


def test_what_cannot_be_written_changes_nothing(place: Place) -> None:
    place.plain("alice")
    store = place.store()
    place.state.write_text("no folder")
    with pytest.raises(StateError, match=r"cannot write .*trust.json"):
        store.revoke("alice.pub", "stolen")
    assert store.state().revoked == ()
