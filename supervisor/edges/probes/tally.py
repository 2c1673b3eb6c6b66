"""Reads a daemon's own counters of failed work: a text from the interface that has it, numbers by regular expression.

A text that was cut short is not added up: half of the counters would look like an error that went away, or like work
that was never done.
"""

from __future__ import annotations

import re
import shlex
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from http.client import HTTPException

from supervisor.edges.probes.answer import excerpt, silence
from supervisor.edges.probes.arguments import Arguments
from supervisor.edges.probes.bounded import unix_connection
from supervisor.edges.probes.http import HEADER, Connection
from supervisor.values.errors import EngineError, ProbeError
from supervisor.values.manifest import Count, ProbeKind
from supervisor.values.state import ExecResult, ProbeTarget, ResolvedProbe, Tally

TEXT_LIMIT = 1 << 20
OUTPUT_LIMIT = 64 * 1024  # engines cut what a command prints here
KEY_GROUPS = ("name", "source")

Execute = Callable[[str, Sequence[str], float], ExecResult]
Answers = Callable[[str, int, Sequence[str]], str]


def read(source: ResolvedProbe, target: ProbeTarget, execute: Execute, answers: Answers) -> str:
    """Return the text with the counters of the daemon, or of the kernel for it.

    Raises ProbeError: when it cannot be read; NetworkError: when those of the kernel cannot.
    """
    if source.kind == ProbeKind.ANSWERS:
        arguments = Arguments(source, ("port", "servers"))
        return answers(target.container, arguments.port(), arguments.text("servers").split())
    try:
        match source.kind:
            case ProbeKind.SOCKET:
                content = _from_socket(source, target)
            case ProbeKind.HTTP:
                content = _from_http(source, target)
            case ProbeKind.EXEC:
                content = _from_command(source, target, execute)
            case kind:
                raise ProbeError(f"cannot read counters: {kind} tells none")
    except OSError as error:
        raise ProbeError(f"cannot read counters of {target.container}: {silence(error, source.timeout)}") from error
    if len(content) >= TEXT_LIMIT:
        raise ProbeError(f"cannot read counters of {target.container}: more than {TEXT_LIMIT // 1024} KiB came")
    return content.decode("utf-8", "replace")


def count(text: str, expressions: Count) -> tuple[Tally, ...]:
    """Return the sums of what the expressions match, for each name and client apart.

    Raises ProbeError: when one is no number.
    """
    whole, failed = _sums(text, expressions.total), _sums(text, expressions.failed)
    answered, declined = _sums(text, expressions.answered), _sums(text, expressions.declined)
    return tuple(
        Tally(
            name,
            sum(failed[name, source].values()),
            sum(whole[name, source].values()),
            source,
            sum(answered[name, source].values()) if expressions.answered else None,
            sum(declined[name, source].values()),
            tuple(sorted((kind, n) for kind, n in (failed[name, source] + declined[name, source]).items() if kind)),
        )
        for name, source in sorted(whole)
    )


def _sums(text: str, expression: str | None) -> defaultdict[tuple[str, str], Counter[str]]:
    """Return the sums by name and client, and within them by the names of the groups."""
    sums: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    if expression is None:
        return sums
    try:
        pattern = re.compile(expression)
    except re.error as error:
        raise ProbeError(f"cannot read counters: {expression!r} is not a regular expression: {error}") from None
    kinds = {number: kind for kind, number in pattern.groupindex.items()}
    for match in pattern.finditer(text):
        key = tuple(match[group] or "" if group in pattern.groupindex else "" for group in KEY_GROUPS)
        of_key = sums[key[0], key[1]]
        for group in range(1, pattern.groups + 1):
            if kinds.get(group) not in KEY_GROUPS and match[group]:
                of_key[kinds.get(group, "")] += _number(match[group])
    return sums


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ProbeError(f"cannot read counters: {excerpt(text, 40)} is not a number")
    return int(text)


def _from_socket(source: ResolvedProbe, target: ProbeTarget) -> bytes:
    """Return everything that comes until the daemon closes the connection."""
    arguments = Arguments(source, ("runtime", "path", "send"))
    place, line = arguments.socket_place(target), arguments.text("send")
    received = bytearray()
    with unix_connection(place, source.timeout) as connection:
        if line:
            connection.sendall(line.encode() + b"\n")
        while len(received) < TEXT_LIMIT and (chunk := connection.recv(65536)):
            received += chunk
    return bytes(received)


def _from_http(source: ResolvedProbe, target: ProbeTarget) -> bytes:
    arguments = Arguments(source, ("address", "port", "path", "method", "status"), prefixes=(HEADER,))
    status = arguments.number("status", 100, 599, default=200)
    headers = {name.removeprefix(HEADER): text for name, text in source.arguments if name.startswith(HEADER)}
    connection = Connection(arguments.address(target), arguments.port(), source.timeout)
    try:
        method, path = arguments.text("method", "GET").upper(), arguments.text("path", "/")
        connection.request(method, path, headers={"Connection": "close"} | headers)
        response = connection.getresponse()
        content = response.read(TEXT_LIMIT)
        if response.status != status or response.length:
            raise ProbeError(f"cannot read counters of {target.container}: answered {response.status} {excerpt(path)}")
        return content
    except (HTTPException, ValueError) as error:
        raise ProbeError(f"cannot read counters of {target.container}: {type(error).__name__}: {error}") from error
    finally:
        connection.close()


def _from_command(source: ResolvedProbe, target: ProbeTarget, execute: Execute) -> bytes:
    arguments = Arguments(source, ("command",))
    try:
        result = execute(target.container, shlex.split(arguments.required("command")), source.timeout)
    except (EngineError, ValueError) as error:
        raise ProbeError(f"cannot read counters of {target.container}: {error}") from error
    if result.exit_code != 0:
        said = excerpt((result.stderr or result.stdout).decode("utf-8", "replace"))
        raise ProbeError(f"cannot read counters of {target.container}: exit code {result.exit_code}; it said {said}")
    if len(result.stdout) >= OUTPUT_LIMIT:
        raise ProbeError(f"cannot read counters of {target.container}: more than {OUTPUT_LIMIT // 1024} KiB came")
    return result.stdout
