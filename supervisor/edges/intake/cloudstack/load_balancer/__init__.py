"""Load balancing (`loadbalancer`): sections of text become listeners. What of them is not carried out is named.

text -> sections (`text`) -> a `listener` or a page of `statistics`; a listener's words are read by what they are about:
`servers`, `tls`, `checks`, `sticky`, `options`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any

from supervisor.documents import Field
from supervisor.edges.intake import fields
from supervisor.edges.intake.bags import Bags, with_bag
from supervisor.edges.intake.cloudstack.load_balancer.listener import (
    Known,
    inherited,
    listener,
    place_of,
)
from supervisor.edges.intake.cloudstack.load_balancer.options import INHERITED, check_option, with_timeout
from supervisor.edges.intake.cloudstack.load_balancer.statistics import is_statistics, statistics
from supervisor.edges.intake.cloudstack.load_balancer.text import (
    PATH,
    Directive,
    Place,
    Section,
    milliseconds,
    number,
    sections,
)
from supervisor.edges.intake.family import Command, Family
from supervisor.edges.intake.faults import BadPartError, Faults
from supervisor.values.balancing import Listener, LoadBalancing, Statistics
from supervisor.values.bounds import Bounds
from supervisor.values.router import RouterConfig

_OURS = {  # the supervisor's to decide, with no effect on what clients see
    "log": "what is logged, and where",
    "stats": "the control socket and its rights",
    "chroot": "the container is one",
    "user": "the manifest says who",
    "group": "the manifest says who",
    "daemon": "the container's first process stays in front",
    "pidfile": "nobody reads one in a container",
    "maxpipes": "pipes are for splicing, which is off",
}


def _merge(bags: Bags, command: Command) -> Bags:
    return with_bag(bags, "loadbalancer", {"config": command.body["rules"]})


def _interpret(bags: Bags, router: RouterConfig, faults: Faults) -> RouterConfig:
    services = frozenset(router.service_addresses)
    for rules in bags.get("loadbalancer", {}).get("config", [])[:1]:
        with faults.part(PATH):
            balancing = _read(rules, services, router.own_addresses, faults)
            return replace(router, load_balancing=balancing)
    return router


def _read(
    rules: Mapping[str, Any], services: frozenset[IPv4Address], own: frozenset[IPv4Address], faults: Faults
) -> LoadBalancing:
    result = LoadBalancing(client_timeout_ms=None, server_timeout_ms=None)
    known = Known(own, services, {item["name"]: item for item in rules.get("ssl_certs") or ()})
    there: dict[Place, Listener | Statistics] = {}
    for section in sections(rules["configuration"]):
        with faults.part(section.head.path):
            match section.kind:
                case "global":
                    result = _global(section, result, faults)
                case "defaults":
                    result = _defaults(section, result, faults)
                    known = replace(known, inherited=inherited(section.directives, INHERITED))
                case "listen" if section.all("option", "transparent"):
                    pass  # stands in for rules when there are none
                case "listen":
                    _add(there, section, known, faults)
                case kind:
                    raise BadPartError(f"section {kind!r:.40} is unknown: left out")
    return replace(
        result,
        listeners=tuple(item for item in there.values() if isinstance(item, Listener)),
        statistics=tuple(item for item in there.values() if isinstance(item, Statistics)),
    )


def _add(there: dict[Place, Listener | Statistics], section: Section, known: Known, faults: Faults) -> None:
    place = place_of(section, known)
    if section.name in {item.name for item in there.values()}:
        raise BadPartError(f"{section.name!r:.60}: another listener has this name")
    if place in there:
        raise BadPartError(f"{section.name}: {place[0]}:{place[1]} is bound already")
    if is_statistics(section):
        there[place] = statistics(section, place, faults)
    else:
        there[place] = listener(section, place, known, faults)


def _global(section: Section, result: LoadBalancing, faults: Faults) -> LoadBalancing:
    for line in section.directives:
        with faults.part(line.path):
            if line.words[0] == "maxconn" and len(line.words) == 2:
                result = replace(result, max_connections=number(line.words[1], 1, faults.bounds.most_of("connections")))
            elif line.words[0] not in _OURS:
                raise BadPartError(f"{line.words[0]!r:.40} is unknown: left out")
    return result


def _defaults(section: Section, result: LoadBalancing, faults: Faults) -> LoadBalancing:
    for line in section.directives:
        with faults.part(line.path):
            result = _default(line, result, faults.bounds)
    return result


def _default(line: Directive, result: LoadBalancing, bounds: Bounds) -> LoadBalancing:
    match line.words:
        case ("timeout", "connect", value):
            return replace(result, connect_timeout_ms=milliseconds(value, bounds) or 5000)
        case ("timeout", "client", value):
            return replace(result, client_timeout_ms=milliseconds(value, bounds) or None)
        case ("timeout", "server", value):
            return replace(result, server_timeout_ms=milliseconds(value, bounds) or None)
        case ("timeout", *_):
            return replace(result, timeouts=with_timeout(result.timeouts, line, bounds))
        case ("retries", count):
            return replace(result, retries=number(count, 0, 100))
        case ("option" | "no", *_):
            check_option(line, is_http=True)  # whether they fit a rule's mode is the rule's affair
        case (word, *_) if word not in INHERITED and word != "log":
            raise BadPartError(f"{word!r:.40} is unknown: left out")  # the rest may be a password
    return result


_CERTIFICATE = (
    Field("name", fields.TEXT, True),
    Field("cert", fields.TEXT, True),
    Field("key", fields.TEXT, True),
    Field("chain", fields.TEXT),
    Field("password", fields.TEXT),
)
_RULES = (Field("configuration", fields.TEXTS, True), Field("ssl_certs", fields.objects(*_CERTIFICATE)))

FAMILY = Family(
    "loadbalancer",
    fields=(Field("rules", fields.objects(*_RULES), True),),
    merge=_merge,
    interpret=_interpret,
    parts=lambda body: (PATH,),
    after=("guestnetwork", "ips"),
)
