"""Reads a daemon's own counters of failed work: a text from where the daemon tells it, numbers by regular expression.

What was cut short is not added up: half of the counters would look like an error that went away, or like work that
was never done.
"""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Callable, Sequence
from http.client import HTTPException

from supervisor.edges.probes.answer import excerpt, silence
from supervisor.edges.probes.arguments import Arguments
from supervisor.edges.probes.bounded import unix_connection
from supervisor.edges.probes.http import HEADER, Connection
from supervisor.values.errors import EngineError, ProbeError
from supervisor.values.manifest import ProbeKind
from supervisor.values.state import ExecResult, ProbeTarget, ResolvedProbe, Tally

TEXT_LIMIT = 1 << 20
OUTPUT_LIMIT = 64 * 1024  # engines cut what a command prints here
NAME_GROUP = "name"

Execute = Callable[[str, Sequence[str], float], ExecResult]
Answers = Callable[[str, int], str]


def read(source: ResolvedProbe, target: ProbeTarget, execute: Execute, answers: Answers) -> str:
    """Return what the daemon tells, or the kernel of it. ProbeError, and NetworkError of the kernel."""
    if source.kind == ProbeKind.ANSWERS:
        return answers(target.container, Arguments(source, ("port",)).port())
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


def count(text: str, failed: str, total: str) -> tuple[Tally, ...]:
    """Add up what the expressions find, for each name apart. ProbeError."""
    failures, all_of_it = _sums(text, failed), _sums(text, total)
    return tuple(Tally(name, failures[name], all_of_it[name]) for name in sorted(all_of_it))


def _sums(text: str, expression: str) -> Counter[str]:
    sums: Counter[str] = Counter()
    try:
        pattern = re.compile(expression)
    except re.error as error:
        raise ProbeError(f"cannot read counters: {expression!r} is not a regular expression: {error}") from None
    name_group = pattern.groupindex.get(NAME_GROUP)
    for match in pattern.finditer(text):
        name = match[NAME_GROUP] or "" if name_group else ""
        numbers = [match[group] for group in range(1, pattern.groups + 1) if group != name_group and match[group]]
        for number in numbers:
            if not (number.isascii() and number.isdigit()):
                raise ProbeError(f"cannot read counters: {excerpt(number, 40)} is not a number")
        sums[name] += sum(map(int, numbers))
    return sums


def _from_socket(source: ResolvedProbe, target: ProbeTarget) -> bytes:
    """All that comes until the daemon closes."""
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
