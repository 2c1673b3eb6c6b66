"""Command probe: a command inside the container ends with 0, and a pattern is in its output."""

from __future__ import annotations

import shlex

from supervisor.edges.probes.answer import Answer, excerpt, whole_text
from supervisor.edges.probes.arguments import Arguments
from supervisor.edges.probes.handler import Handler, Means
from supervisor.values.errors import EngineError, ProbeError
from supervisor.values.manifest import ProbeKind, Use
from supervisor.values.state import ProbeTarget, ResolvedProbe

OUTPUT_LIMIT = 64 * 1024  # engines cut the output of a command here


def ask(probe: ResolvedProbe, target: ProbeTarget, means: Means) -> Answer:
    arguments = Arguments(probe, Use.ASK)
    text, pattern = arguments.required("command"), arguments.pattern()
    try:
        command = shlex.split(text)
    except ValueError as error:
        raise arguments.error(f"command is {text!r}, which cannot be split: {error}") from None
    question = f"command {text!r} in {target.container}"
    try:
        result = means.execute(target.container, command, probe.timeout)
    except EngineError as error:  # gone, stopped or hanging: that is the service failing
        return Answer(False, question, str(error))
    output = result.stdout.decode("utf-8", "replace")
    if result.exit_code != 0:
        said = excerpt(result.stderr.decode("utf-8", "replace") or output)
        return Answer(False, question, f"exit code {result.exit_code}, expected 0; it said {said}")
    if pattern and not pattern.search(output):
        return Answer(False, question, f"printed {excerpt(output)}, expected {pattern.pattern!r} in it")
    return Answer(True, question, "exit code 0" + (f" with {pattern.pattern!r}" if pattern else ""))


def read(source: ResolvedProbe, target: ProbeTarget, means: Means) -> str:
    """Return the output of the command; its exit code has to be 0."""
    arguments = Arguments(source, Use.READ)
    try:
        result = means.execute(target.container, shlex.split(arguments.required("command")), source.timeout)
    except (EngineError, ValueError) as error:
        raise ProbeError(f"cannot read counters of {target.container}: {error}") from error
    if result.exit_code != 0:
        said = excerpt((result.stderr or result.stdout).decode("utf-8", "replace"))
        raise ProbeError(f"cannot read counters of {target.container}: exit code {result.exit_code}; it said {said}")
    if len(result.stdout) >= OUTPUT_LIMIT:
        raise ProbeError(f"cannot read counters of {target.container}: more than {OUTPUT_LIMIT // 1024} KiB came")
    return whole_text(result.stdout, target)


HANDLER = Handler(ProbeKind.EXEC, ask=ask, read=read)
