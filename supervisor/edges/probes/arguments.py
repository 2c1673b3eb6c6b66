"""Reads the arguments of a resolved probe: a wrong one is a mistake in the manifest, hence a ProbeError."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address, ip_address
from pathlib import PurePosixPath

from supervisor.edges.probes.bounded import SocketPlace
from supervisor.values.errors import ProbeError
from supervisor.values.manifest import ProbeKind, Use, arguments_of
from supervisor.values.state import ProbeTarget, ResolvedProbe

LOOPBACK = IPv4Address("127.0.0.1")


class Arguments:
    """A probe's arguments by name, checked against those that its kind declares. An empty text counts as absent.

    Raises ProbeError: an argument is not declared for this use of the kind, or has another form than is asked for.
    """

    def __init__(self, probe: ResolvedProbe, use: Use) -> None:
        self._kind = probe.kind
        self._values = {name: text.strip() for name, text in probe.arguments}
        declared = arguments_of(ProbeKind(probe.kind), use) or ()
        self._words = {argument.name: argument.words for argument in declared}
        names = sorted(argument.name for argument in declared if not argument.is_prefix)
        prefixes = tuple(argument.name for argument in declared if argument.is_prefix)
        unknown = sorted(name for name in self._values if name not in names and not name.startswith(prefixes))
        if unknown:
            known = ", ".join((*names, *(f"{prefix}*" for prefix in prefixes)))
            raise self.error(f"unknown argument {', '.join(unknown)} (it knows {known})")

    def error(self, cause: str) -> ProbeError:
        return ProbeError(f"cannot ask {self._kind} probe: {cause}")

    def text(self, name: str, default: str = "") -> str:
        return self._values.get(name) or default

    def required(self, name: str) -> str:
        value = self.text(name)
        if not value:
            raise self.error(f"argument {name} is missing")
        return value

    def word(self, name: str) -> str:
        """Return one of the words that the argument may have, in lower case; the first is the default."""
        words = self._words[name]
        value = self.text(name, words[0]).lower()
        if value not in words:
            raise self.error(f"{name} is {value!r}, not {' or '.join(words)}")
        return value

    def number(self, name: str, low: int, high: int, default: int | None = None) -> int:
        text = self.required(name) if default is None else self.text(name, str(default))
        if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
            raise self.error(f"{name} is {text!r}, not a number from {low} to {high}")
        return int(text)

    def port(self) -> int:
        return self.number("port", 1, 65535)

    def address(self, target: ProbeTarget) -> IPv4Address | IPv6Address:
        """Return the address to ask: as given, or the instance's own, or that of the router itself."""
        text = self.text("address")
        if not text:
            return target.address or LOOPBACK
        try:
            return ip_address(text)
        except ValueError:
            raise self.error(f"address is {text!r}, not an IP address") from None

    def ipv4(self, name: str) -> IPv4Address:
        text = self.required(name)
        try:
            return IPv4Address(text)
        except AddressValueError:
            raise self.error(f"{name} is {text!r}, not an IPv4 address") from None

    def pattern(self) -> re.Pattern[str] | None:
        text = self.text("expect")
        try:
            return re.compile(text) if text else None
        except re.error as error:
            raise self.error(f"expect is {text!r}, not a regular expression: {error}") from None

    def socket_place(self, target: ProbeTarget) -> SocketPlace:
        """Return the place of a unix socket below one of the instance's runtime folders."""
        name, path = self.required("runtime"), PurePosixPath(self.required("path"))
        folder = dict(target.runtime).get(name)
        if folder is None:
            raise self.error(f"runtime folder {name!r} is not declared")
        if path.is_absolute() or ".." in path.parts:
            raise self.error(f"path is {str(path)!r}, not below the runtime folder")
        return SocketPlace(folder, path)
