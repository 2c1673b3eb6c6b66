"""No traceback reaches people: it goes to a log, under a reference that they are given."""

from __future__ import annotations

import re

import click
import pytest
from click.testing import CliRunner

from supervisor.surface.cli.root import Root
from supervisor.surface.last_net import crashed


def test_a_crash_is_written_down_line_by_line() -> None:
    written: list[str] = []
    try:
        {}["absent"]  # type: ignore[index]
    except KeyError as error:
        line = crashed("vrctl", error, written.append)
    reference = line.rpartition(" ")[2]
    assert line == f"cannot go on: internal error, KeyError; the system log has it as {reference}"
    assert written[0] == f"vrctl {reference}: Traceback (most recent call last):"
    assert written[-1] == f"vrctl {reference}: KeyError: 'absent'"


@click.group(cls=Root)
def program() -> None:
    """Has commands that fail."""


@program.command()
def fails() -> None:
    raise KeyError("absent")


@program.command()
def breaks_off() -> None:
    try:
        raise KeyboardInterrupt
    except KeyboardInterrupt:
        raise RuntimeError("cannot release a lock") from None


@program.command()
@click.argument("number", type=int)
def misused(number: int) -> None:
    """Take a number."""


@pytest.mark.parametrize(
    ("arguments", "code", "output"),
    [
        (["fails"], 1, r"vrctl: cannot go on: internal error, KeyError; the system log has it as [0-9a-f]{8}\n"),
        (["breaks-off"], 130, ""),
        (["misused", "x"], 2, r"Usage: (.|\n)*'x' is not a valid integer\.\n"),
        (["misused", "--help"], 0, r"Usage: (.|\n)*Take a number(.|\n)*"),
    ],
)
def test_a_command_ends_with_a_line(arguments: list[str], code: int, output: str) -> None:
    result = CliRunner().invoke(program, arguments)
    assert result.exit_code == code
    assert re.fullmatch(output, result.output)
