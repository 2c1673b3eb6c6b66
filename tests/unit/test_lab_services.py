"""What the lab knows of services: one module for each, found by listing, and no table of services beside them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.clients import Client
from lab.service import ServiceUnderTest
from lab.services import SERVICES, busiest, modules, takeovers

ROOT = Path(__file__).resolve().parents[2]
PLACES = ("lab", "bench", "tests/faults", "tests/integration")
FILES = sorted(
    path
    for place in PLACES
    for path in (ROOT / place).rglob("*.py")
    if not path.is_relative_to(ROOT / "lab" / "services")
)


def test_every_folder_of_services_is_one() -> None:
    assert set(SERVICES) == {path.parent.name for path in (ROOT / "services").glob("*/manifest.yaml")}
    assert all(service.name == name for name, service in SERVICES.items())


def test_no_module_is_about_a_service_that_is_gone() -> None:
    assert set(modules()) <= set(SERVICES)


def test_a_service_that_nothing_is_known_of_has_no_clients() -> None:
    unknown = ServiceUnderTest(name="unknown")
    assert (unknown.loads(1.0), unknown.steady_loads(1.0), unknown.long_loads(1.0)) == ((), (), ())
    assert (unknown.silence, unknown.change, unknown.recovery) == (None, None, None)


@pytest.mark.parametrize("name", SERVICES)
def test_clients_of_a_service_have_names_of_their_own(name: str) -> None:
    service = SERVICES[name]
    for loads in (service.loads, service.steady_loads, service.long_loads, *service.parts.values()):
        labels = [load.label for load in loads(7.0)]
        assert len(set(labels)) == len(labels)
        clients: list[Client] = [load.client for load in loads(7.0)]
        assert all(client.argv() for client in clients)


def test_labels_of_steady_clients_do_not_repeat_among_services() -> None:
    labels = [load.label for service in SERVICES.values() for load in service.steady_loads(1.0)]
    assert len(set(labels)) == len(labels)


def test_services_are_chosen_by_what_their_manifests_say() -> None:
    for isolated in (True, False):
        assert SERVICES[busiest(isolated=isolated)].is_isolated is isolated
    assert set(takeovers()) == {name for name, service in SERVICES.items() if service.is_takeover}


def tables(tree: ast.AST) -> Iterator[str]:
    """Yield the places where several services stand in one collection, or a name is compared with one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.List | ast.Tuple | ast.Set | ast.Dict) and len(services_in(node)) > 1:
            yield f"line {node.lineno} lists {sorted(services_in(node))}"
        if isinstance(node, ast.Compare | ast.match_case) and services_in(node):
            yield f"line {getattr(node, 'lineno', 0)} compares with {sorted(services_in(node))}"


def services_in(node: ast.AST) -> set[str]:
    constants = (part.value for part in ast.walk(node) if isinstance(part, ast.Constant))
    return {value for value in constants if isinstance(value, str) and value in SERVICES}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_table_of_services_is_kept_outside_their_modules(path: Path) -> None:
    assert list(tables(ast.parse(path.read_text(encoding="utf-8")))) == []


def test_such_a_table_would_be_found() -> None:
    first, second, *_ = SERVICES
    assert list(tables(ast.parse(f"X = {{{first!r}: 1, {second!r}: 2}}")))
    assert list(tables(ast.parse(f"X = name == {first!r}")))
    assert not list(tables(ast.parse(f"X = ({first!r}, 'rival')")))
