"""Which version may take the place of one that ends again and again: a table."""

from __future__ import annotations

import pytest

from supervisor.decisions.falling_back import Choices, objection
from supervisor.values.names import Digest
from supervisor.values.release import Version


def version(release: str, text: str) -> Version:
    return Version(release, text, Digest(f"sha256:{text}"), Digest(f"sha256:definition of {text}"))


OLD, NEW = version("12.0", "1"), version("13.0", "2")
SAME = version("13.1", "2")


@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        pytest.param(Choices(), "", id="nobody has said anything"),
        pytest.param(Choices(is_pinned=True), "the service is pinned", id="somebody chose it to stay"),
        pytest.param(Choices(confirmed=NEW), "2 was confirmed", id="somebody found it good"),
        pytest.param(Choices(confirmed=SAME), "2 was confirmed", id="the same of another release was"),
        pytest.param(Choices(confirmed=OLD), "", id="the one before was found good"),
    ],
)
def test_objection(choices: Choices, expected: str) -> None:
    assert objection(NEW, choices) == expected
