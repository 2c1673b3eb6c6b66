"""Scalars: each shape takes what it declares, and names the place and the reason of what it refuses."""

from __future__ import annotations

from enum import StrEnum
from ipaddress import IPv4Address

import jsonschema
import pytest

from supervisor.documents import (
    FAULTY,
    Amount,
    Boolean,
    Choice,
    Integer,
    Number,
    Parsed,
    Quantity,
    Shape,
    Text,
    Version,
)
from supervisor.values.errors import Fault


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


NAME = Text(r"[a-z]+", "must be lower case letters", 8)
TEMPLATE = Text(takes_numbers=True)
ADDRESS = Parsed(IPv4Address, "must be an IPv4 address", 40)
SMALL = Number(1, 10)
TIME = Quantity("duration", "30s", (("ms", 0.001), ("s", 1.0)), 60.0)
TIME_OR_ZERO = Quantity("duration", "30s", (("s", 1.0),), 60.0, may_be_zero=True)
SIZE = Quantity("size", "1KiB", (("KiB", 1024),), 4096.0, is_whole=True)
HUGE = 1 << 20_000  # Python writes no decimal number of so many digits

TAKEN: list[tuple[Shape, object, object]] = [
    (NAME, "abc", "abc"),
    (TEMPLATE, 53, "53"),
    (ADDRESS, "10.0.0.1", IPv4Address("10.0.0.1")),
    (SMALL, 10, 10),
    (SMALL, 3.0, 3),
    (Integer(), 1 << 70, 1 << 70),
    (Amount("seconds"), 3, 3.0),
    (Amount("seconds"), 0, 0.0),
    (Amount("seconds"), 0.5, 0.5),
    (Boolean(), False, False),
    (Version((1,)), 1, 1),
    (TIME, "250ms", 0.25),
    (TIME, 2, 2.0),
    (TIME_OR_ZERO, 0, 0.0),
    (SIZE, "4KiB", 4096),
    (SIZE, 7.0, 7),
    (Choice.of(Colour), "red", Colour.RED),
]

REFUSED: list[tuple[Shape, object, str]] = [
    (NAME, "Abc", "must be lower case letters, not 'Abc'"),
    (NAME, "abc\n", r"must be lower case letters, not 'abc\n'"),
    (NAME, "", "must not be empty"),
    (NAME, "a" * 9, "is longer than 8 characters"),
    (NAME, 3, "must be a text, not a number"),
    (NAME, None, "must be a text, not nothing"),
    (TEMPLATE, True, "must be a text, not a boolean"),
    (ADDRESS, "10.0.0", "must be an IPv4 address, not '10.0.0'"),
    (ADDRESS, 10, "must be a text, not a number"),
    (ADDRESS, "1" * 41, "is longer than 40 characters"),
    (SMALL, 11, "must be between 1 and 10, not 11"),
    (SMALL, HUGE, "must be between 1 and 10, not a very large number"),
    (SMALL, 1.5, "must be a whole number, not a number"),
    (SMALL, True, "must be a whole number, not a boolean"),
    (Integer(), 3.0, "must be a whole number, not a number"),
    (Integer(), True, "must be a whole number, not a boolean"),
    (Amount("seconds"), -1, "must be a number of seconds, not -1"),
    (Amount("seconds"), float("nan"), "must be a number of seconds, not nan"),
    (Amount("seconds"), HUGE, "must be a number of seconds, not a very large number"),
    (Amount("seconds"), "3s", "must be a number of seconds, not '3s'"),
    (Boolean(), "yes", "must be true or false, not a text"),
    (Version((1,)), True, "must be 1: this supervisor knows no other version of the syntax"),
    (TIME, "3 s", "must be a duration like 30s, not '3 s'"),
    (TIME, 0, "must be a duration above zero"),
    (TIME, "61s", "is above the greatest duration allowed (60)"),
    (TIME, float("inf"), "must be a duration like 30s, not inf"),
    (TIME, HUGE, "is above the greatest duration allowed (60)"),
    (TIME_OR_ZERO, -1, "must be a duration above zero"),
    (SIZE, 1.5, "must be a size like 1KiB, not 1.5"),
    (Choice.of(Colour), "green", "'green' is not known (red, blue)"),
    (Choice(("a",), listed="the manual"), "b", "'b' is not known (see the manual)"),
    (Choice(("a",)), ["a"], "['a'] is not known (a)"),
]


@pytest.mark.parametrize(("shape", "value", "expected"), TAKEN, ids=range(len(TAKEN)))
def test_a_value_that_fits_is_turned_into_ours(shape: Shape, value: object, expected: object) -> None:
    faults: list[Fault] = []
    taken = shape.read(value, "key", faults)
    assert (taken, type(taken), faults) == (expected, type(expected), [])
    jsonschema.Draft202012Validator(shape.schema()).validate(value)


@pytest.mark.parametrize(("shape", "value", "problem"), REFUSED, ids=range(len(REFUSED)))
def test_a_value_that_does_not_fit_is_a_fault_of_its_place(shape: Shape, value: object, problem: str) -> None:
    faults: list[Fault] = []
    assert shape.read(value, "key", faults) is FAULTY
    assert faults == [Fault("key", problem)]
