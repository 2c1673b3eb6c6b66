"""A candidate is sent the former's knowledge, and waits for what it still has to find out."""

from __future__ import annotations

import pytest

from supervisor.decisions.knowledge import lines, unknown
from supervisor.values.manifest import Awaited, Knowledge, Probe, ProbeKind

SOURCE = Probe(ProbeKind.SOCKET, ())
AWAITED = Awaited("the check of {unknown} of {total} members", SOURCE, r"(?m) new$", r"(?m)^\S+ ")
DOWN = Knowledge(
    SOURCE, r"(?m)^(?P<name>\S+) (?P<address>\S+) down$", r"(?m)^(?P<name>.+) (?P<address>\S+) \S+$", "down {name}"
)


def test_what_is_not_known_is_counted() -> None:
    assert str(unknown(AWAITED, "a new\nb up\nc new\n")) == "the check of 2 of 3 members"
    assert unknown(AWAITED, "a up\nb down\n") is None
    assert unknown(AWAITED, "") is None


@pytest.mark.parametrize(
    ("former", "candidate", "told"),
    [
        pytest.param("a 1 down\nb 2 up\n", "a 1 new\nb 2 new\n", ("down a",), id="what is known"),
        pytest.param("a 1 down\na 1 down\n", "a 1 new\n", ("down a",), id="once"),
        pytest.param("a 1 down\n", "a 9 new\n", (), id="not of what moved"),
        pytest.param("a 1 down\n", "b 1 new\n", (), id="not of what was removed"),
        pytest.param("a;kill 1 down\n", "a;kill 1 new\n", (), id="nothing that would be two commands"),
        pytest.param("", "a 1 new\n", (), id="nothing known"),
    ],
)
def test_a_candidate_is_told_what_it_has_too(former: str, candidate: str, told: tuple[str, ...]) -> None:
    assert lines(DOWN, former, candidate) == told
