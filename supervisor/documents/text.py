"""YAML and JSON texts to plain Python, refusing what a reader could misunderstand.

Duplicate keys (YAML keeps the last one silently), aliases (a short text may expand without bound), documents that are
too large or nested too deep are refused.
"""

from __future__ import annotations

import json

import yaml

from supervisor.documents.shape import DocumentError, below
from supervisor.values.errors import Fault

MAX_BYTES = 256 * 1024
MAX_DEPTH = 32

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the same loader in C, where the library was built with it


def read_json(content: bytes, *, refuses_twins: bool = False) -> object:
    """Return the document as dictionaries, lists and scalars.

    Raises DocumentError: the text is not JSON, or with `refuses_twins` a mapping has a key twice.
    """
    try:
        document: object = json.loads(content, object_pairs_hook=_without_twins if refuses_twins else None)
    except (ValueError, RecursionError) as error:
        raise _refused(f"is not JSON ({error})") from error
    return document


def read_yaml(content: bytes, *, is_lenient: bool = False) -> object:
    """Return the document as dictionaries, lists and scalars; None when a lenient reading finds none.

    A lenient reading lets duplicate keys and aliases through, of which older files may have some, and takes a text
    without a document. Raises DocumentError: the text is not YAML, too large or too deep, or has duplicates or aliases.
    """
    if len(content) > MAX_BYTES:
        raise _refused(f"is larger than {MAX_BYTES // 1024} KiB")
    try:
        text = content.decode()
        _check_events(text, is_lenient)
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                if is_lenient:
                    return None
                raise _refused("is empty")
            faults: list[Fault] = []
            if not is_lenient:
                _add_duplicates(node, "", faults)
            if faults:
                raise DocumentError(faults)
            document: object = loader.construct_document(node)
            return document
        finally:
            loader.dispose()
    except UnicodeDecodeError as error:
        raise _refused(f"is not UTF-8 (byte {error.start})") from error
    except yaml.YAMLError as error:
        raise _refused(f"is not YAML: {_explain(error)}") from error
    except ValueError as error:  # a scalar like 2001-99-99
        raise _refused(f"is not usable YAML: {error}") from error


def _without_twins(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) < len(pairs):
        names = [name for name, _ in pairs]
        raise _refused(f"has the key {next(name for name in names if names.count(name) > 1)!r:.80} twice")
    return result


def _refused(problem: str) -> DocumentError:
    return DocumentError((Fault("", problem),))


def _check_events(text: str, allows_aliases: bool) -> None:
    """Look at the flat stream of events, before anything recurses into it. Raises DocumentError: aliases, depth."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent) and not allows_aliases:
            raise _refused("uses a YAML alias (*name); write the value out")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise _refused(f"is nested more than {MAX_DEPTH} deep")


def _add_duplicates(node: yaml.Node, at: str, faults: list[Fault]) -> None:
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            place = below(at, name)
            if name in seen:
                faults.append(Fault(place, f"is given twice (line {key.start_mark.line + 1})"))
            seen.add(name)
            _add_duplicates(value, place, faults)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _add_duplicates(item, f"{at}[{index}]", faults)


def _explain(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"{error.problem} (line {error.problem_mark.line + 1})"
    return str(error).replace("\n", " ")
