"""The table of docs/trust.md: what happens when keys are rotated, revoked, expired or stolen. A row is a test.

The loop, its store and the trust of the router are real; media are in memory, and their signatures are real too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from supervisor.decisions.doubt import text_of
from supervisor.loop.releases.media_queue import MediaQueue
from supervisor.values.errors import RequestError
from supervisor.values.settings import Settings
from tests.kit.fakes.media import FakeMediaWatch
from tests.kit.simulation.machine import Behaviour
from tests.kit.simulation.router import simulated_router
from tests.kit.simulation.samples import image
from tests.kit.simulation.signed import DAY, SERVICE, TrustingRouter


@pytest.fixture
def router(tmp_path: Path) -> Iterator[TrustingRouter]:
    with simulated_router() as made:
        yield TrustingRouter(made, tmp_path)


@pytest.fixture
def plain(router: TrustingRouter) -> TrustingRouter:
    """A router of the former way: alice's key lies in the folder, and release 1.0 by her runs."""
    router.trust_plain("alice")
    router.boot()
    assert "imported" in router.take_in(router.medium("1.0", ["alice"], is_plain=True))
    router.router.supervisor.settle()
    assert router.runs == "1.0"
    return router


@pytest.fixture
def rooted(router: TrustingRouter) -> TrustingRouter:
    """A router that trusts root 1: carol for roots, alice for releases; release 1.0 runs."""
    return running(router, router.makers.root(["alice"], ["carol"]), ["alice"])


@pytest.fixture
def two_of_three(router: TrustingRouter) -> TrustingRouter:
    """A router that trusts root 1: two of alice, bob and carol for roots and for releases; release 1.0 runs."""
    people = ("alice", "bob", "carol")
    root = router.makers.root(people, ["alice", "bob"], root_keys=people, thresholds=(2, 2))
    return running(router, root, ["alice", "carol"])


def running(router: TrustingRouter, root: bytes, by: list[str]) -> TrustingRouter:
    router.anchor(root)
    router.boot()
    assert "imported" in router.take_in(router.medium("1.0", by))
    router.router.supervisor.settle()
    assert router.runs == "1.0"
    return router


def root_of(router: TrustingRouter, version: int = 1) -> bytes:
    return (router.state / "trust/root" / f"{version}.json").read_bytes()


# ---------------------------------------------------------------- the former way


def test_plain_keys_go_on_as_before(plain: TrustingRouter) -> None:
    assert "release 2.0 is imported" in plain.take_in(plain.medium("2.0", ["alice"], is_plain=True))
    assert plain.swap() == ""
    assert plain.runs == "2.0"
    (status,) = [one for one in plain.router.supervisor.supervision.releases() if one.release == "2.0"]
    assert status.signed_by == ("alice.pub",)


def test_plain_keys_a_stranger_is_refused(plain: TrustingRouter) -> None:
    said = plain.take_in(plain.medium("2.0", ["bob"], is_plain=True))
    assert "no trusted key made its signature (tried alice.pub)" in said
    assert "2.0" not in plain.releases


def test_plain_keys_a_key_that_is_taken_away_marks_what_it_signed(plain: TrustingRouter) -> None:
    plain.trust_plain("bob")
    (plain.keys / "alice.pub").unlink()
    assert plain.releases["1.0"] == "it was signed by alice.pub, which root 0 does not name"
    assert "release 1.0 is in doubt" in plain.message
    assert plain.runs == "1.0"


def test_plain_keys_are_the_root_of_version_0_and_lead_to_root_1(plain: TrustingRouter) -> None:
    root = plain.makers.root(["bob"], ["alice", "carol"])
    assert "imported" in plain.take_in(plain.medium("2.0", ["bob"], roots={1: root}))
    assert plain.store.state().root.version == 1
    assert "root 1 asks for one" in plain.take_in(plain.medium("3.0", ["alice"], is_plain=True))


def test_plain_keys_a_root_that_none_of_them_signed_is_refused(plain: TrustingRouter) -> None:
    said = plain.take_in(plain.medium("2.0", ["bob"], roots={1: plain.makers.root(["bob"], ["carol"])}))
    assert said == "cannot trust root/1.json on /media/x.iso: 0 of 1 signatures that root 0 asks for are there"
    assert plain.store.state().root.version == 0


def test_plain_keys_each_may_revoke_the_others_until_it_is_revoked(plain: TrustingRouter) -> None:
    plain.trust_plain("bob", "carol")
    by_bob = plain.makers.revocations(["alice"], ["bob"])
    assert "imported" in plain.take_in(plain.medium("2.0", ["bob"], revocations=by_bob, is_plain=True))
    assert [entry.key.name for entry in plain.store.state().revoked] == ["alice.pub"]
    by_alice = plain.makers.revocations(["bob"], ["alice"])
    said = plain.take_in(plain.medium("3.0", ["carol"], revocations=by_alice, is_plain=True))
    assert said == "cannot trust revoked.json on /media/x.iso: 1 keys of root 0 must sign it, and have not"
    assert len(plain.store.state().revoked) == 1


# ---------------------------------------------------------------- rotated


def test_rotated_the_new_key_counts_and_what_the_old_one_signed_is_replaced(rooted: TrustingRouter) -> None:
    second = rooted.makers.root(["bob"], ["carol"], former=root_of(rooted))
    assert "imported" in rooted.take_in(rooted.medium("2.0", ["bob"], roots={1: root_of(rooted), 2: second}))
    assert rooted.releases == {"1.0": "it was signed by alice, which root 2 does not name", "2.0": ""}
    assert rooted.runs == "1.0", "what runs goes on running"
    assert rooted.upgrade() == ""
    assert rooted.runs == "2.0"
    assert rooted.rollback() == (
        "cannot start anything of release 1.0: it was signed by alice, which root 2 does not name"
    )
    assert rooted.runs == "2.0"


def test_rotated_the_old_key_signs_nothing_any_more(rooted: TrustingRouter) -> None:
    second = rooted.makers.root(["bob"], ["carol"], former=root_of(rooted))
    assert "imported" in rooted.take_in(rooted.medium("2.0", ["bob"], roots={2: second}))
    said = rooted.take_in(rooted.medium("3.0", ["alice"], roots={1: root_of(rooted)}))
    assert said == "cannot trust /media/x.iso: 0 of 1 signatures that root 2 asks for are there"


def test_rotated_by_whoever_is_not_asked_is_refused(rooted: TrustingRouter) -> None:
    """A thief of the release key makes a root of his own: the keys of the old root have not signed it."""
    second = rooted.makers.root(["alice"], ["alice"], former=root_of(rooted), root_keys=["alice"])
    said = rooted.take_in(rooted.medium("2.0", ["alice"], roots={2: second}))
    assert said == "cannot trust root/2.json on /media/x.iso: 0 of 1 signatures that root 1 asks for are there"
    assert rooted.store.state().root.version == 1


def test_rotated_over_several_versions_on_one_medium(rooted: TrustingRouter) -> None:
    second = rooted.makers.root(["bob"], ["carol", "dave"], former=root_of(rooted), root_keys=["dave"])
    third = rooted.makers.root(["dave"], ["dave"], former=second, root_keys=["dave"])
    assert "imported" in rooted.take_in(rooted.medium("2.0", ["dave"], roots={2: second, 3: third}))
    assert rooted.store.state().root.version == 3
    assert rooted.new_store().state().root.version == 3, "it outlives the supervisor"


def test_rotated_by_an_operator(rooted: TrustingRouter) -> None:
    path = rooted.folder / "2.json"
    path.write_bytes(rooted.makers.root(["bob"], ["carol"], former=root_of(rooted)))
    status = rooted.router.supervisor.supervision.rotate_trust(str(path))
    assert (status.root, [key.name for key in status.keys if "release" in key.roles]) == (2, ["bob"])


# ---------------------------------------------------------------- a medium with an old root, a gap, another root


def test_medium_with_old_root_is_fine_if_its_release_is(rooted: TrustingRouter) -> None:
    second = rooted.makers.root(["alice", "bob"], ["carol"], former=root_of(rooted))
    assert "imported" in rooted.take_in(rooted.medium("2.0", ["bob"], roots={2: second}))
    assert "imported" in rooted.take_in(rooted.medium("3.0", ["alice"], roots={1: root_of(rooted)}))
    assert rooted.store.state().root.version == 2, "it never goes back"


def test_medium_with_old_root_a_gap_in_the_versions_is_refused_by_name(rooted: TrustingRouter) -> None:
    second = rooted.makers.root(["bob"], ["carol"], former=root_of(rooted))
    third = rooted.makers.root(["bob"], ["carol"], former=second)
    said = rooted.take_in(rooted.medium("2.0", ["bob"], roots={1: root_of(rooted), 3: third}))
    assert said == (
        "cannot trust root/3.json on /media/x.iso: root 3 does not follow root 1, which is trusted here: "
        "root 2 is missing"
    )
    assert rooted.store.state().root.version == 1


def test_medium_with_old_root_one_under_another_number_is_refused_by_name(rooted: TrustingRouter) -> None:
    second = rooted.makers.root(["bob"], ["carol"], former=root_of(rooted))
    third = rooted.makers.root(["bob"], ["carol"], former=second)
    said = rooted.take_in(rooted.medium("2.0", ["bob"], roots={2: third}))
    assert "root/2.json on /media/x.iso: root 3 does not follow root 1" in said


def test_medium_with_old_root_another_one_than_the_router_went_through_is_refused(rooted: TrustingRouter) -> None:
    forked = rooted.makers.root(["alice"], ["carol"], thresholds=(1, 1), minimum="0.1")
    said = rooted.take_in(rooted.medium("2.0", ["alice"], roots={1: forked}))
    assert said == "cannot trust root/1.json on /media/x.iso: root 1 of this router says something else"


# ---------------------------------------------------------------- revoked


def test_revoked_by_command_what_runs_goes_on_and_nothing_is_started_anew(rooted: TrustingRouter) -> None:
    assert "imported" in rooted.take_in(rooted.medium("2.0", ["alice"]))
    status = rooted.router.supervisor.supervision.revoke_key("alice", "her laptop is gone")
    assert [(key.name, key.is_revoked, key.reason) for key in status.keys if key.name == "alice"] == [
        ("alice", True, "her laptop is gone")
    ]
    assert "no release can be imported: 0 keys of root 1 are left, 1 must sign" in status.message
    text = "it was signed by alice, which is revoked"
    assert rooted.releases == {"1.0": text, "2.0": text}
    assert rooted.swap("2.0-1") == f"cannot start anything of release 2.0: {text}"
    assert "1 of 1" not in rooted.take_in(rooted.medium("3.0", ["alice"]))
    assert rooted.runs == "1.0"


@pytest.mark.parametrize("reason", ["two\nlines", "\x1b[2J", "x" * 201])
def test_revoked_for_a_reason_that_is_a_line(rooted: TrustingRouter, reason: str) -> None:
    with pytest.raises(RequestError, match="the reason must be a line"):
        rooted.router.supervisor.supervision.revoke_key("alice", reason)
    assert rooted.store.state().revoked == ()


def test_revoked_what_runs_is_started_again_after_a_crash_and_a_reboot(rooted: TrustingRouter) -> None:
    """A router must not lose its DNS to a key: the container that served is the one that serves again."""
    rooted.store.revoke("alice", "stolen")
    rooted.machine.engine.end(rooted.router.worker(SERVICE).keeper.instance.container_name, 1)
    rooted.router.supervisor.settle()
    assert rooted.runs == "1.0"
    rooted.router.die()
    rooted.machine.reboot(keeps_containers=False)
    rooted.new_store()
    rooted.router.recover()
    assert rooted.runs == "1.0"
    assert "release 1.0 is in doubt: it was signed by alice, which is revoked" in rooted.message


def test_revoked_by_a_list_on_a_medium(rooted: TrustingRouter) -> None:
    second = rooted.makers.root(["alice", "bob"], ["carol"], former=root_of(rooted))
    revocations = rooted.makers.revocations(["alice"], ["carol"])
    assert "imported" in rooted.take_in(rooted.medium("2.0", ["bob"], roots={2: second}, revocations=revocations))
    assert rooted.releases == {"1.0": "it was signed by alice, which is revoked", "2.0": ""}
    assert "alice is revoked" in rooted.take_in(rooted.medium("3.0", ["alice"]))
    assert rooted.upgrade() == ""
    assert rooted.runs == "2.0"


def test_revoked_by_a_list_that_counts_for_the_medium_itself(rooted: TrustingRouter) -> None:
    revocations = rooted.makers.revocations(["alice"], ["carol"])
    said = rooted.take_in(rooted.medium("2.0", ["alice"], revocations=revocations))
    assert said.endswith("0 of 1 signatures that root 1 asks for are there; not counted: alice is revoked")


def test_revoked_by_whoever_may_not_is_refused(rooted: TrustingRouter) -> None:
    said = rooted.take_in(rooted.medium("2.0", ["alice"], revocations=rooted.makers.revocations(["carol"], ["alice"])))
    assert said == "cannot trust revoked.json on /media/x.iso: 1 keys of root 1 must sign it, and have not"
    assert rooted.store.state().revoked == ()


def test_revoked_an_old_list_by_former_keys_is_passed_over(rooted: TrustingRouter) -> None:
    """Else a thief of a former root key could revoke everybody; and a medium of then must stay usable."""
    second = rooted.makers.root(["bob"], ["carol", "dave"], former=root_of(rooted), root_keys=["dave"])
    assert "imported" in rooted.take_in(rooted.medium("2.0", ["bob"], roots={2: second}))
    old = rooted.makers.revocations(["bob"], ["carol"])
    assert "imported" in rooted.take_in(rooted.medium("3.0", ["bob"], revocations=old))
    assert rooted.store.state().revoked == ()


@pytest.mark.parametrize("is_revoked", [True, False])
def test_revoked_a_version_is_not_fallen_back_to(rooted: TrustingRouter, is_revoked: bool) -> None:
    """A version that ends again and again gives way to the one before only if that is in no doubt."""
    second = rooted.makers.root(["alice", "bob"], ["carol"], former=root_of(rooted))
    assert "imported" in rooted.take_in(rooted.medium("2.0", ["bob"], roots={2: second}))
    assert rooted.upgrade() == ""
    if is_revoked:
        rooted.store.revoke("alice", "stolen")
    rooted.machine.behaviours[image(SERVICE, "2.0")] = Behaviour(ends_after=0.5)
    rooted.machine.engine.end(rooted.router.worker(SERVICE).keeper.instance.container_name, 1)
    until = rooted.machine.clock.elapsed + 300
    rooted.router.worker(SERVICE).run_until(lambda: rooted.machine.clock.elapsed > until, patience=1000)
    kinds = {record.kind for record in rooted.router.supervisor.supervision.history(SERVICE, 100)}
    assert ("fall-back" in kinds) is not is_revoked
    told = [event.message for _, event in rooted.machine.store.events(0) if event.name == "no fall-back"]
    assert [text.endswith("it was signed by alice, which is revoked") for text in told] == [True] * is_revoked
    assert rooted.runs == ("2.0" if is_revoked else "1.0")


def test_revoked_a_release_signed_again_is_in_doubt_no_more(rooted: TrustingRouter) -> None:
    second = rooted.makers.root(["alice", "bob"], ["carol"], former=root_of(rooted))
    rooted.store.revoke("alice", "stolen")
    assert rooted.releases["1.0"]
    assert "imported already" in rooted.take_in(rooted.medium("1.0", ["bob"], roots={2: second}))
    assert rooted.releases == {"1.0": ""}


def test_revoked_a_fresh_router_follows_the_oldest_release_that_is_in_no_doubt(router: TrustingRouter) -> None:
    router.anchor(router.makers.root(["alice", "bob"], ["carol"]))
    router.boot()
    assert "imported" in router.take_in(router.medium("1.0", ["bob"]), is_employed=False)
    router.store.revoke("bob", "stolen")
    assert "imported" in router.take_in(router.medium("2.0", ["alice"]))
    router.router.supervisor.settle()
    assert router.runs == "2.0"
    assert router.machine.store.current_release() == "2.0"


# ---------------------------------------------------------------- expired


def expiring(router: TrustingRouter, after: timedelta) -> TrustingRouter:
    return running(router, router.makers.root(["alice"], ["carol"], expires=after), ["alice"])


def test_expired_is_said_long_before(router: TrustingRouter) -> None:
    expiring(router, 100 * DAY)
    assert router.message == ""
    router.machine.clock.advance(41 * 86400)
    assert "root 1 expires in 58 days" in router.message


def test_expired_there_is_a_grace_and_then_no_import(router: TrustingRouter) -> None:
    expiring(router, 100 * DAY)
    router.machine.clock.advance(101 * 86400)
    assert "root 1 expired 1 days ago; it is accepted until" in router.message
    assert "imported" in router.take_in(router.medium("2.0", ["alice"]))
    router.machine.clock.advance(30 * 86400)
    said = router.take_in(router.medium("3.0", ["alice"]))
    expired = text_of((router.makers.now + 100 * DAY).timestamp())
    assert said == f"cannot accept release 3.0: root 1 expired on {expired}, and the grace of 30 days is over"
    assert "nothing is imported by it any more" in router.message
    assert router.runs == "1.0", "what runs goes on running"
    assert router.swap() == "", "and what was imported in time may be started"


def test_expired_a_newer_root_leads_on(router: TrustingRouter) -> None:
    expiring(router, 100 * DAY)
    router.machine.clock.advance(400 * 86400)
    second = router.makers.root(["alice"], ["carol"], former=root_of(router), expires=1000 * DAY)
    assert "imported" in router.take_in(router.medium("2.0", ["alice"], roots={2: second}))


def test_expired_the_statement_of_a_release(rooted: TrustingRouter) -> None:
    """A freeze: an old release, rightly signed then, is not started on a router that never saw a newer one."""
    old = rooted.medium("2.0", ["alice"], expires=10 * DAY)
    rooted.machine.clock.advance(41 * 86400)
    assert "its signed statement expired on" in rooted.take_in(old)


# ---------------------------------------------------------------- stolen


def test_stolen_key_signs_an_older_release(rooted: TrustingRouter) -> None:
    assert "imported" in rooted.take_in(rooted.medium("2.0", ["alice"]))
    assert rooted.upgrade() == ""
    said = rooted.take_in(rooted.medium("1.5", ["alice"], content="3.0"))
    assert "it is older than 2.0, which runs" in said


def test_stolen_key_signs_an_older_release_for_a_fresh_router(router: TrustingRouter) -> None:
    router.router.settings = Settings(minimum_release="2.0")
    router.anchor(router.makers.root(["alice"], ["carol"]))
    router.boot()
    said = router.take_in(router.medium("1.0", ["alice"]), allow_downgrade=True)
    assert said == "cannot accept release 1.0: the setting minimum_release allows for nothing before 2.0"


def test_stolen_key_signs_a_higher_release_and_is_revoked(rooted: TrustingRouter) -> None:
    """One key is enough here, so the release is taken; once the key is revoked it is replaced by a lower number."""
    second = rooted.makers.root(["alice", "bob"], ["carol"], former=root_of(rooted))
    assert "imported" in rooted.take_in(rooted.medium("9.0", ["alice"], minimum="9.0"))
    assert rooted.upgrade() == ""
    assert rooted.runs == "9.0"
    said = rooted.take_in(rooted.medium("2.0", ["bob"], roots={2: second}))
    assert "allows for nothing before 9.0" in said
    assert rooted.store.state().root.version == 2, "the papers of a medium count whatever becomes of its release"
    rooted.store.revoke("alice", "stolen")
    assert "imported" in rooted.take_in(rooted.medium("2.0", ["bob"]))
    assert rooted.runs == "9.0"
    assert rooted.upgrade() == ""
    assert rooted.runs == "2.0"


def test_stolen_key_signs_the_same_release_with_other_content(rooted: TrustingRouter) -> None:
    said = rooted.take_in(rooted.medium("1.0", ["alice"], content="2.0"))
    assert said == (
        "cannot accept release 1.0, signed by alice: another release of that number was accepted before, "
        "which alice signed"
    )


def test_stolen_key_signs_the_same_release_after_it_was_pruned(rooted: TrustingRouter) -> None:
    assert "imported" in rooted.take_in(rooted.medium("2.0", ["alice"]))
    rooted.machine.store.remove_release("2.0")
    assert "another release of that number" in rooted.take_in(rooted.medium("2.0", ["alice"], content="3.0"))
    assert "imported" in rooted.take_in(rooted.medium("2.0", ["alice"]))


def test_stolen_key_signed_the_number_first_and_the_true_one_comes_after_the_revocation(rooted: TrustingRouter) -> None:
    second = rooted.makers.root(["alice", "bob"], ["carol"], former=root_of(rooted))
    assert "imported" in rooted.take_in(rooted.medium("2.0", ["alice"], content="9.0"))
    rooted.store.revoke("alice", "stolen")
    assert "release 2.0 is imported" in rooted.take_in(rooted.medium("2.0", ["bob"], roots={2: second}))
    assert rooted.releases["2.0"] == ""


def test_stolen_key_signed_what_runs_and_it_is_not_gone_back_to(rooted: TrustingRouter) -> None:
    """Two releases of one number: the version of the thief does not become trusted by the name of the true one."""
    second = rooted.makers.root(["alice", "bob"], ["carol"], former=root_of(rooted))
    assert "imported" in rooted.take_in(rooted.medium("2.0", ["alice"], content="9.0"))
    assert rooted.upgrade() == ""
    rooted.store.revoke("alice", "stolen")
    assert "release 2.0 is imported" in rooted.take_in(rooted.medium("2.0", ["bob"], roots={2: second}))
    assert rooted.upgrade() == ""
    assert rooted.rollback() == (
        "cannot start anything of release 2.0: the release of that number has another content now"
    )


def test_stolen_key_signs_again_what_others_signed_and_takes_nothing_with_it(router: TrustingRouter) -> None:
    running(router, router.makers.root(["alice", "bob"], ["carol"]), ["alice"])
    assert "imported already" in router.take_in(router.medium("1.0", ["bob"], expires=9000 * DAY))
    (status,) = router.router.supervisor.supervision.releases()
    assert status.signed_by == ("alice", "bob")
    router.store.revoke("bob", "stolen")
    assert router.releases == {"1.0": ""}


# ---------------------------------------------------------------- threshold 2 of 3


def test_threshold_two_of_three_sign(two_of_three: TrustingRouter) -> None:
    assert "imported" in two_of_three.take_in(two_of_three.medium("2.0", ["bob", "carol"]))


@pytest.mark.parametrize("by", [["alice"], ["alice", "alice"], ["alice", "dave"], []])
def test_threshold_one_of_three_is_too_few(two_of_three: TrustingRouter, by: list[str]) -> None:
    said = two_of_three.take_in(two_of_three.medium("2.0", by))
    assert f"{len(set(by) - {'dave'})} of 2 signatures that root 1 asks for are there" in said


def test_threshold_one_of_two_is_revoked(two_of_three: TrustingRouter) -> None:
    two_of_three.store.revoke("alice", "stolen")
    said = two_of_three.take_in(two_of_three.medium("2.0", ["alice", "bob"]))
    assert "1 of 2 signatures that root 1 asks for are there (good: bob); not counted: alice is revoked" in said
    assert two_of_three.releases["1.0"] == "it was signed by alice, which is revoked", "carol alone is too few"
    assert "imported" in two_of_three.take_in(two_of_three.medium("2.0", ["bob", "carol"]))


@pytest.mark.parametrize("number", ["0.5", "1.0", "9.0"])
def test_threshold_a_stolen_key_alone_does_nothing(two_of_three: TrustingRouter, number: str) -> None:
    said = two_of_three.take_in(two_of_three.medium(number, ["alice"], content="3.0"))
    assert "1 of 2 signatures" in said
    assert list(two_of_three.releases) == ["1.0"]


def test_threshold_a_stolen_key_alone_makes_no_root(two_of_three: TrustingRouter) -> None:
    second = two_of_three.makers.root(["alice"], ["alice"], former=root_of(two_of_three), root_keys=["alice"])
    said = two_of_three.take_in(two_of_three.medium("2.0", ["alice"], roots={2: second}))
    assert "root/2.json on /media/x.iso: 1 of 2 signatures that root 1 asks for are there" in said


def test_threshold_raised_by_a_new_root_doubts_nothing_that_it_still_names(rooted: TrustingRouter) -> None:
    people = ("alice", "bob")
    second = rooted.makers.root(people, ["carol"], former=root_of(rooted), thresholds=(1, 2))
    assert "imported" in rooted.take_in(rooted.medium("2.0", people, roots={2: second}))
    assert rooted.releases["1.0"] == "", "it met the threshold of then, and its key is still trusted"


# ---------------------------------------------------------------- floors


def test_floor_a_signed_release_sets_it(rooted: TrustingRouter) -> None:
    assert "imported" in rooted.take_in(rooted.medium("2.0", ["alice"], minimum="2.0"))
    assert rooted.releases["1.0"] == "a release that alice signed allows for nothing before 2.0"
    assert rooted.runs == "1.0", "what runs goes on running"
    assert rooted.upgrade() == ""
    assert "allows for nothing before 2.0" in rooted.rollback()
    said = rooted.take_in(rooted.medium("1.5", ["alice"], content="3.0"), allow_downgrade=True)
    assert "allows for nothing before 2.0" in said


def test_floor_it_outlives_the_release_and_the_supervisor(rooted: TrustingRouter) -> None:
    assert "imported" in rooted.take_in(rooted.medium("2.0", ["alice"], minimum="2.0"))
    rooted.machine.store.remove_release("2.0")
    rooted.new_store()
    rooted.router.boot()
    said = rooted.take_in(rooted.medium("1.5", ["alice"], content="3.0"), allow_downgrade=True)
    assert "allows for nothing before 2.0" in said


def test_floor_of_a_root(rooted: TrustingRouter) -> None:
    second = rooted.makers.root(["alice"], ["carol"], former=root_of(rooted), minimum="2.0")
    said = rooted.take_in(rooted.medium("1.5", ["alice"], content="2.0", roots={2: second}))
    assert said == "cannot accept release 1.5: root 2 allows for nothing before 2.0"
    assert rooted.releases["1.0"] == "root 2 allows for nothing before 2.0"


def test_floor_that_a_stolen_key_sets_too_does_not_go_with_it(router: TrustingRouter) -> None:
    running(router, router.makers.root(["alice", "bob"], ["carol"]), ["alice"])
    assert "imported" in router.take_in(router.medium("2.0", ["alice"], minimum="2.0"))
    assert "imported" in router.take_in(router.medium("3.0", ["bob"], minimum="2.0"))
    router.store.revoke("bob", "stolen")
    assert router.releases["1.0"] == "a release that alice signed allows for nothing before 2.0"


# ---------------------------------------------------------------- the clock


def test_clock_before_the_medium_was_made_says_so(rooted: TrustingRouter) -> None:
    tomorrow = text_of(rooted.machine.clock.now() + 2 * 86400)
    said = rooted.take_in(rooted.medium("2.0", ["alice"], created=tomorrow))
    assert said.startswith(f"cannot accept release 2.0: it was made at {tomorrow}, and the clock of this router says")
    assert "use --accept-clock" in said
    assert "imported" in rooted.take_in(rooted.medium("2.0", ["alice"], created=tomorrow), accepts_clock=True)


def test_clock_accepted_judges_expiry_by_the_time_of_making(rooted: TrustingRouter) -> None:
    later = text_of(rooted.machine.clock.now() + 100 * 86400)
    made = rooted.medium("2.0", ["alice"], created=later, expires=10 * DAY)
    assert "its signed statement expired" in rooted.take_in(made, accepts_clock=True)


def test_clock_that_is_set_later_lets_the_medium_in_by_itself(rooted: TrustingRouter) -> None:
    supervision, path = rooted.router.supervisor.supervision, "/media/early.iso"
    created = text_of(rooted.machine.clock.now() + 2 * 86400)
    rooted.router.supervisor.media.inside[path] = rooted.medium("2.0", ["alice"], created=created)
    told: list[str] = []
    parts = supervision._parts
    queue = MediaQueue(
        parts.library,
        FakeMediaWatch(),
        lambda: parts.configuration.known,
        lambda: None,
        lambda _, name, text: told.append(f"{name}: {text}"),
        clock_pause=3600.0,
    )
    queue.take_in([path])
    queue.take_in([path])
    assert len(told) == 1, "it is said once"
    assert "the clock of this router" in told[0]
    rooted.machine.clock.advance(3 * 86400)
    queue.take_in(sorted(queue._early))
    assert "2.0" in rooted.releases
    assert not queue._early
    queue.close()


def test_the_table_in_the_documents_has_a_row_for_each_of_these_tests() -> None:
    """The words of its first column begin the names of the tests here, and every test begins with one of them."""
    document = (Path(__file__).parents[3] / "docs/trust.md").read_text()
    table = document.partition("| | what | what happens |")[2].partition("\n\n")[0]
    words = [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| ")]
    begins = tuple(f"test_{re.sub(r'[^a-z]+', '_', re.sub(r' [0-9].*', '', word))}" for word in words if word)
    names = [name for name in globals() if name.startswith("test_") and "the_table" not in name]
    assert [name for name in names if not name.startswith(begins)] == []
    assert [begin for begin in begins if not any(name.startswith(begin) for name in names)] == []
    assert len(begins) > 7
