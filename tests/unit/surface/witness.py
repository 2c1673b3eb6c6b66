"""What others see of the supervisor, as text: made once by the former commit, and compared with what it is now.

`python -m tests.unit.surface.witness FOLDER` writes the files of `tests/data/surface` (its README says from where).
"""

from __future__ import annotations

import io
import json
import os
import re
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import Any

import click
import grpc
from click.testing import CliRunner
from google.protobuf import text_format
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from rich.console import Console, RenderableType

import supervisor
from supervisor.decisions.handover import TABLES
from supervisor.edges.store import SqliteStore
from supervisor.loop.fault_points import Moment
from supervisor.surface.api.faults import ApiError, TooManyStreamsError, UnreachableError, code_of, reason_of
from supervisor.surface.api.server import ApiServer
from supervisor.surface.api.supervisor_pb2 import DESCRIPTOR
from supervisor.surface.cli import tables
from supervisor.surface.cli.caller import caller
from supervisor.surface.cli.exits import Exit, InputError, OperationFailedError, exit_of
from supervisor.surface.cli.root import vrctl
from supervisor.surface.daemon import cli as daemon
from supervisor.surface.metrics import StatusCollector
from supervisor.values import errors
from supervisor.values.errors import Fault, SupervisorError
from supervisor.values.handover import Direction, Kind, Mode, Outcome, Step
from supervisor.values.intake import Fate
from supervisor.values.status import Progress, ServiceState
from supervisor.values.undertaking import UndertakingState
from tests.unit.surface.filled import BARE_STATUS, RECORDS, STATUS, STEPS, T0, FilledControl
from tests.unit.surface.vocabulary import vocabulary

PACKAGE = Path(supervisor.__file__).parent
Text = dict[str, Any]

# ---------------------------------------------------------------- the wire


def wire() -> str:
    """Return every message, field, number, service and method of the API."""
    return text_format.MessageToString(FileDescriptorProto.FromString(DESCRIPTOR.serialized_pb))


class Recorder(grpc.ServerInterceptor):  # type: ignore[type-arg]
    """Writes down each call that reaches a server, and all that is answered."""

    def __init__(self) -> None:
        self.calls: list[Text] = []

    def intercept_service(self, continuation: Callable[..., Any], details: grpc.HandlerCallDetails) -> Any:
        handler = continuation(details)
        name = str(details.method).rpartition("/")[2]

        def unary(request: Any, context: grpc.ServicerContext) -> Any:
            call = self._begin(name, request)
            answer = handler.unary_unary(request, context)
            call["answers"].append(_message(answer))
            return answer

        def stream(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
            call = self._begin(name, request)
            for answer in handler.unary_stream(request, context):
                call["answers"].append(_message(answer))
                yield answer

        if handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(
                stream, handler.request_deserializer, handler.response_serializer
            )
        return grpc.unary_unary_rpc_method_handler(unary, handler.request_deserializer, handler.response_serializer)

    def _begin(self, name: str, request: Any) -> Text:
        call: Text = {"method": name, "request": _message(request), "answers": []}
        self.calls.append(call)
        return call


def _message(message: Any) -> str:
    return f"{message.DESCRIPTOR.name} {text_format.MessageToString(message, as_one_line=True, as_utf8=True)}".strip()


# ---------------------------------------------------------------- commands

COMMANDS: tuple[tuple[str, ...], ...] = (
    ("status",),
    ("plan",),
    ("plan", "--bundle", "2026.2"),
    ("history",),
    ("history", "alpha", "-n", "5"),
    ("logs", "alpha"),
    ("logs", "alpha", "-n", "7"),
    ("logs", "alpha", "--tail", "0"),
    ("events",),
    ("swap", "alpha"),
    ("swap", "alpha", "--to", "2.0", "--no-soak", "--force"),
    ("swap", "alpha", "--no-wait"),
    ("upgrade",),
    ("upgrade", "--bundle", "2026.2", "--no-wait"),
    ("rollback", "alpha"),
    ("rollback", "alpha", "--no-wait"),
    ("restart", "alpha"),
    ("restart", "alpha", "--no-wait"),
    ("confirm", "alpha"),
    ("pin", "alpha"),
    ("unpin", "alpha"),
    ("bundle", "list"),
    ("bundle", "verify", "/x.iso"),
    ("bundle", "import", "/x.iso"),
    ("bundle", "import", "/x.iso", "--allow-downgrade"),
    ("bundle", "prune"),
    ("config", "show"),
    ("config", "apply", "FOLDER"),
    ("config", "apply", "FOLDER/a.json", "--timeout", "2.5", "--no-wait"),
    ("config", "diff", "FOLDER"),
    ("version",),
    ("completion", "bash"),
)
GOOD = tuple(line for line in FilledControl().lines if not line.error)


@contextmanager
def served(control: FilledControl) -> Iterator[tuple[Path, Recorder]]:
    """Serve the control on a socket in a folder that has two command files."""
    with tempfile.TemporaryDirectory() as name:
        folder, recorder = Path(name), Recorder()
        (folder / "commands").mkdir()
        (folder / "commands" / "a.json").write_bytes(b'{"a": "\xc3\xa4"}')
        (folder / "commands" / "b.json").write_bytes(b"\xff")
        server = ApiServer(control, folder / "api.sock", interceptors=[recorder])
        server.start()
        try:
            yield folder, recorder
        finally:
            server.stop(0)


def _ask(folder: Path, *arguments: str) -> Text:
    given = [argument.replace("FOLDER", str(folder / "commands")) for argument in arguments]
    result = CliRunner().invoke(vrctl, ["--socket", str(folder / "api.sock"), *given])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    texts = result.stdout_bytes.decode(errors="backslashreplace"), result.stderr
    out, err = (text.replace(str(folder), "FOLDER") for text in texts)
    return {"command": " ".join(arguments), "exit": result.exit_code, "stdout": out.splitlines(), "stderr": err}


def commands() -> list[Text]:
    """Return what every command prints, as text and as JSON, how it exits, and its calls."""
    control, answers = FilledControl(), []
    with _in_utc(), served(control) as (folder, recorder):
        for arguments in COMMANDS:
            for flags in ((), ("--json",)):
                control.lines = FilledControl().lines if arguments[0] in ("swap", "config") else GOOD
                recorder.calls.clear()
                answer = _ask(folder, *arguments, *flags)
                calls = json.loads(json.dumps(recorder.calls).replace(f'asked_by: \\"{caller()}\\"', "asked_by: ME"))
                answers.append({**answer, "calls": calls})
        control.current = BARE_STATUS
        answers += [_ask(folder, "status", *flags) for flags in ((), ("--json",))]
    return answers


def migration() -> list[Text]:
    """Return what `vr-supervisor migrate-engine` prints and how it exits."""
    answers = []
    control = FilledControl()
    with served(control) as (folder, recorder):
        for engine, flags in (("auto", ()), ("auto", ("--json",)), ("docker", ())):
            for lines in (GOOD, control.lines, GOOD[:1]):
                settings = folder / "supervisor.yaml"
                settings.write_text(f"engine: {engine}\napi_socket: {folder / 'api.sock'}\n")
                control.lines = lines
                recorder.calls.clear()
                arguments = ["migrate-engine", "--to", "docker", "--config", str(settings), *flags]
                result = CliRunner().invoke(daemon, arguments)
                failure = str(result.exception or "").replace(str(folder), "FOLDER")
                answers.append(
                    {
                        "settings": engine,
                        "flags": flags,
                        "failure": failure if isinstance(result.exception, SupervisorError) else "",
                        "is_good": result.exit_code == 0,
                        "stdout": result.stdout.splitlines(),
                        "calls": recorder.calls.copy(),
                    }
                )
    return json.loads(json.dumps(answers))  # type: ignore[no-any-return]


@contextmanager
def _in_utc() -> Iterator[None]:
    former = os.environ.get("TZ")
    os.environ["TZ"] = "UTC"
    time.tzset()
    try:
        yield
    finally:
        if former is None:
            del os.environ["TZ"]
        else:
            os.environ["TZ"] = former
        time.tzset()


def interface() -> Text:
    """Return the commands of both programs with their options and arguments."""
    return {"vrctl": _interface(vrctl), "vr-supervisor": _interface(daemon)}


def _interface(command: click.Command) -> Text:
    options = sorted(
        "/".join(sorted(p.opts)) if isinstance(p, click.Option) else p.make_metavar(click.Context(command))
        for p in command.params
    )
    described: Text = {"parameters": options}
    if isinstance(command, click.Group):
        context = click.Context(command)
        members = {name: command.get_command(context, name) for name in command.list_commands(context)}
        described["commands"] = {name: _interface(member) for name, member in members.items() if member}
    return described


# ---------------------------------------------------------------- errors

REFUSALS: tuple[SupervisorError, ...] = (
    errors.UnknownServiceError("x", ["alpha"]),
    errors.UnknownVersionError("x", "9", []),
    errors.UnknownReleaseError("9", ["2026.1"]),
    errors.UnknownReleaseError(None, []),
    errors.BusyError("x", "a hand-over is under way"),
    errors.RequestError("cannot do it: no"),
    TooManyStreamsError(3),
    errors.ConfigurationError("cannot accept a.json: no"),
    errors.RenderError("cannot render: no"),
    errors.BundleError("cannot read ü.iso: no"),
    errors.NotABundleError("/x.iso", "no index"),
    errors.MissingBaseError("2", "1"),
    errors.DigestMismatchError("a", "sha256:1", "sha256:2"),
    errors.ManifestError("m", [Fault(f"key{n}", "is unknown") for n in range(200)]),
    errors.SettingsError("s", [Fault("", "is wrong")]),
    errors.EngineError("cannot start: no"),
    errors.EngineUnavailableError("cannot start: missing"),
    errors.EngineDownError("cannot start: down"),
    errors.NoSuchImageError("sha256:1"),
    errors.NoSuchContainerError("c"),
    errors.NetworkError("cannot add: no"),
    errors.ProbeError("cannot ask: no"),
    errors.StateError("cannot\nwrite: full"),
    errors.NoSpaceError("cannot write: full"),
    errors.StateLockedError("/x", 3),
)


def refusals() -> list[Text]:
    """Return what a command prints for each error, and how it exits."""
    answers = []
    for error in REFUSALS:
        with served(FilledControl(error)) as (folder, _):
            asked = [_ask(folder, *words) for words in (("status",), ("status", "--json"), ("swap", "alpha", "--json"))]
        answers.append({"reason": reason_of(error), "code": code_of(error).name, "answers": asked})
    for line in (Progress("", phase, "", is_final=True, error="no") for phase in ("refused", "accepted", "not-live")):
        control = FilledControl()
        control.lines = (line,)
        with served(control) as (folder, _):
            words = (("config", "apply", "FOLDER"), ("swap", "alpha"))
            answers.append({"line": line.phase, "answers": [_ask(folder, *asked) for asked in words]})
    with served(FilledControl()) as (folder, _):
        wrong = (("nonsense",), ("swap",), ("history", "-n", "0"), ("config", "apply", "/none"), ("status", "--no"))
        answers.append({"usage": [_ask(folder, *asked)["exit"] for asked in wrong]})
    return answers


def reasons() -> dict[str, list[str]]:
    """Return, for every class of errors, the reason and the code that programs get."""
    for module in walk_packages([str(PACKAGE)], "supervisor."):
        if module.name not in ("supervisor.edges.engine.docker", "supervisor.edges.engine.docker_service"):
            import_module(module.name)
    classes: set[type[SupervisorError]] = {SupervisorError, *_below(SupervisorError)}
    product = sorted((kind for kind in classes if kind.__module__.startswith("supervisor.")), key=lambda k: k.__name__)
    blank = [(kind.__name__, kind.__new__(kind)) for kind in product]
    return {name: [reason_of(error), code_of(error).name] for name, error in blank}


def _below(kind: type[SupervisorError]) -> Iterator[type[SupervisorError]]:
    for child in kind.__subclasses__():
        yield child
        yield from _below(child)


def exits() -> Text:
    """Return the exit codes, and which of them each end of a command has."""
    ends: dict[str, SupervisorError] = {code.name: ApiError(code, None, "") for code in grpc.StatusCode}
    ends["unreachable"] = UnreachableError(grpc.StatusCode.UNAVAILABLE, None, "")
    ends["operation failed"], ends["bad input"] = OperationFailedError(""), InputError("")
    return {
        "codes": {code.name: int(code) for code in Exit},
        "ends": {name: int(exit_of(error)) for name, error in ends.items()},
    }


# ---------------------------------------------------------------- names


def words() -> dict[str, list[str]]:
    """Return the names of events, log lines and phases, and the members of every closed set that others see."""
    closed = {
        "states of services": ServiceState,
        "states of undertakings": UndertakingState,
        "kinds of hand-overs": Kind,
        "outcomes": Outcome,
        "directions": Direction,
        "steps": Step,
        "moments of fault points": Moment,
        "fates of parts": Fate,
    }
    tables = {f"steps of {mode}": [f"{row.step}/{row.undo or '-'}" for row in TABLES[mode]] for mode in Mode}
    return {**vocabulary(PACKAGE), **{name: [str(word) for word in words] for name, words in closed.items()}, **tables}


# ---------------------------------------------------------------- metrics, tables, schema


def metrics() -> str:
    """Return an exposition of every metric, in both formats."""
    control, texts = FilledControl(), []
    for current in (STATUS, BARE_STATUS):
        control.current = current
        registry = CollectorRegistry()
        registry.register(StatusCollector(control))
        texts += [write(registry).decode() for write in (generate_latest, generate_openmetrics)]
    return "\n".join(texts)


def shown() -> str:
    """Return the tables for a terminal, with their colours spelt out, at a time when ages differ."""
    later = replace(STATUS, services=tuple(replace(service, since=T0 - 7000) for service in STATUS.services))
    with _in_utc():
        parts: list[RenderableType] = [
            tables.status(STATUS, T0 + 4321),
            tables.status(later, T0 + 273_000),
            tables.status(BARE_STATUS, T0),
            tables.plan(STEPS),
            tables.history(RECORDS),
            tables.releases(FilledControl().releases()),
        ]
        out = io.StringIO()
        console = Console(
            file=out,
            force_terminal=True,
            color_system="standard",
            width=240,
            markup=False,
            highlight=False,
            _environ={},
        )
        for part in parts:
            console.print(part)
    return re.sub(r" +\n", "\n", out.getvalue().replace("\x1b", "<esc>"))


def schema() -> str:
    """Return the tables of a new memory, and the version it says it has."""
    with tempfile.TemporaryDirectory() as folder:
        SqliteStore(Path(folder)).close()
        (file,) = Path(folder).glob("*.db")
        with closing(sqlite3.connect(file)) as database:
            rows = [row[0] for row in database.execute("SELECT sql FROM sqlite_master ORDER BY name") if row[0]]
            (version,) = database.execute("PRAGMA user_version").fetchone()
    return "\n".join([f"-- {file.name}, user_version {version}", *rows, ""])


WITNESSES: dict[str, Callable[[], object]] = {
    "wire.txt": wire,
    "commands.json": commands,
    "migrate-engine.json": migration,
    "interface.json": interface,
    "refusals.json": refusals,
    "reasons.json": reasons,
    "exits.json": exits,
    "words.json": words,
    "metrics.txt": metrics,
    "tables.txt": shown,
    "schema.txt": schema,
}


def text_of(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for name, make in WITNESSES.items():
        (Path(sys.argv[1]) / name).write_text(text_of(make()))
