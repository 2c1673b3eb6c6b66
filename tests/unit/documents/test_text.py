"""Texts of documents: what a reader could misunderstand is refused."""

from __future__ import annotations

import pytest

from supervisor.documents import DocumentError, read_json, read_yaml
from supervisor.values.errors import Fault

REFUSED: list[tuple[bytes, str, str]] = [
    (b"", "", "is empty"),
    (b"# only a remark", "", "is empty"),
    (b"\xff", "", "is not UTF-8 (byte 0)"),
    (b"a: [", "", "is not YAML: "),
    (b"a: 1\n---\nb: 2", "", "is not YAML: "),
    (b"a: !!python/name:os.system x", "", "is not YAML: "),
    (b"a: 2001-99-99", "", "is not usable YAML: "),
    (b"a: &x 1\nb: *x", "", "uses a YAML alias (*name)"),
    (b"a: {b: 1, c: 2, b: 3}", "a.b", "is given twice (line 1)"),
    (b"- {b: 1}\n- {c: 1,\n   c: 2}", "[1].c", "is given twice (line 3)"),
    (b"a: " + b"[" * 40 + b"]" * 40, "", "is nested more than 32 deep"),
    (b"a: " + b"x" * (1 << 18), "", "is larger than 256 KiB"),
]


@pytest.mark.parametrize(("content", "path", "problem"), REFUSED, ids=range(len(REFUSED)))
def test_a_text_that_could_be_misunderstood_is_refused(content: bytes, path: str, problem: str) -> None:
    with pytest.raises(DocumentError) as refused:
        read_yaml(content)
    (fault,) = refused.value.faults
    assert fault.path == path
    assert fault.problem.startswith(problem)


def test_all_duplicates_come_at_once() -> None:
    with pytest.raises(DocumentError) as refused:
        read_yaml(b"a: 1\nb: {c: 1, c: 2}\na: 2\n")
    assert refused.value.faults == (Fault("b.c", "is given twice (line 2)"), Fault("a", "is given twice (line 3)"))


def test_yaml_becomes_plain_python() -> None:
    assert read_yaml(b"a: [1, 2.5, 'x', null, true]\n") == {"a": [1, 2.5, "x", None, True]}


@pytest.mark.parametrize(
    ("content", "document"),
    [
        pytest.param(b"", None, id="empty"),
        pytest.param(b"a: 1\na: 2", {"a": 2}, id="the last of duplicates"),
        pytest.param(b"a: &x [1]\nb: *x", {"a": [1], "b": [1]}, id="aliases"),
    ],
)
def test_a_lenient_reading_takes_what_older_files_may_have(content: bytes, document: object) -> None:
    assert read_yaml(content, is_lenient=True) == document


def test_json_becomes_plain_python() -> None:
    assert read_json(b'{"a": [1, null, true]}') == {"a": [1, None, True]}


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[" * 100_000], ids=["cut", "bytes", "deep"])
def test_a_text_that_is_not_json_is_refused(content: bytes) -> None:
    with pytest.raises(DocumentError, match="is not JSON"):
        read_json(content)
