"""Reads the daemon's settings file: YAML, every key optional, all faults named at once."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import yaml

from supervisor.values.errors import Fault, SettingsError
from supervisor.values.settings import Settings


def read_settings(path: Path) -> Settings:
    """Return the settings in `path`. Raises SettingsError: with every fault of the file."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(str(path), [Fault("", error.strerror or str(error))]) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(str(path), [Fault("", f"is not YAML: {error}")]) from error
    if document is None:
        document = {}
    if not isinstance(document, dict):
        raise SettingsError(str(path), [Fault("", "must be a mapping")])
    return parse_settings(str(path), document)


def parse_settings(name: str, document: dict[str, Any]) -> Settings:
    """Return the settings of a document. Raises SettingsError: with every fault of it; `name` is that of the file."""
    faults: list[Fault] = []
    values: dict[str, Any] = {}
    for key, value in document.items():
        parse = _PARSERS.get(key)
        if parse is None:
            faults.append(Fault(str(key), f"is not a setting; known are {', '.join(sorted(_PARSERS))}"))
            continue
        try:
            values[key] = parse(value)
        except (ValueError, TypeError) as error:
            faults.append(Fault(key, str(error)))
    if faults:
        raise SettingsError(name, faults)
    return Settings(**values)


def _path(value: Any) -> Path:
    if not isinstance(value, str) or not value.startswith("/"):
        raise ValueError(f"must be an absolute path, not {value!r}")
    return Path(value)


def _paths(value: Any) -> tuple[Path, ...]:
    if not isinstance(value, list):
        raise TypeError("must be a list of absolute paths")
    return tuple(_path(path) for path in value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"must be a text, not {value!r}")
    return value


def _engine(value: Any) -> str:
    if value not in ("auto", "podman", "docker"):
        raise ValueError(f"must be auto, podman or docker, not {value!r}")
    return str(value)


def _name_beginning(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[a-z][a-z0-9-]{0,30}-", value):
        raise ValueError(f"must be lower case letters, digits and dashes that end with a dash, not {value!r}")
    return value


def _port(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 65536:
        raise ValueError(f"must be a port number, not {value!r}")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"must be true or false, not {value!r}")
    return value


def _seconds(value: Any) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or value < 0:
        raise ValueError(f"must be a number of seconds, not {value!r}")
    return float(value)


_PARSERS: dict[str, Callable[[Any], Any]] = {
    "state_dir": _path,
    "runtime_dir": _path,
    "engine": _engine,
    "engine_socket": _path,
    "trusted_keys": _path,
    "media": _paths,
    "media_folder": _path,
    "commands": _path,
    "api_socket": _path,
    "metrics_address": _text,
    "metrics_port": _port,
    "pool": IPv4Network,
    "namespaces": _name_beginning,
    "admit": _flag,
    "anchor": _flag,
    "userspace_data_plane": _flag,
    "soak": _seconds,
    "drain": _seconds,
}
assert set(_PARSERS) == {field.name for field in fields(Settings)}
