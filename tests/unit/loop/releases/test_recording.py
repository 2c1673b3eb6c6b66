"""A release is remembered by trust and recorded by the store: what comes between both, and what comes at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from supervisor.decisions.doubt import floor_of, text_of
from supervisor.values.errors import BelowFloorError, OtherContentError, StateError, TooFewSignaturesError
from tests.kit.simulation.faults import SupervisorKilled
from tests.kit.simulation.router import simulated_router
from tests.kit.simulation.signed import DAY, SignedBundle, TrustingRouter

SAVE = "store.save_release"


@pytest.fixture
def router(tmp_path: Path) -> Iterator[TrustingRouter]:
    """A router that trusts root 1: carol for roots, one of alice and bob for releases; alice's 1.0 runs."""
    with simulated_router() as made:
        found = TrustingRouter(made, tmp_path)
        found.anchor(found.makers.root(["alice", "bob"], ["carol"]))
        found.boot()
        assert "imported" in found.take_in(found.medium("1.0", ["alice"]))
        found.router.supervisor.settle()
        yield found


def floor(router: TrustingRouter) -> str | None:
    return floor_of(router.store.state(), router.router.settings.trust_policy)[0]


def memory(router: TrustingRouter) -> bytes:
    return (router.state / "trust/trust.json").read_bytes()


def importing(router: TrustingRouter, medium: SignedBundle, path: str) -> Iterator[Any]:
    parts = router.router.supervisor.supervision._parts
    router.router.supervisor.media.inside[path] = medium
    return iter(parts.library.take_in(path, parts.configuration.known, allow_downgrade=True))


def verifying(router: TrustingRouter, medium: SignedBundle, **options: bool) -> str:
    parts, path = router.router.supervisor.supervision._parts, "/media/v.iso"
    router.router.supervisor.media.inside[path] = medium
    chosen = {"allow_downgrade": False, **options}
    try:
        *_, last = parts.library.verify(path, parts.configuration.known, **chosen)
    except Exception as error:
        return str(error)
    return str(last.message)


# ---------------------------------------------------------------- between both


def test_a_release_that_cannot_be_recorded_leaves_no_floor_and_no_content(router: TrustingRouter) -> None:
    faults, before = router.machine.faults, memory(router)
    faults.refused[SAVE] = StateError("cannot write: no space left")
    with pytest.raises(StateError, match="no space left"):
        router.take_in(router.medium("2.0", ["alice"], minimum="2.0"))
    assert memory(router) == before
    assert router.releases == {"1.0": ""}
    del faults.refused[SAVE]
    assert "imported" in router.take_in(router.medium("2.0", ["alice"], content="3.0")), "its number is not taken"


def test_what_others_noted_meanwhile_stays(router: TrustingRouter) -> None:
    def revokes_and_fails(*_: object, **__: object) -> None:
        router.store.revoke("bob", "stolen")
        raise StateError("cannot write")

    router.machine.faults.around[SAVE] = revokes_and_fails
    with pytest.raises(StateError):
        router.take_in(router.medium("2.0", ["alice"], minimum="2.0"))
    assert [entry.key.name for entry in router.store.state().revoked] == ["bob"]
    assert floor(router) is None


def test_a_release_whose_answer_alone_was_lost_keeps_its_floor(router: TrustingRouter) -> None:
    def records_and_fails(real: Any, *arguments: object) -> None:
        real(*arguments)
        raise StateError("cannot say")

    router.machine.faults.around[SAVE] = records_and_fails
    with pytest.raises(StateError):
        router.take_in(router.medium("2.0", ["alice"], minimum="2.0"))
    assert "2.0" in router.releases
    assert floor(router) == "2.0"


def test_an_import_that_ends_between_both_is_completed_by_the_next(router: TrustingRouter) -> None:
    """Nothing is ever there without its floor: in between the floor alone is, and what runs goes on."""
    medium = router.medium("2.0", ["alice"], minimum="2.0")

    def dies(*_: object) -> None:
        raise SupervisorKilled

    router.machine.faults.around[SAVE] = dies
    with pytest.raises(SupervisorKilled):
        router.take_in(medium)
    del router.machine.faults.around[SAVE]
    router.new_store()
    router.router.boot()
    assert (floor(router), list(router.releases)) == ("2.0", ["1.0"])
    assert router.runs == "1.0"
    assert "release 2.0 is imported" in router.take_in(router.medium("2.0", ["alice"], minimum="2.0"))
    assert router.releases["2.0"] == ""


# ---------------------------------------------------------------- at once


def test_of_two_releases_of_one_number_that_come_at_once_one_is_taken(router: TrustingRouter) -> None:
    first = importing(router, router.medium("2.0", ["alice"]), "/media/a.iso")
    second = importing(router, router.medium("2.0", ["bob"], content="9.0"), "/media/b.iso")
    next(first), next(second)  # both are judged
    assert [progress.message for progress in first][-1] == "release 2.0 is imported"
    with pytest.raises(OtherContentError):
        list(second)
    (stored,) = [release for release in router.machine.store.releases() if release.name == "2.0"]
    assert [key.name for key in stored.signing.keys if stored.signing] == ["alice"]  # type: ignore[union-attr]


def test_a_floor_that_comes_meanwhile_counts(router: TrustingRouter) -> None:
    older = importing(router, router.medium("2.0", ["alice"]), "/media/a.iso")
    next(older)
    list(importing(router, router.medium("3.0", ["alice"], minimum="3.0"), "/media/b.iso"))
    with pytest.raises(BelowFloorError):
        list(older)
    assert list(router.releases) == ["1.0", "3.0"]


def test_a_key_that_is_revoked_meanwhile_does_not_count(router: TrustingRouter) -> None:
    begun = importing(router, router.medium("2.0", ["bob"], minimum="2.0"), "/media/a.iso")
    next(begun)
    router.store.revoke("bob", "stolen")
    with pytest.raises(TooFewSignaturesError) as caught:
        list(begun)
    assert str(caught.value) == (
        "cannot trust release 2.0: 0 of 1 signatures that root 1 asks for are there; not counted: bob is revoked"
    )
    assert (list(router.releases), floor(router)) == (["1.0"], None)


# ---------------------------------------------------------------- signed again


def test_signed_again_with_a_floor_the_floor_counts(router: TrustingRouter) -> None:
    assert "imported already" in router.take_in(router.medium("1.0", ["alice"], minimum="1.0"))
    assert floor(router) == "1.0"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"minimum": "9.0"}, "it itself allows for nothing before 9.0"),
        ({"minimum": "1.0", "expires": -40 * DAY}, "its signed statement expired"),
    ],
)
def test_signed_again_is_judged_too(router: TrustingRouter, options: dict[str, Any], said: str) -> None:
    before = memory(router)
    assert said in router.take_in(router.medium("1.0", ["alice"], **options))
    assert memory(router) == before


# ---------------------------------------------------------------- verified


def test_verify_judges_by_what_the_medium_revokes_as_an_import_does(router: TrustingRouter) -> None:
    """What runs is in doubt by the medium's own list, so a lower number is no downgrade."""
    assert "imported" in router.take_in(router.medium("9.0", ["bob"]))
    assert router.swap() == ""
    lists = router.makers.revocations(["bob"], ["carol"])
    medium = router.medium("2.0", ["alice"], revocations=lists)
    assert "are good" in verifying(router, medium)
    assert router.releases["9.0"] == "", "verifying changes nothing"
    assert "imported" in router.take_in(medium)


def test_verify_takes_the_clock_as_an_import_does(router: TrustingRouter) -> None:
    medium = router.medium("2.0", ["alice"], created=text_of(router.machine.clock.now() + 2 * 86400))
    assert "use --accept-clock" in verifying(router, medium)
    assert "are good" in verifying(router, medium, accepts_clock=True)
