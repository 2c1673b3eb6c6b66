"""The rendering edge: a definition, the router's configuration and an instance become files, frontends and probes.

Everything is whole or refused: an undefined name, a hostile text or a path that leaves the folder is a RenderError
that names the template, the line and the service, and nothing is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface

from supervisor.edges.render.scope import Scope, scope_of
from supervisor.edges.templating import COMPONENT, RAW_SUFFIX, token
from supervisor.values.errors import RenderError
from supervisor.values.manifest import (
    LEAST_OPEN,
    MOST_OPEN,
    ConfigFile,
    Fair,
    FairRule,
    Frontend,
    Needs,
    NetworkMode,
    Probe,
    ServiceDefinition,
    ServiceManifest,
    Undertaking,
)
from supervisor.values.router import RouterConfig
from supervisor.values.state import (
    AddressFrontend,
    Endpoint,
    Instance,
    PortFrontend,
    RenderedFile,
    ResolvedFrontend,
    ResolvedProbe,
    Share,
    Sides,
)
from supervisor.values.undertaking import ResolvedUndertaking

_INTERFACE = re.compile(r"[A-Za-z0-9._@-]{1,15}")


class TemplateRenderer:
    """Satisfies `ports.files.Renderer`. It has no state: compiled templates are cached by their text, for all."""

    def files(
        self, definition: ServiceDefinition, router: RouterConfig, instance: Instance
    ) -> tuple[RenderedFile, ...]:
        manifest, templates = definition.manifest, dict(definition.templates)
        files: dict[str, RenderedFile] = {}
        for source, entry in enumerate(manifest.config):
            place = f"config[{source}]"
            base = scope_of(manifest, router, instance)
            text = templates[entry.template]
            for scope in base.each(entry.each, entry.when, place):
                path = _target(entry, scope, place)
                if path in files:
                    raise scope.refuse(f"{place}.target", f"{path} is there already (config[{files[path].source}])")
                content = _content(entry, text, replace(scope, is_secret=entry.is_secret))
                files[path] = RenderedFile(path, content, entry.is_secret, source)
        for path, file in files.items():
            parents = (path[: match.start()] for match in re.finditer("/", path))
            if taken := next((parent for parent in parents if parent in files), None):
                raise RenderError(
                    f"cannot render config[{file.source}].target of {manifest.name}: {taken} of {path} is a file"
                )
        return tuple(files[path] for path in sorted(files))

    def frontends(
        self, manifest: ServiceManifest, router: RouterConfig, instance: Instance
    ) -> tuple[ResolvedFrontend, ...]:
        base = scope_of(manifest, router, instance)
        claims: dict[object, str] = {}
        if instance.sync_port:
            claims[f"inside port {instance.sync_port}/tcp"] = "sync_port"
        resolved: list[ResolvedFrontend] = []
        for index, frontend in enumerate(manifest.frontends):
            place = f"frontends[{index}]"
            for scope in base.each(frontend.each, None, place):
                resolved_frontend = _frontend(manifest, instance, frontend, scope, place)
                if frontend.fair:
                    share = Share(index, _fair(frontend.fair, scope, f"{place}.fair"))
                    resolved_frontend = replace(resolved_frontend, share=share)
                for claim in _claims(resolved_frontend):
                    if claim in claims:
                        raise scope.refuse(place, f"{resolved_frontend.name} wants {claim}, which {claims[claim]} has")
                    claims[claim] = resolved_frontend.name
                resolved.append(resolved_frontend)
        return tuple(resolved)

    def probes(
        self, manifest: ServiceManifest, probes: Sequence[Probe], router: RouterConfig, instance: Instance
    ) -> tuple[ResolvedProbe, ...]:
        return tuple(self.each_probe(manifest, probes, router, instance))

    def each_probe(
        self, manifest: ServiceManifest, probes: Sequence[Probe], router: RouterConfig, instance: Instance
    ) -> Iterator[ResolvedProbe]:
        base = scope_of(manifest, router, instance)
        for index, probe in enumerate(probes):
            place = f"probes[{index}].{probe.kind}"
            for scope in base.each(probe.each, probe.when, place):
                yield _probe(probe, scope, place, index if probe.needs is Needs.ONE else None)

    def undertakings(
        self, manifest: ServiceManifest, router: RouterConfig, instance: Instance
    ) -> tuple[ResolvedUndertaking, ...]:
        base = scope_of(manifest, router, instance)
        resolved: dict[tuple[str, str], ResolvedUndertaking] = {}
        for index, declared in enumerate(manifest.undertakings):
            place = f"undertakings[{index}]"
            for scope in base.each(declared.each, declared.when, place):
                undertaking = _undertaking(declared, scope, place)
                if resolved.setdefault((undertaking.what, undertaking.name), undertaking) is not undertaking:
                    raise scope.refuse(f"{place}.name", f"{undertaking.name} is there already")
        return tuple(resolved.values())

    def gap_port(self, manifest: ServiceManifest, router: RouterConfig, instance: Instance) -> int | None:
        gap, scope = manifest.takeover.gap_port, scope_of(manifest, router, instance)
        if gap is None or (gap.when is not None and not scope.is_true(gap.when, "takeover.encapsulation.when")):
            return None
        return gap.port


def _probe(probe: Probe, scope: Scope, place: str, alternative: int | None = None) -> ResolvedProbe:
    arguments = tuple((key, scope.template(text, f"{place}.{key}")) for key, text in probe.arguments)
    return ResolvedProbe(str(probe.kind), arguments, probe.timeout, alternative)


def _undertaking(declared: Undertaking, scope: Scope, place: str) -> ResolvedUndertaking:
    call = declared.call
    if call and call.when is not None and not scope.is_true(call.when, f"{place}.call.when"):
        call = None
    return ResolvedUndertaking(
        name=scope.template(declared.name, f"{place}.name"),
        what=declared.what,
        probe=_probe(declared.probe, scope, f"{place}.probe"),
        call=_probe(call, scope, f"{place}.call") if call else None,
        interval=declared.interval,
        patience=declared.patience,
        pause=declared.pause,
        longest=declared.longest,
        most=declared.most,
        item=scope.names.get("item"),
    )


def _target(entry: ConfigFile, scope: Scope, place: str) -> str:
    path = scope.template(entry.target, f"{place}.target")
    for component in path.split("/"):
        if not COMPONENT.fullmatch(component):
            raise scope.refuse(f"{place}.target", f"{path!r:.80} is not a path of letters, digits and ._@:+-")
    return path


def _content(entry: ConfigFile, text: str, scope: Scope) -> bytes:
    if not entry.template.endswith(RAW_SUFFIX):
        return _encoded(scope.template(text, entry.template), entry.template, scope)
    value = scope.expression(text, entry.template)
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return _encoded(value, entry.template, scope)
    raise scope.refuse(entry.template, f"must give bytes or a text, not {type(value).__name__}")


def _encoded(text: str, place: str, scope: Scope) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise scope.refuse(place, f"character {error.start + 1} of the result cannot be written") from None


def _frontend(
    manifest: ServiceManifest, instance: Instance, frontend: Frontend, scope: Scope, place: str
) -> ResolvedFrontend:
    name = scope.template(frontend.name, f"{place}.name")
    try:
        token(name)
    except RenderError as error:
        raise scope.refuse(f"{place}.name", str(error)) from error
    item = scope.names.get("item")
    is_open = frontend.open is None or scope.is_true(frontend.open, f"{place}.open")
    port = _port(scope, frontend.port, f"{place}.port")
    if manifest.network is NetworkMode.ISOLATED:
        address = _address(scope, frontend.address or "", f"{place}.address")
        inside = _port(scope, frontend.inside, f"{place}.inside")
        sides = _sides(scope, frontend.interfaces, f"{place}.interfaces")
        return AddressFrontend(name, Endpoint(address, frontend.protocol, port), inside, item, is_open, sides=sides)
    ports = dict(instance.ports)
    if frontend.inside not in ports:
        raise scope.refuse(f"{place}.inside", f"no port {frontend.inside} was allocated")
    inside = ports[frontend.inside]
    if inside == port:  # nothing is rewritten: the interfaces only say who may call
        sides = _sides(scope, frontend.interfaces, f"{place}.interfaces")
        return PortFrontend(name, frontend.protocol, port, inside, (), item, is_open, sides=sides)
    interfaces = _interfaces(scope, frontend.interfaces or "", f"{place}.interfaces")
    return PortFrontend(name, frontend.protocol, port, inside, interfaces, item, is_open)


def _fair(rule: FairRule, scope: Scope, place: str) -> Fair:
    value = scope.expression(rule.open, f"{place}.open") if isinstance(rule.open, str) else rule.open
    if isinstance(value, bool) or not isinstance(value, int) or not LEAST_OPEN <= value <= MOST_OPEN:
        raise scope.refuse(f"{place}.open", f"{value!r:.40} is not a number from {LEAST_OPEN} to {MOST_OPEN}")
    return Fair(value, rule.rate, rule.guests_only)


def _claims(frontend: ResolvedFrontend) -> Iterator[str]:
    """Yield, as text, everything of a frontend that no other frontend of its service may have."""
    yield f"the name {frontend.name}"
    match frontend:
        case AddressFrontend(outside=outside, inside_port=inside):
            yield f"{outside}"
            yield f"inside port {inside}/{outside.protocol}"
        case PortFrontend(protocol=protocol, port=port, inside_port=inside) if port == inside:
            yield f"port {port}/{protocol}"
        case PortFrontend(protocol=protocol, port=port, interfaces=interfaces):
            yield from (f"{interface}:{port}/{protocol}" for interface in interfaces)


def _port(scope: Scope, text: str, place: str) -> int:
    value = scope.expression(text, place)
    if isinstance(value, str) and value.isdecimal():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 65535:
        return value
    raise scope.refuse(place, f"{value!r:.40} is not a port")


def _address(scope: Scope, text: str, place: str) -> IPv4Address:
    value = scope.expression(text, place)
    if isinstance(value, IPv4Interface):
        return value.ip
    try:
        return value if isinstance(value, IPv4Address) else IPv4Address(str(value))
    except ValueError as error:
        raise scope.refuse(place, f"{value!r:.40} is not an IPv4 address") from error


def _sides(scope: Scope, text: str | None, place: str) -> Sides:
    """Return the interfaces that an expression gives; None: it gives none, or there is no expression."""
    if text is None or scope.expression(text, place) is None:
        return None
    return _interfaces(scope, text, place)


def _interfaces(scope: Scope, text: str, place: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(str(name) for name in scope.sequence(text, place)))
    for name in names:
        if not _INTERFACE.fullmatch(name):
            raise scope.refuse(place, f"{name!r:.40} is not the name of an interface")
    return names
