"""Collects from the source the words that the program writes: names of events, of log lines and of progress phases.

A word is an argument of a call: `EventRecord(time, service, NAME, text)`, `log.info(NAME)`, `Progress(service, PHASE)`.
Where the argument is a parameter of the function around it, the callers of that function are read in its stead.
What remains unknown (a member of an enum, say) is left out: those words are collected from the enums.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

Words = dict[str, list[str]]
PAIRED = {"item-in-trouble", "item-out-of-trouble"}  # events that a decision returns with their texts
LEVELS = ("debug", "info", "warning", "error", "exception", "critical")


@dataclass(frozen=True)
class Sink:
    """An argument that names something: of the calls of `callee` (in one module, or in all) at `index`."""

    callee: str
    index: int
    keyword: str
    module: Path | None = None
    owner: str = ""  # a name that an attribute call has before the dot; empty: any


def vocabulary(package: Path) -> Words:
    """Return the words by their kind, sorted."""
    sources = {path: ast.parse(path.read_text()) for path in sorted(package.rglob("*.py")) if "_pb2" not in path.name}
    kinds = {
        "events": [Sink("EventRecord", 2, "name"), Sink("_log_event", 1, "name"), Sink("tell", 1, "name")],
        "log lines": [Sink(level, 0, "msg", owner="log") for level in LEVELS],
        "progress phases": [Sink("Progress", 1, "phase")],
    }
    words = {kind: set(_words(sources, sinks)) for kind, sinks in kinds.items()}
    words["events"] |= constants(package) & PAIRED
    return {kind: sorted(names) for kind, names in words.items()}


def constants(package: Path) -> frozenset[str]:
    """Return every text that is written down in the source."""
    trees = (ast.parse(path.read_text()) for path in package.rglob("*.py") if "_pb2" not in path.name)
    nodes = (node for tree in trees for node in ast.walk(tree))
    return frozenset(node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))


def _words(sources: dict[Path, ast.Module], sinks: list[Sink]) -> Iterator[str]:
    seen: set[Sink] = set()
    open_sinks = list(sinks)
    while open_sinks:
        sink = open_sinks.pop()
        if sink in seen:
            continue
        seen.add(sink)
        for path, tree in sources.items():
            if sink.module in (None, path):
                for words, more in _of_module(path, tree, sink):
                    yield from words
                    open_sinks += more


def _of_module(path: Path, tree: ast.Module, sink: Sink) -> Iterator[tuple[list[str], list[Sink]]]:
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    methods = {id(child) for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for child in node.body}
    for function in functions:
        for call in ast.walk(function):
            if isinstance(call, ast.Call) and _is_of(call, sink):
                value = _argument(call, sink)
                if value is not None:
                    yield _resolve(value, function, path, is_method=id(function) in methods)


def _is_of(call: ast.Call, sink: Sink) -> bool:
    if isinstance(call.func, ast.Name):
        return call.func.id == sink.callee and not sink.owner
    if isinstance(call.func, ast.Attribute):
        return call.func.attr == sink.callee and sink.owner in ("", ast.unparse(call.func.value))
    return False


def _argument(call: ast.Call, sink: Sink) -> ast.expr | None:
    named = next((item.value for item in call.keywords if item.arg == sink.keyword), None)
    if named is not None or len(call.args) <= sink.index:
        return named
    return call.args[sink.index]


def _resolve(
    value: ast.expr, function: ast.FunctionDef, path: Path, *, is_method: bool
) -> tuple[list[str], list[Sink]]:
    if isinstance(value, ast.Constant):
        return ([value.value] if isinstance(value.value, str) and value.value else []), []
    if isinstance(value, ast.IfExp):
        first = _resolve(value.body, function, path, is_method=is_method)
        second = _resolve(value.orelse, function, path, is_method=is_method)
        return first[0] + second[0], first[1] + second[1]
    if not isinstance(value, ast.Name):
        return [], []
    parameters = [argument.arg for argument in function.args.args][1 if is_method else 0 :]
    if value.id in parameters:
        module = path if function.name.startswith("_") else None
        return [], [Sink(function.name, parameters.index(value.id), value.id, module)]
    assigned = [
        node.value
        for node in ast.walk(function)
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == value.id for t in node.targets)
    ]
    resolved = [_resolve(item, function, path, is_method=is_method) for item in assigned if item is not value]
    return [word for words, _ in resolved for word in words], [sink for _, more in resolved for sink in more]
