"""First step of the catalog: YAML text to plain Python, refusing what a reader could misunderstand.

Duplicate keys (YAML keeps the last one silently) and aliases (a short text may expand without bound) are refused.
"""

from __future__ import annotations

import yaml

from supervisor.values.errors import Fault

MAX_BYTES = 256 * 1024
MAX_DEPTH = 32

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the same loader in C, where the library was built with it


class DocumentError(Exception):
    """The text is no usable YAML document."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("; ".join(map(str, faults)))
        self.faults = faults


def read_document(content: bytes) -> object:
    """Return the document as dictionaries, lists and scalars; DocumentError with every fault found."""
    if len(content) > MAX_BYTES:
        raise DocumentError((Fault("", f"is larger than {MAX_BYTES // 1024} KiB"),))
    try:
        text = content.decode()
        _refuse_expansion(text)
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                raise DocumentError((Fault("", "is empty"),))
            faults: list[Fault] = []
            _find_duplicates(node, "", faults)
            if faults:
                raise DocumentError(tuple(faults))
            document: object = loader.construct_document(node)
            return document
        finally:
            loader.dispose()
    except UnicodeDecodeError as error:
        raise DocumentError((Fault("", f"is not UTF-8 (byte {error.start})"),)) from error
    except yaml.YAMLError as error:
        raise DocumentError((Fault("", f"is not YAML: {_explain(error)}"),)) from error
    except ValueError as error:  # a scalar like 2001-99-99
        raise DocumentError((Fault("", f"is not usable YAML: {error}"),)) from error


def _refuse_expansion(text: str) -> None:
    """Look at the flat stream of events, before anything recurses into it."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent):
            raise DocumentError((Fault("", "uses a YAML alias (*name); write the value out"),))
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise DocumentError((Fault("", f"is nested more than {MAX_DEPTH} deep"),))


def _find_duplicates(node: yaml.Node, at: str, faults: list[Fault]) -> None:
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            place = f"{at}.{name}" if at else name
            if name in seen:
                faults.append(Fault(place, f"is given twice (line {key.start_mark.line + 1})"))
            seen.add(name)
            _find_duplicates(value, place, faults)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _find_duplicates(item, f"{at}[{index}]", faults)


def _explain(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"{error.problem} (line {error.problem_mark.line + 1})"
    return str(error).replace("\n", " ")
