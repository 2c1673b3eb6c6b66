"""What of a killed daemon's associations is deleted: never one that still carries traffic, never another's."""

from __future__ import annotations

import pytest

from supervisor.decisions.associations import stale
from supervisor.values.association import Association

HERE, PEER, OTHER = "203.0.113.2", "203.0.113.200", "203.0.113.201"


def out(spi: int, request: int = 1, peer: str = PEER) -> Association:
    return Association(HERE, peer, "esp", spi, request, "tunnel")


def into(spi: int, request: int = 1, peer: str = PEER) -> Association:
    return Association(peer, HERE, "esp", spi, request, "tunnel")


@pytest.mark.parametrize(
    ("recorded", "present", "gone"),
    [
        pytest.param((), (out(1), into(2)), (), id="nothing was there before"),
        pytest.param((out(1), into(2)), (out(1), into(2)), (), id="not replaced yet"),
        pytest.param((out(1), into(2)), (out(1), into(2), into(4)), (into(2),), id="one direction replaced"),
        pytest.param((out(1), into(2)), (out(1), into(2), out(3), into(4)), (out(1), into(2)), id="replaced"),
        pytest.param((out(1), into(2)), (out(3), into(4)), (), id="ended by themselves"),
        pytest.param((out(1),), (out(1), out(3, peer=OTHER)), (), id="another tunnel's is no replacement"),
        pytest.param((out(1),), (out(1), out(3), out(5, peer=OTHER)), (out(1),), id="another's is left alone"),
        pytest.param((out(1, 1), out(2, 2)), (out(1, 1), out(2, 2), out(3, 1)), (), id="half of a tunnel is back"),
        pytest.param(
            (out(1, 4), out(2, 7)),
            (out(1, 4), out(2, 7), out(3, 1), out(4, 2)),
            (out(1, 4), out(2, 7)),
            id="requests are numbered anew",
        ),
        pytest.param(
            (out(1, 1), out(2, 1)), (out(1, 1), out(2, 1), out(3, 1)), (out(1), out(2)), id="killed while it rekeyed"
        ),
        pytest.param(
            (out(1),),
            (out(1), Association(HERE, PEER, "ah", 3, 1, "tunnel")),
            (),
            id="another protocol's is none either",
        ),
    ],
)
def test_stale(
    recorded: tuple[Association, ...], present: tuple[Association, ...], gone: tuple[Association, ...]
) -> None:
    assert stale(recorded, present) == gone
