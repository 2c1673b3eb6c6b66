"""Names of fault points: what nobody would ever come to is refused."""

from __future__ import annotations

import pytest

from supervisor.loop.fault_points import Moment
from supervisor.values.handover import Step
from tests.faults.injection import Effect, Fault


def test_a_name_is_read() -> None:
    assert Fault.parse("dnsmasq/cut-over/before") == Fault("dnsmasq", Step.CUT_OVER, Moment.BEFORE)
    assert Fault.parse("dnsmasq/soak/after/hang") == Fault("dnsmasq", Step.SOAK, Moment.AFTER, Effect.HANG)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dnsmasq/soak", "is not service/step/moment"),
        ("nosuch/stage/before", "'nosuch' is no service; known are apache-metadata, dnsmasq"),
        ("dnsmasq/nosuch/before", "'nosuch' is no step; known are stage"),
        ("dnsmasq/stage/nosuch", "'nosuch' is no moment; known are before"),
        ("dnsmasq/stage/before/nosuch", "'nosuch' is no effect; known are kill"),
    ],
)
def test_what_is_unknown_is_told_with_what_is_known(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Fault.parse(text)
