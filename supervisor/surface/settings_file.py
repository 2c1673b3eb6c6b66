"""Reads the settings file of the daemon: YAML, every key optional, all faults named at once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path

from supervisor.documents import (
    Amount,
    Boolean,
    Choice,
    DocumentError,
    Field,
    ListOf,
    Number,
    Parsed,
    Record,
    Text,
    read_as,
    read_yaml,
)
from supervisor.surface.ceiling_settings import CEILING
from supervisor.values.errors import Fault, SettingsError
from supervisor.values.settings import DEFAULT_CREDENTIAL, KeySettings, KeySource, Settings


def _absolute(text: str) -> Path:
    if not text.startswith("/"):
        raise ValueError(text)
    return Path(text)


_PATH = Parsed(_absolute, "must be an absolute path")
_SECONDS = Amount("seconds")


def _keys(*more: Field) -> Record:
    """Return the shape of a place of keys, with these fields besides."""
    name = Text(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", "must be letters, digits, dots, dashes and underscores")
    return Record(KeySettings, (Field("key", Choice.of(KeySource)), Field("path", _PATH), Field("name", name), *more))


SETTINGS = Record(
    Settings,
    (
        Field("state_dir", _PATH),
        Field("runtime_dir", _PATH),
        Field("engine", Choice(("auto", "podman", "docker"))),
        Field("engine_socket", _PATH),
        Field("secrets", _keys(Field("former", _keys()))),
        Field("trusted_keys", _PATH),
        Field("trust_warning_days", Number(0, 3650)),
        Field("trust_grace_days", Number(0, 3650)),
        Field(
            "minimum_release",
            Text(r"[A-Za-z0-9.+~:_-]*[0-9][A-Za-z0-9.+~:_-]*", "must be a release, with a number in its name", 128),
        ),
        Field("media", ListOf(_PATH)),
        Field("media_folder", _PATH),
        Field("commands", _PATH),
        Field("api_socket", _PATH),
        Field("metrics_address", Text(r"[^\x00]*")),
        Field("metrics_port", Number(1, 65535)),
        Field("pool", Parsed(IPv4Network, "must be an IPv4 network like 198.18.0.0/15, without bits of a host")),
        Field(
            "namespaces",
            Text(r"[a-z][a-z0-9-]{0,30}-", "must be lower case letters, digits and dashes that end with a dash"),
        ),
        Field("admit", Boolean()),
        Field("anchor", Boolean()),
        Field("userspace_data_plane", Boolean()),
        Field("soak", _SECONDS),
        Field("drain", _SECONDS),
        Field("ceiling", CEILING),
    ),
)
"""The keys of the file, one for each field of Settings. docs/settings.md says what they mean."""


def read_settings(path: Path) -> Settings:
    """Return the settings in `path`; the defaults when the file is empty. Keys of secrets are beside it by default.

    Raises SettingsError: the file cannot be read, or has faults; all of them are listed.
    """
    try:
        document = read_yaml(path.read_bytes(), is_lenient=True)
        settings: Settings = read_as(SETTINGS, {} if document is None else document)
    except OSError as error:
        raise SettingsError(str(path), [Fault("", error.strerror or str(error))]) from error
    except DocumentError as error:
        raise SettingsError(str(path), error.faults) from error
    faults = list(_faults_of_keys(settings))
    settings = replace(settings, secrets=_beside(settings.secrets, path.absolute()))
    if faults := [*faults, *_faults_of_places(settings)]:
        raise SettingsError(str(path), faults)
    return settings


def _faults_of_keys(settings: Settings) -> Iterator[Fault]:
    """Yield what is wrong between the keys of `secrets`."""
    places = (("secrets", settings.secrets), ("secrets.former", settings.secrets.former))
    for at, place in places:
        if place is None:
            continue
        has_path = place.key in (KeySource.FILE, KeySource.TPM)
        if place.path and not has_path:
            yield Fault(f"{at}.path", f"has no meaning where the key is {place.key}")
        if place.name != DEFAULT_CREDENTIAL and place.key is not KeySource.CREDENTIAL:
            yield Fault(f"{at}.name", f"has no meaning where the key is {place.key}")
    if settings.secrets.former and settings.secrets.former.key is KeySource.NONE:
        yield Fault("secrets.former.key", "must be a place that has keys")


def _faults_of_places(settings: Settings) -> Iterator[Fault]:
    """Yield the folders in which the keys of `secrets` would be of no use, however they are written."""
    reasons = (
        (settings.state_dir, "whoever gets that would have the key too"),
        (settings.runtime_dir, "it would be gone after a reboot"),
    )
    for at, place in (("secrets", settings.secrets), ("secrets.former", settings.secrets.former)):
        for folder, reason in reasons:
            if place and place.path and Path(os.path.realpath(place.path)).is_relative_to(os.path.realpath(folder)):
                yield Fault(f"{at}.path", f"must not be in {folder}: {reason}")


def _beside(place: KeySettings, path: Path) -> KeySettings:
    """Return the place with a path: that of the settings file with another suffix, unless one was given."""
    suffix = {KeySource.FILE: ".key", KeySource.TPM: ".tpm"}.get(place.key)
    former = _beside(place.former, path) if place.former else None
    return replace(place, path=place.path or (path.with_suffix(suffix) if suffix else None), former=former)
