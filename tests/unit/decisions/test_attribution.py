"""Which file of a call is to blame for which fault."""

from __future__ import annotations

import time

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


def test_thousands_of_files_and_faults_are_told_apart_at_once() -> None:
    files = [TakenFile(f"{number}.json", (f"dhcpentry.10.1.{number >> 8}.{number & 255}",)) for number in range(5000)]
    faults = [Fault(f"{file.parts[0]}.host_name", "is no name") for file in files]
    began = time.process_time()
    found = fates(files, (), faults, {})
    assert time.process_time() - began < 1.0
    assert [one.name for one in found] == [file.name for file in files]
    assert {one.fate for one in found} == {REFUSED}


def test_the_last_file_that_speaks_of_a_part_is_to_blame() -> None:
    files = (GUEST, TakenFile("whole.json", ("dhcpentry",)), TakenFile("again.json", GUEST.parts), RULES)
    found = fates(files, (), (NAMELESS,), {})
    assert [one.fate for one in found] == [LIVE, LIVE, REFUSED, LIVE]
