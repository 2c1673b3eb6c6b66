"""Composites: all faults of all parts, each with its path; good parts are there beside faulty ones."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from supervisor.documents import (
    FAULTY,
    Boolean,
    DocumentError,
    Field,
    ListOf,
    MapOf,
    Number,
    Optional,
    Record,
    Shape,
    Tagged,
    Text,
    TupleOf,
    names_twice,
    read_as,
)
from supervisor.documents.shape import MOST_FAULTS
from supervisor.values.errors import Fault

NAME = Text(r"[a-z]+", "must be lower case letters")
POINT = Record(dict, (Field("x", Number(0, 9), True), Field("y", Number(0, 9), name="height")))
OPEN = Record(dict, (Field("name", NAME, True), Field("add", Boolean())), is_open=True)
EITHER = Record(dict, (Field("a", NAME), Field("b", NAME)), exactly_one_of=("a", "b"))
HEADERS = Record(dict, (), extra=(Text(r"header_\w+"), NAME))
ROW = TupleOf((NAME, Optional(NAME)), "must be a name and another or null")
KIND = Tagged((("point", POINT), ("name", HEADERS)), lambda kind, attributes: (kind, attributes))

TAKEN: list[tuple[Shape, object, object]] = [
    (Optional(NAME), None, None),
    (ListOf(NAME), [], ()),
    (ListOf(NAME, minimum=1, is_set=True), ["a", "b"], ("a", "b")),
    (ROW, ["a", None], ("a", None)),
    (MapOf(NAME, Number(0, 9)), {"b": 1, "a": 2}, (("b", 1), ("a", 2))),
    (MapOf(NAME, POINT, lambda name, point: f"{name}{point['x']}"), {"p": {"x": 3}}, ("p3",)),
    (POINT, {"x": 1, "y": 2}, {"x": 1, "height": 2}),
    (POINT, {"x": 1}, {"x": 1}),
    (EITHER, {"b": "x"}, {"b": "x"}),
    (HEADERS, {"header_Host": "x"}, {"header_Host": "x"}),
    (KIND, {"point": {"x": 1}}, ("point", {"x": 1})),
]

REFUSED: list[tuple[Shape, object, list[str]]] = [
    (ListOf(NAME), "a", [": must be a list, not a text"]),
    (ListOf(NAME, minimum=2), ["a"], [": must have at least 2 items"]),
    (ListOf(NAME, is_set=True), ["b", "a", "b", "a"], [": lists a twice", ": lists b twice"]),
    (ListOf(NAME), ["A", "b", 1], ["[0]: must be lower", "[2]: must be a text"]),
    (ListOf(ListOf(NAME)), [[], ["A"]], ["[1][0]: must be lower"]),
    (ListOf(ROW), [["a"], "ab", ["a", "B"]], [f"[{index}]: must be a name and another or null" for index in range(3)]),
    (MapOf(NAME, NAME), [], [": must be a mapping, not a list"]),
    (MapOf(NAME, NAME, minimum=1), {}, [": must have at least 1 entry"]),
    (MapOf(NAME, NAME), {"A": "B", 1: "c"}, ["A: must be lower", "A: must be lower", "1: must be a text"]),
    (MapOf(NAME, NAME), {"a\x1b": "c"}, [r"'a\x1b': must be lower"]),
    (POINT, None, [": must be a mapping, not nothing"]),
    (POINT, {"y": 10, "z": 1}, ["y: must be between", "z: is not a known key (x, y)", "x: is missing"]),
    (EITHER, {}, [": must have exactly one of a, b"]),
    (HEADERS, {"footer": "x"}, ["footer: is not a known key ()"]),
    (KIND, {"point": {"x": 1}, "name": {}}, [": must be a mapping with one key (point, name)"]),
    (KIND, {"line": {}}, ["line: is not a known kind (point, name)"]),
    (KIND, {"point": {"x": -1}}, ["point.x: must be between"]),
    (KIND, {"point": []}, ["point: must be a mapping, not a list"]),
]


@pytest.mark.parametrize(("shape", "value", "expected"), TAKEN)
def test_a_value_that_fits_is_turned_into_ours(shape: Shape, value: object, expected: object) -> None:
    assert read_as(shape, value) == expected
    jsonschema.Draft202012Validator(shape.schema()).validate(value)


@pytest.mark.parametrize(("shape", "value", "problems"), REFUSED)
def test_every_fault_is_named_with_its_path(shape: Shape, value: object, problems: list[str]) -> None:
    with pytest.raises(DocumentError) as refused:
        read_as(shape, value)
    listed = [f"{fault.path}: {fault.problem}" for fault in refused.value.faults]
    assert len(listed) == len(problems)
    assert [fault for fault, problem in zip(listed, problems, strict=True) if not fault.startswith(problem)] == []


def read(shape: Shape, value: object) -> Any:
    return shape.read(value, "", [])


def test_good_parts_stay_beside_faulty_ones() -> None:
    assert read(ListOf(NAME), ["a", 1, "b"]) == ("a", FAULTY, "b")
    assert read(POINT, {"y": 3}) == {"x": FAULTY, "height": 3}
    assert read(MapOf(NAME, NAME), {"a": 1, "B": "c", "d": "e"}) == (("d", "e"),)


def test_an_open_record_passes_over_what_other_programs_add() -> None:
    assert read_as(OPEN, {"name": "x", "add": None, "colour": 3}) == {"name": "x"}
    with pytest.raises(DocumentError, match="name: is missing"):
        read_as(OPEN, {"name": None})
    with pytest.raises(DocumentError, match="add: must be true or false"):
        read_as(OPEN, {"name": "x", "add": "yes"})


def test_a_document_error_says_all_faults() -> None:
    error = DocumentError([Fault("a", "is odd"), Fault("", "is late")])
    assert str(error) == "a: is odd; is late"


def test_names_that_were_there_before() -> None:
    assert names_twice(["a", "b", "a", "c", "b", "a"]) == [(2, "a"), (4, "b"), (5, "a")]


def test_reading_ends_at_a_thousand_faults() -> None:
    faults: list[Fault] = []
    assert ListOf(Text()).read([0] * 100_000, "rules", faults) is FAULTY
    assert MapOf(Text(), Number(0, 1)).read(dict.fromkeys(map(str, range(100_000)), 2), "rules", []) is FAULTY
    assert len(faults) == MOST_FAULTS + 1
