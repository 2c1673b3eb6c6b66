"""Kinds of probes: the arguments that are declared for each use."""

from __future__ import annotations

import pytest

from supervisor.values.manifest import Form, ProbeKind, Use, arguments_of, kinds_for


@pytest.mark.parametrize(
    ("use", "kinds"),
    [
        (Use.ASK, "dns dhcp http tcp tls socket vici exec"),
        (Use.LOOK, "dns dhcp http tcp tls socket vici exec"),
        (Use.CALL, "vici exec"),
        (Use.READ, "http socket exec answers"),
        (Use.LINES, "socket"),
        (Use.REPLAY, "leases"),
    ],
)
def test_each_use_has_its_kinds(use: Use, kinds: str) -> None:
    assert [kind for kind, _ in kinds_for(use)] == kinds.split()


@pytest.mark.parametrize(
    ("kind", "use", "names"),
    [
        (ProbeKind.TCP, Use.ASK, "port! address"),
        (ProbeKind.TCP, Use.LOOK, "port! address"),
        (ProbeKind.VICI, Use.ASK, "runtime! path! connections"),
        (ProbeKind.VICI, Use.LOOK, "runtime! path! connection! children!"),
        (ProbeKind.EXEC, Use.READ, "command!"),
        (ProbeKind.SOCKET, Use.LINES, "runtime! path! send!"),
    ],
)
def test_a_use_has_its_arguments(kind: ProbeKind, use: Use, names: str) -> None:
    declared = arguments_of(kind, use) or ()
    assert [f"{argument.name}{'!' if argument.is_required else ''}" for argument in declared] == names.split()


def test_a_kind_lacks_other_uses() -> None:
    assert arguments_of(ProbeKind.LEASES, Use.ASK) is None
    assert arguments_of(ProbeKind.LEASES, Use.LOOK) is None
    assert arguments_of(ProbeKind.DNS, Use.READ) is None


def test_a_port_is_a_port_wherever_it_stands() -> None:
    ports = {
        argument.form
        for use in Use
        for _, arguments in kinds_for(use)
        for argument in arguments
        if argument.name == "port"
    }
    assert ports == {Form.PORT}
