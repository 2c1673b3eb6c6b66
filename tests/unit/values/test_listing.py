"""Lists and texts that are cut say by how much."""

from __future__ import annotations

import pytest

from supervisor.values.errors import BundleError
from supervisor.values.listing import LIST_BYTES, MESSAGE_BYTES, bounded, listed, transported


@pytest.mark.parametrize(
    ("items", "text"),
    [
        ((), ""),
        (("a",), "a"),
        (("a", "b"), "a; b"),
        (("aaaa", "bbbb", "cccc"), "aaaa; bbbb; … and 1 more"),
        (("x" * 15, "b"), "x" * 12 + "… (3 characters more); … and 1 more"),
        (("üü", "ä"), "üü; … and 1 more"),
        (("a", "b", *["c"] * 1000), "a; b; c; c; … and 998 more"),
    ],
)
def test_a_list_ends_with_the_number_of_what_does_not_fit(items: tuple[str, ...], text: str) -> None:
    assert listed(items, limit=12) == text


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("", ""),
        ("a" * 10, "a" * 10),
        ("a" * 11, "a" * 10 + "… (1 characters more)"),
        ("ü" * 3, "ü… (2 characters more)"),
        ("50%" * 4, "50%50%… (6 characters more)"),
    ],
)
def test_a_text_ends_with_the_number_of_characters_left_out(text: str, cut: str) -> None:
    assert bounded(text, 10) == cut


@pytest.mark.parametrize(
    ("text", "length"), [("", 0), ("a~ ", 3), ("%", 3), ("\n", 3), ("ü", 6), ("…", 9), ("\udc80", 1)]
)
def test_a_text_is_as_long_as_the_transport_makes_it(text: str, length: int) -> None:
    assert transported(text) == length


def test_no_error_is_longer_than_its_way_allows() -> None:
    assert transported(str(BundleError("ü%" * 1_000_000))) < MESSAGE_BYTES + 100
    assert transported(listed(["ü%" * 1000] * 1000)) < LIST_BYTES + 100
    assert str(BundleError()) == ""
