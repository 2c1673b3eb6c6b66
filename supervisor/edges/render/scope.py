"""The names that a text of a manifest sees, and its evaluation: a failure names the place, the line and the service."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType

from jinja2 import StrictUndefined, TemplateError

from supervisor.decisions.printed import Printed
from supervisor.edges.templating import compile_expression, compile_template
from supervisor.values.errors import RenderError
from supervisor.values.manifest import PRINTED_SCHEMA, ServiceManifest
from supervisor.values.router import RouterConfig
from supervisor.values.state import Instance

_TEMPLATE_FILE = "<template>"  # what the template engine calls a text in tracebacks


@dataclass(frozen=True, slots=True)
class Scope:
    """The names that a text sees. `place` in a method is where the text stands: an error names it.

    Every method raises RenderError: when the text cannot be evaluated.
    """

    names: Mapping[str, object]
    service: str
    is_secret: bool = False

    def template(self, text: str, place: str) -> str:
        """Return the text that a template gives."""
        try:
            return compile_template(text, self.is_secret).render(self.names)
        except Exception as error:  # a template may raise anything: it calls methods of our values
            raise self._failure(place, error) from _cause(error, self.is_secret)

    def expression(self, text: str, place: str) -> object:
        """Return the value of an expression."""
        try:
            value = compile_expression(text, self.is_secret)(**self.names)
            if isinstance(value, StrictUndefined):
                str(value)  # raises, and says which name
            return value
        except Exception as error:
            raise self._failure(place, error) from _cause(error, self.is_secret)

    def each(self, text: str | None, when: str | None, place: str) -> Iterator[Scope]:
        """Yield one scope for every item that `when` admits; without `each`, this scope alone."""
        for scope in (self,) if text is None else self._items(text, f"{place}.each"):
            if when is None or scope.is_true(when, f"{place}.when"):
                yield scope

    def _items(self, text: str, place: str) -> Iterator[Scope]:
        for index, item in enumerate(self.sequence(text, place)):
            yield Scope({**self.names, "item": item, "index": index}, self.service, self.is_secret)

    def sequence(self, text: str, place: str) -> tuple[object, ...]:
        """Return the items of an expression that must give a sequence."""
        value = self.expression(text, place)
        if not isinstance(value, Iterable) or isinstance(value, str | bytes | Mapping):
            raise self.refuse(place, f"must give a sequence, not {type(value).__name__}")
        try:
            items = tuple(value)  # a filter's generator runs only now
            for undefined in (item for item in items if isinstance(item, StrictUndefined)):
                str(undefined)  # raises
        except Exception as error:
            raise self._failure(place, error) from _cause(error, self.is_secret)
        return items

    def is_true(self, text: str, place: str) -> bool:
        """Return an expression's value as a condition."""
        return bool(self.expression(text, place))

    def refuse(self, place: str, cause: str) -> RenderError:
        """Return the error that refuses a text at its place."""
        return RenderError(f"cannot render {place} of {self.service}: {cause}")

    def _failure(self, place: str, error: Exception) -> RenderError:
        line = _line_of(error.__traceback__)
        cause = str(error)
        if not isinstance(error, RenderError | TemplateError):  # may quote a value
            cause = type(error).__name__ + (" (details hidden: secret)" if self.is_secret else f": {error}")
        return self.refuse(f"{place} line {line}" if line else place, cause)


def _cause(error: Exception, is_secret: bool) -> Exception | None:
    """Return the cause to chain; None beside secrets: a foreign error may quote a value, and so would the traceback."""
    return None if is_secret else error


def _line_of(trace: TracebackType | None) -> int | None:
    line = None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == _TEMPLATE_FILE:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def scope_of(manifest: ServiceManifest, router: RouterConfig, instance: Instance) -> Scope:
    """Return the names that every text of a manifest sees."""
    names = {"router": Printed(router) if manifest.schema == PRINTED_SCHEMA else router, "instance": instance}
    return Scope(names, manifest.name)
