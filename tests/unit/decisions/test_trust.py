"""Roots that follow each other and releases that are accepted or not, as tables of values in and out."""

from __future__ import annotations

import pytest

from supervisor.decisions.doubt import instant, numbers, text_of, trust_status, version_doubt, warnings
from supervisor.decisions.trust import (
    content_of,
    joined,
    match_key,
    refuse_offer,
    refuse_root,
    roots_to_read,
    signing_of,
)
from supervisor.values.errors import (
    BelowFloorError,
    ClockBehindError,
    ExpiredError,
    RequestError,
    RootGapError,
    SupervisorError,
    TooFewSignaturesError,
    UntrustedRootError,
)
from supervisor.values.names import Digest, ServiceName
from supervisor.values.release import Release, Version
from supervisor.values.trust import (
    Judgement,
    Key,
    KeyId,
    Offer,
    Revocation,
    Role,
    Root,
    Signing,
    TrustPolicy,
    TrustState,
)

ALICE, BOB, CAROL, DAVE = (Key(KeyId(name[0] * 64), name) for name in ("alice", "bob", "carol", "dave"))
DAY = 86400.0
NOW = instant("2026-06-01T00:00:00Z")
POLICY = TrustPolicy(warning=60 * DAY, grace=30 * DAY)


def root(version: int, *keys: Key, needed: int = 1) -> Root:
    return Root(version, Role(keys, needed), Role(keys, needed))


@pytest.mark.parametrize(
    ("versions", "trusted", "read"),
    [
        ((), 0, ()),
        ((), 5, ()),
        ((1,), 0, (1,)),
        ((3, 1, 2), 0, (1, 2, 3)),
        ((1, 2, 3), 2, (3,)),
        ((1, 2), 2, ()),
        ((1, 3), 3, ()),
    ],
)
def test_roots_are_followed_from_the_trusted_one_in_order(
    versions: tuple[int, ...], trusted: int, read: tuple[int, ...]
) -> None:
    assert roots_to_read(versions, trusted, "x.iso") == read


@pytest.mark.parametrize(
    ("versions", "trusted", "says"),
    [
        ((2,), 0, "root/2.json on x.iso: root 2 does not follow root 0, TRUSTED root 1 is missing"),
        ((1, 3), 1, "root/3.json on x.iso: root 3 does not follow root 1, TRUSTED root 2 is missing"),
        ((9,), 1, "root/9.json on x.iso: root 9 does not follow root 1, TRUSTED root 2 to 8 are missing"),
        ((2, 4), 1, "root/4.json on x.iso: root 4 does not follow root 2, TRUSTED root 3 is missing"),
    ],
)  # fmt: skip
def test_a_gap_is_named(versions: tuple[int, ...], trusted: int, says: str) -> None:
    with pytest.raises(RootGapError) as caught:
        roots_to_read(versions, trusted, "x.iso")
    assert str(caught.value) == f"cannot trust {says}".replace("TRUSTED", "which is trusted here:")


@pytest.mark.parametrize(
    ("by_old", "by_new", "is_good"),
    [
        ({ALICE, BOB}, {CAROL}, True),
        ({ALICE, BOB, DAVE}, {CAROL, DAVE}, True),
        ({ALICE}, {CAROL}, False),
        ({ALICE, BOB}, set(), False),
        (set(), {CAROL}, False),
        ({ALICE, DAVE}, {CAROL}, False),
        ({ALICE, BOB}, {DAVE}, False),
    ],
)
def test_a_root_needs_the_thresholds_of_both(by_old: set[Key], by_new: set[Key], is_good: bool) -> None:
    old, new = root(1, ALICE, BOB, needed=2), root(2, CAROL)
    keys = ([key.id for key in by_old], [key.id for key in by_new])
    if is_good:
        refuse_root("r", old, new, *keys)
    else:
        with pytest.raises(UntrustedRootError, match="signatures that root"):
            refuse_root("r", old, new, *keys)


@pytest.mark.parametrize("version", [0, 1, 3, 9])
def test_a_root_of_another_number_is_never_next(version: int) -> None:
    with pytest.raises(RootGapError):
        refuse_root("r", root(1, ALICE), root(version, ALICE), [ALICE.id], [ALICE.id])


@pytest.mark.parametrize(
    ("good", "revoked", "keys"),
    [
        ((ALICE, BOB), (), (ALICE, BOB)),
        ((ALICE, BOB, CAROL), (), (ALICE, BOB, CAROL)),
        ((ALICE, BOB, CAROL), (BOB,), (ALICE, CAROL)),
        ((ALICE,), (), None),
        ((ALICE, BOB), (BOB,), None),
        ((ALICE, DAVE), (), None),
        ((), (), None),
    ],
)
def test_two_of_three(good: tuple[Key, ...], revoked: tuple[Key, ...], keys: tuple[Key, ...] | None) -> None:
    asked = ("x", root(4, ALICE, BOB, CAROL, needed=2), [key.id for key in good], [key.id for key in revoked], 7.0)
    if keys is None:
        with pytest.raises(TooFewSignaturesError):
            signing_of(*asked)
    else:
        assert signing_of(*asked) == Signing(4, keys, 2, 7.0)


def offer(name: str = "13.0", *, created: str = "2026-05-01T00:00:00Z", expires: float | None = None) -> Offer:
    return Offer(name, created, Digest("sha256:1"), Judgement(Signing(1, (ALICE,), 1, expires), root(1, ALICE)))


@pytest.mark.parametrize(
    ("offered", "accepts_clock", "error"),
    [
        (offer(), False, None),
        (offer(created=text_of(NOW + DAY)), False, None),
        (offer(created=text_of(NOW + DAY + 1)), False, ClockBehindError),
        (offer(created=text_of(NOW + DAY + 1)), True, None),
        (offer(created=text_of(NOW + 40 * DAY), expires=NOW), True, ExpiredError),
        (offer(expires=NOW - 30 * DAY + 1), False, None),
        (offer(expires=NOW - 30 * DAY), False, ExpiredError),
        (offer(expires=NOW), True, None),
        (offer("11.9"), False, BelowFloorError),
        (offer("12.0"), False, None),
        (offer("11.9"), True, BelowFloorError),
    ],
)
def test_offers(offered: Offer, accepts_clock: bool, error: type[SupervisorError] | None) -> None:
    policy = TrustPolicy(POLICY.warning, POLICY.grace, "12.0")
    state = TrustState(root(1, ALICE))
    if error is None:
        refuse_offer(offered, state, policy, (), NOW, accepts_clock=accepts_clock)
    else:
        with pytest.raises(error):
            refuse_offer(offered, state, policy, (), NOW, accepts_clock=accepts_clock)


@pytest.mark.parametrize(
    ("days", "says"),
    [
        (61, ""),
        (60, "root 1 expires in 60 days (2026-07-31T00:00:00Z)"),
        (1, "root 1 expires in 1 days (2026-06-02T00:00:00Z)"),
        (0, "root 1 expired 0 days ago; it is accepted until 2026-07-01T00:00:00Z"),
        (-29, "root 1 expired 29 days ago; it is accepted until 2026-06-02T00:00:00Z"),
        (-30, "root 1 expired on 2026-05-02T00:00:00Z: nothing is imported by it any more"),
    ],
)
def test_what_is_said_about_expiry(days: int, says: str) -> None:
    state = TrustState(Root(1, Role((ALICE,)), Role((ALICE,)), NOW + days * DAY))
    assert "; ".join(warnings(state, POLICY, (), NOW)) == says


@pytest.mark.parametrize(("older", "newer"), [("12.0", "13.0"), ("9.9", "10.0"), ("13.0", "13.0.1"), ("13", "13.0")])
def test_releases_are_ordered_by_their_numbers(older: str, newer: str) -> None:
    assert numbers(older) < numbers(newer)


@pytest.mark.parametrize(
    "text",
    ["", "2025-01-01", "2025-02-30T00:00:00Z", "2025-01-01T24:00:00Z", "2025-01-01T00:00:00", "٢٠٢٥-01-01T00:00:00Z"],
)  # fmt: skip
def test_times_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        instant(text)


def test_the_content_of_a_release_is_what_would_run() -> None:
    def content(image: str, definition: str, *names: str) -> Digest:
        version = Version("1.0", "v", Digest(image), Digest(definition))
        return content_of(tuple((ServiceName(name), version) for name in names))

    assert content("i", "d", "a", "b") == content("i", "d", "b", "a")
    assert len({content(*made) for made in (("i", "d", "a"), ("j", "d", "a"), ("i", "e", "a"), ("i", "d", "b"))}) == 4


@pytest.mark.parametrize(
    ("text", "key"),
    [("alice", ALICE), ("a" * 8, ALICE), ("B" * 64, BOB), ("a" * 7, None), ("", None), ("nobody", None)],
)
def test_keys_are_named_by_name_or_identifier(text: str, key: Key | None) -> None:
    state = TrustState(root(1, ALICE, BOB))
    if key is None:
        with pytest.raises(RequestError, match="cannot find key"):
            match_key(state, text)
    else:
        assert match_key(state, text) == key


def test_a_release_of_an_earlier_supervisor_is_in_no_doubt() -> None:
    known = Release("1.0", "2024-01-01T00:00:00Z", "/x.iso", 0.0, ())
    assert warnings(TrustState(root(1, ALICE)), POLICY, (known,), NOW) == ()


def test_a_key_is_shown_with_its_roles_whatever_it_was_called_when_it_was_revoked() -> None:
    former = Key(ALICE.id, "alice.pub")
    state = TrustState(root(1, ALICE, BOB), (Revocation(former, "stolen", 0.0, "operator"),))
    shown = {key.name: (key.roles, key.is_revoked) for key in trust_status(state, POLICY, (), NOW).keys}
    assert shown == {"alice": (("root", "release"), True), "bob": (("root", "release"), False)}


@pytest.mark.parametrize(
    ("release", "brought_by", "floor", "is_doubted"),
    [
        ("1.0", (), "2.0", True),  # it was pruned, and goes on to be the version before
        ("2.0", (), "2.0", False),
        ("10.0", (), "9.0", False),
        ("1.0", ("1.0",), "2.0", True),
        ("1.0", ("1.0", "2.0"), "2.0", False),
        ("1.0", ("1.0",), None, False),
    ],
)
def test_a_version_below_the_floor(
    release: str, brought_by: tuple[str, ...], floor: str | None, is_doubted: bool
) -> None:
    version = Version(release, "v", Digest("i"), Digest("d"))
    releases = [Release(name, "2024-01-01T00:00:00Z", "/x", 0.0, ((ServiceName("a"), version),)) for name in brought_by]
    found = version_doubt(version, releases, TrustState(), TrustPolicy(POLICY.warning, POLICY.grace, floor))
    assert found == ("the setting minimum_release allows for nothing before 2.0" if is_doubted else "")


@pytest.mark.parametrize(
    ("former", "later", "keys", "expires"),
    [
        (None, Signing(1, (BOB,), 1, 5.0), (BOB,), 5.0),
        (Signing(1, (ALICE,), 1, 3.0), Signing(1, (BOB,), 1, 5.0), (ALICE, BOB), 5.0),
        (Signing(1, (ALICE,), 1, 9.0), Signing(1, (ALICE,), 1, 5.0), (ALICE,), 9.0),
        (Signing(0, (ALICE,), 1), Signing(1, (BOB,), 1, 5.0), (ALICE, BOB), None),
        (Signing(1, (DAVE,), 1, 3.0), Signing(1, (BOB,), 1, 5.0), (BOB,), 5.0),
    ],
)
def test_who_signed_what_is_signed_again(
    former: Signing | None, later: Signing, keys: tuple[Key, ...], expires: float | None
) -> None:
    found = joined(former, later, TrustState(root(1, ALICE, BOB)))
    assert (found.keys, found.expires) == (keys, expires)
