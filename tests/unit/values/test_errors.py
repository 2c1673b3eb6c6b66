"""Errors: each class has a word for programs, and the base class is only a base."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from supervisor.values import errors
from supervisor.values.errors import EngineError, SupervisorError

PACKAGE = Path(errors.__file__).parents[2]


def test_a_class_without_a_word_cannot_be_made() -> None:
    with pytest.raises(TypeError, match="word"):
        type("SilentError", (EngineError,), {})


def test_the_base_class_is_raised_nowhere() -> None:
    raised = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == SupervisorError.__name__
    ]
    assert raised == []


def test_the_tree_in_the_docstring_lists_every_class() -> None:
    public = {name for name in errors.__all__ if name != "Fault"}
    assert {
        line.split("──")[-1].split()[0] for line in (errors.__doc__ or "").splitlines() if "Error" in line
    } == public
