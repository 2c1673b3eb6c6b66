"""Command probe: a command inside the container ends with 0, and a pattern is in its output."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence

from supervisor.edges.probes.answer import Answer, excerpt
from supervisor.edges.probes.arguments import Arguments
from supervisor.values.errors import EngineError
from supervisor.values.state import ExecResult, ProbeTarget, ResolvedProbe


def ask(
    probe: ResolvedProbe, target: ProbeTarget, execute: Callable[[str, Sequence[str], float], ExecResult]
) -> Answer:
    arguments = Arguments(probe, ("command", "expect"))
    text, pattern = arguments.required("command"), arguments.pattern()
    try:
        command = shlex.split(text)
    except ValueError as error:
        raise arguments.error(f"command is {text!r}, which cannot be split: {error}") from None
    question = f"command {text!r} in {target.container}"
    try:
        result = execute(target.container, command, probe.timeout)
    except EngineError as error:  # gone, stopped or hanging: that is the service failing
        return Answer(False, question, str(error))
    output = result.stdout.decode("utf-8", "replace")
    if result.exit_code != 0:
        said = excerpt(result.stderr.decode("utf-8", "replace") or output)
        return Answer(False, question, f"exit code {result.exit_code}, expected 0; it said {said}")
    if pattern and not pattern.search(output):
        return Answer(False, question, f"printed {excerpt(output)}, expected {pattern.pattern!r} in it")
    return Answer(True, question, "exit code 0" + (f" with {pattern.pattern!r}" if pattern else ""))
