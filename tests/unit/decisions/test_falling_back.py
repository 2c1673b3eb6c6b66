"""Which version may take the place of one that ends again and again: a table."""

from __future__ import annotations

import pytest

from supervisor.decisions.falling_back import NO_CHOICES, Choices, target
from supervisor.values.names import Digest
from supervisor.values.release import Version


def version(release: str, text: str) -> Version:
    return Version(release, text, Digest(f"sha256:{text}"), Digest(f"sha256:definition of {text}"))


OLD, NEW, NEWER = version("12.0", "1"), version("13.0", "2"), version("14.0", "3")


@pytest.mark.parametrize(
    ("failing", "before", "choices", "expected"),
    [
        pytest.param(NEW, OLD, NO_CHOICES, OLD, id="the one before"),
        pytest.param(NEW, None, NO_CHOICES, None, id="there is none"),
        pytest.param(NEW, version("13.1", "2"), NO_CHOICES, None, id="the same from another release"),
        pytest.param(NEW, OLD, Choices(is_pinned=True), None, id="somebody chose it to stay"),
        pytest.param(NEW, OLD, Choices(confirmed=NEW), None, id="somebody found it good"),
        pytest.param(NEW, OLD, Choices(confirmed=version("13.1", "2")), None, id="the same of another release was"),
        pytest.param(NEW, OLD, Choices(confirmed=OLD), OLD, id="the one before was found good"),
        pytest.param(NEW, OLD, Choices(floor="13.0"), None, id="the one before is below the floor"),
        pytest.param(NEWER, NEW, Choices(floor="13.0"), NEW, id="the one before is at the floor"),
        pytest.param(NEWER, NEW, Choices(floor="9.0"), NEW, id="releases are compared by their numbers"),
    ],
)
def test_target(failing: Version, before: Version | None, choices: Choices, expected: Version | None) -> None:
    assert target(failing, before, choices) == expected
