"""Lines for terminals and logs: what others wrote into them does nothing there."""

from __future__ import annotations

import logging

import pytest

from supervisor.surface.cli.exits import line_of
from supervisor.surface.log_format import FactsFormatter
from supervisor.values.errors import StateError


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("cannot accept \x1b[2Jx", "vrctl: cannot accept \\x1b[2Jx"),
        ("one\ntwo\rthree", "vrctl: one two three"),
        ("half \udcff", "vrctl: half \\udcff"),
        ("grün", "vrctl: grün"),
    ],
)
def test_a_message_is_one_line_without_control_characters(message: str, line: str) -> None:
    assert line_of(StateError(message)) == line


@pytest.mark.parametrize(
    ("fact", "said"), [("a\x1b[2J", r"'a\x1b[2J'"), ("a\rb", r"'a\rb'"), ("a b", "'a b'"), ("eth0", "eth0"), ("", "")]
)
def test_a_fact_in_the_log_is_quoted_when_it_is_more_than_a_word(fact: str, said: str) -> None:
    record = logging.LogRecord("x", logging.INFO, "", 0, "seen", (), None)
    record.__dict__["file"] = fact
    assert FactsFormatter().format(record).endswith(f" info seen file={said}")
