"""Which file of a call is to blame for which fault."""

from __future__ import annotations

import pytest

from supervisor.decisions.attribution import fates
from supervisor.values.errors import Fault
from supervisor.values.intake import Fate, PartFate, TakenFile

GUEST = TakenFile("guest.json", ("dhcpentry.10.1.1.5",))
OTHER = TakenFile("other.json", ("dhcpentry.10.1.1.50",))
RULES = TakenFile("rules.json", ("loadbalancer",))
ALIASES = TakenFile("aliases.json", (), "ipaliases is not supported yet")
NAMELESS = Fault("dhcpentry.10.1.1.5.host_name", "is no name")
LINE = Fault("loadbalancer.configuration line 7", "is unknown")
LIVE, REFUSED = Fate.LIVE, Fate.REFUSED


@pytest.mark.parametrize(
    ("files", "before", "after", "refusals", "found"),
    [
        pytest.param((GUEST,), (), (), {}, (PartFate("guest.json", LIVE),), id="it serves"),
        pytest.param(
            (GUEST, RULES),
            (),
            (NAMELESS,),
            {},
            (PartFate("guest.json", REFUSED, str(NAMELESS)), PartFate("rules.json", LIVE)),
            id="the rest serves",
        ),
        pytest.param(
            (OTHER,), (NAMELESS,), (NAMELESS,), {}, (PartFate("other.json", LIVE),), id="another file's, of before"
        ),
        pytest.param(
            (GUEST,),
            (NAMELESS,),
            (NAMELESS,),
            {},
            (PartFate("guest.json", REFUSED, str(NAMELESS)),),
            id="sent again, refused again",
        ),
        pytest.param((RULES,), (), (LINE,), {}, (PartFate("rules.json", REFUSED, str(LINE)),), id="a line of its text"),
        pytest.param(
            (ALIASES,),
            (),
            (),
            {},
            (PartFate("aliases.json", Fate.PASSED_OVER, "ipaliases is not supported yet"),),
            id="none of our business",
        ),
        pytest.param(
            (OTHER,),
            (),
            (NAMELESS,),
            {},
            (PartFate("other.json", LIVE), PartFate(NAMELESS.path, Fate.LEFT_OUT, NAMELESS.problem)),
            id="what the call has made unusable",
        ),
        pytest.param(
            (GUEST, RULES),
            (),
            (),
            {"rules.json": "balancer: bad line 7"},
            (PartFate("guest.json", LIVE), PartFate("rules.json", REFUSED, "balancer: bad line 7")),
            id="a service refuses it",
        ),
        pytest.param(
            (GUEST, TakenFile("again.json", GUEST.parts)),
            (),
            (NAMELESS,),
            {},
            (PartFate("guest.json", LIVE), PartFate("again.json", REFUSED, str(NAMELESS))),
            id="the last word counts",
        ),
    ],
)
def test_fates(
    files: tuple[TakenFile, ...],
    before: tuple[Fault, ...],
    after: tuple[Fault, ...],
    refusals: dict[str, str],
    found: tuple[PartFate, ...],
) -> None:
    assert fates(files, before, after, refusals) == found
