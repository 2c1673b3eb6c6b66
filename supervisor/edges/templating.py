"""The one home of the template engine: its environment, its filters, and the checks of a text before it is rendered.

Shared by the catalog, which checks that a text is a template, and the rendering edge, which renders it. Templates come
with the signed bundle and are trusted; the texts they render come from guests and are not. So `token`, `line` and the
quoting filters refuse what could end a value and start a directive, and a `Secret` reaches a file by `reveal` only.
"""

from __future__ import annotations

import base64
import functools
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, meta, nodes
from jinja2.exceptions import TemplateError
from jinja2.parser import Parser
from jinja2.sandbox import SandboxedEnvironment

from supervisor.values.errors import RenderError
from supervisor.values.secret import Secret

RAW_SUFFIX = ".raw"
"""A template of this name is one expression; its value, bytes or text, is the file."""
NAMES = frozenset({"router", "instance"})
ITEM_NAMES = NAMES | {"item", "index"}

_TOKEN = re.compile(r"[^\s\x00-\x1f\x7f\x80-\x9f\u2028\u2029\"'`\\]+")
_LINE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f\x80-\x9f\u2028\u2029]*")
COMPONENT = re.compile(r"(?!\.)[A-Za-z0-9._@:+-]{1,255}")
"""A part of the path of a rendered file."""

_FILE_NAME = re.compile(r"(?!\.)[A-Za-z0-9._@:+-]{1,200}")


def _text(value: object, filter_name: str) -> str:
    """Return a value as text that may be written. No error quotes it, for it may be a secret."""
    if isinstance(value, Secret):
        raise RenderError(f"a secret must pass through reveal before {filter_name}")
    if value is None or isinstance(value, bytes | StrictUndefined):
        raise RenderError(f"{filter_name} takes a text, not {type(value).__name__}")
    return str(value)


def _checked(value: object, pattern: re.Pattern[str], filter_name: str) -> str:
    text = _text(value, filter_name)
    if pattern.fullmatch(text):
        return text
    longest = max((match.end() for match in pattern.finditer(text) if match.start() == 0), default=0)
    cause = f"character U+{ord(text[longest]):04X} at position {longest + 1}" if longest < len(text) else "empty text"
    raise RenderError(f"{filter_name} refuses {cause}")


def token(value: object) -> str:
    """Return a text that is one word: no white space, control characters, quotes or backslashes; not empty."""
    return _checked(value, _TOKEN, "token")


def line(value: object) -> str:
    """Return a text that is one line: no line breaks or other control characters (a tab is allowed)."""
    return _checked(value, _LINE, "line")


def file_name(value: object) -> str:
    """Return a text that is one component of a path."""
    return _checked(value, _FILE_NAME, "file_name")


def quoted(value: object) -> str:
    """Return a line in double quotes, with `"` and `\\` escaped by a backslash."""
    escaped = line(_text(value, "quoted")).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def shell_quoted(value: object) -> str:
    """Return a line in single quotes, in which nothing is special; a single quote becomes `'\\''`."""
    escaped = line(_text(value, "shell_quoted")).replace("'", "'\\''")
    return f"'{escaped}'"


def b64(value: object) -> str:
    """Return Base64 of bytes, or of a text in UTF-8, on one line."""
    content = value if isinstance(value, bytes) else _text(value, "b64").encode()
    return base64.b64encode(content).decode()


def regex_escape(value: object) -> str:
    """Return a line with everything escaped that is special in a regular expression."""
    return re.escape(line(_text(value, "regex_escape")))


def pairs(values: Iterable[object], attribute: str) -> Iterator[tuple[object, object]]:
    """Yield every value with every item of its `attribute`: `router.metadata | pairs('items')`."""
    if attribute.startswith("_"):
        raise RenderError(f"pairs refuses attribute {attribute}")
    return ((value, inner) for value in values for inner in getattr(value, attribute))


def _reveal(value: object) -> str:
    if isinstance(value, Secret):
        return value.reveal()
    raise RenderError(f"reveal takes a secret, not {type(value).__name__}")


def _reveal_refused(_: object) -> str:
    raise RenderError("reveal is for config entries with `secret: true` only")


def _passes(check: Callable[[object], str]) -> Callable[[object], bool]:
    def test(value: object) -> bool:
        try:
            check(value)
        except RenderError:
            return False
        return True

    return test


def _finalize(value: object) -> object:
    if isinstance(value, Secret):
        raise RenderError("a secret must pass through reveal")
    if value is None or isinstance(value, bytes):
        raise RenderError(f"a value is {'nothing (None)' if value is None else 'bytes'} where a text is needed")
    return value


class _Environment(SandboxedEnvironment):
    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        return not isinstance(obj, Secret) and super().is_safe_attribute(obj, attr, value)


def _environment(may_reveal: bool) -> SandboxedEnvironment:
    environment = _Environment(
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_finalize,
    )
    environment.globals = {"range": environment.globals["range"], "namespace": environment.globals["namespace"]}
    environment.filters.update(
        token=token,
        line=line,
        file_name=file_name,
        quoted=quoted,
        shell_quoted=shell_quoted,
        b64=b64,
        regex_escape=regex_escape,
        pairs=pairs,
        reveal=_reveal if may_reveal else _reveal_refused,
    )
    environment.tests.update(token=_passes(token), line=_passes(line), file_name=_passes(file_name))
    return environment


_PUBLIC = _environment(may_reveal=False)
_SECRET = _environment(may_reveal=True)


@functools.lru_cache(maxsize=1024)
def compile_template(text: str, is_secret: bool = False) -> Template:
    """Return a template, compiled once for each text. Raises TemplateError: when the text is no template."""
    return (_SECRET if is_secret else _PUBLIC).from_string(text)


@functools.lru_cache(maxsize=1024)
def compile_expression(text: str, is_secret: bool = False) -> Callable[..., Any]:
    """Return an expression, compiled once for each text. Raises TemplateError: when the text is none."""
    return (_SECRET if is_secret else _PUBLIC).compile_expression(text.strip(), undefined_to_none=False)


@functools.lru_cache(maxsize=1024)
def template_fault(text: str, names: frozenset[str], is_secret: bool = False) -> str | None:
    """Return the first fault of a template: syntax, unknown filters or names; None: it has none."""
    try:
        compile_template(text, is_secret)
        return _faults_of(_PUBLIC.parse(text), names, is_secret)
    except TemplateError as error:
        return _explain(error)


@functools.lru_cache(maxsize=1024)
def expression_fault(text: str, names: frozenset[str], is_secret: bool = False) -> str | None:
    """Return the first fault of an expression: syntax, unknown filters or names; None: it has none."""
    try:
        compile_expression(text, is_secret)
        expression = Parser(_PUBLIC, text.strip(), state="variable").parse_expression()
        tree = nodes.Template([nodes.Output([expression], lineno=1)], lineno=1)
        tree.set_environment(_PUBLIC)
        return _faults_of(tree, names, is_secret)
    except TemplateError as error:
        return _explain(error)


def _faults_of(tree: nodes.Template, names: frozenset[str], is_secret: bool) -> str | None:
    if any(tree.find(kind) for kind in (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)):
        return "a template stands alone: include, import and extends are not available"
    if unknown := sorted(meta.find_undeclared_variables(tree) - names - {"range", "namespace"}):
        return f"unknown name {', '.join(unknown)}: it sees {', '.join(sorted(names))}"
    if not is_secret and any(node.name == "reveal" for node in tree.find_all(nodes.Filter)):
        return "uses reveal, which only config entries with `secret: true` may"
    return None


def _explain(error: TemplateError) -> str:
    where = f" (line {error.lineno})" if isinstance(error, TemplateSyntaxError) else ""
    return f"{error.message}{where}"
