"""Handlers: every kind of probe that a manifest may name is served, for every use that it declares."""

from __future__ import annotations

from importlib import import_module

import pytest

from supervisor.edges.probes.registry import HANDLERS
from supervisor.values.manifest import ProbeKind, Use, kinds_for

DECLARED = [(kind, use) for use in Use for kind, _ in kinds_for(use)]


def test_the_kinds_that_are_served_are_the_kinds_that_there_are() -> None:
    assert sorted(HANDLERS) == sorted(ProbeKind)


@pytest.mark.parametrize("kind", ProbeKind)
def test_a_kind_has_the_module_of_its_name(kind: ProbeKind) -> None:
    assert hasattr(import_module(f"supervisor.edges.probes.{kind}"), "HANDLER")


@pytest.mark.parametrize(("kind", "use"), DECLARED)
def test_a_declared_use_is_served(kind: ProbeKind, use: Use) -> None:
    handler = HANDLERS[kind]
    served = {
        Use.ASK: handler.ask,
        Use.LOOK: handler.look or handler.ask,
        Use.CALL: handler.call or handler.ask,
        Use.READ: handler.read,
        Use.LINES: handler.read,
        Use.REPLAY: handler.replay,
    }
    assert served[use]


@pytest.mark.parametrize("kind", ProbeKind)
def test_a_use_that_is_served_is_declared(kind: ProbeKind) -> None:
    handler = HANDLERS[kind]
    served = {
        Use.ASK: handler.ask,
        Use.LOOK: handler.look,
        Use.CALL: handler.call,
        Use.READ: handler.read,
        Use.REPLAY: handler.replay,
    }
    assert {use for use, function in served.items() if function} <= {use for of, use in DECLARED if of is kind}
