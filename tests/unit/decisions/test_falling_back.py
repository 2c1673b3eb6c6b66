"""Which version may take the place of one that ends again and again: a table."""

from __future__ import annotations

import pytest

from supervisor.decisions.falling_back import Choices, objection
from supervisor.values.names import Digest
from supervisor.values.release import Version


def version(release: str, text: str) -> Version:
    return Version(release, text, Digest(f"sha256:{text}"), Digest(f"sha256:definition of {text}"))


OLD, NEW, NEWER = version("12.0", "1"), version("13.0", "2"), version("14.0", "3")
SAME = version("13.1", "2")


@pytest.mark.parametrize(
    ("failing", "before", "choices", "expected"),
    [
        pytest.param(NEW, OLD, Choices(), "", id="nobody has said anything"),
        pytest.param(NEW, OLD, Choices(is_pinned=True), "the service is pinned", id="somebody chose it to stay"),
        pytest.param(NEW, OLD, Choices(confirmed=NEW), "2 was confirmed", id="somebody found it good"),
        pytest.param(NEW, OLD, Choices(confirmed=SAME), "2 was confirmed", id="the same of another release was"),
        pytest.param(NEW, OLD, Choices(confirmed=OLD), "", id="the one before was found good"),
        pytest.param(
            NEW,
            OLD,
            Choices(floor="13.0"),
            "1 is of release 12.0, and nothing before 13.0 may run",
            id="the one before is below the floor",
        ),
        pytest.param(NEWER, NEW, Choices(floor="13.0"), "", id="the one before is at the floor"),
        pytest.param(NEWER, NEW, Choices(floor="9.0"), "", id="releases are compared by their numbers"),
    ],
)
def test_objection(failing: Version, before: Version, choices: Choices, expected: str) -> None:
    assert objection(failing, before, choices) == expected
