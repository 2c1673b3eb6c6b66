"""Each value of the load balancer's closed sets has a word in the daemon's configuration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum
from ipaddress import IPv4Address
from typing import Any

import pytest

from supervisor.edges.catalog import load_definition
from supervisor.edges.render import TemplateRenderer
from supervisor.values.balancing import Balance, Listener, LoadBalancing, Switch, TimeLimit
from supervisor.values.members import Backend, CheckFlag, CheckKind, HealthCheck, MemberOption, MemberValue
from supervisor.values.router import RouterConfig
from supervisor.values.stickiness import CookieMode, CookieOption, CookieStickiness, SourceStickiness
from supervisor.values.tls import TlsVersion
from tests.kit.samples.router import sample_instance
from tests.services.test_golden import SERVICES

A = IPv4Address("203.0.113.10")
MEMBER = Backend("a", IPv4Address("10.1.1.21"), 80)
RULE = Listener("r", A, 80, True, Balance.SOURCE, (MEMBER,))


def lines(rule: Listener) -> list[str]:
    """Return what the listener's section says, without indentation."""
    definition = load_definition(SERVICES / "haproxy")
    router, bare = RouterConfig(load_balancing=LoadBalancing(listeners=(rule,))), sample_instance(definition.manifest)
    instance = replace(bare, frontends=TemplateRenderer().frontends(definition.manifest, router, bare))
    (file,) = TemplateRenderer().files(definition, router, instance)
    return [line.strip() for line in file.content.decode().partition("listen ")[2].splitlines()]


def of_member(option: MemberOption, value: MemberValue) -> str:
    rule = replace(RULE, backends=(replace(MEMBER, settings=((option, value),)),))
    return lines(rule)[-1].removeprefix("server a 10.1.1.21:80 check ")


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        (MemberOption.CHECK_INTERVAL, 1500, "inter 1500ms"),
        (MemberOption.SLOW_START, 90_000, "slowstart 90s"),
        (MemberOption.WEIGHT, 0, "weight 0"),
        (MemberOption.TLS_GREATEST, TlsVersion.V1_3, "ssl-max-ver TLSv1.3"),
        (MemberOption.TLS_ALPN, ("h2", "http/1.1"), "alpn h2,http/1.1"),
        (MemberOption.TLS_CIPHERS, ("A", "B"), "ciphers A:B"),
        (MemberOption.DOWN_ENDS_SESSIONS, None, "on-marked-down shutdown-sessions"),
    ],
)
def test_settings_of_members(option: MemberOption, value: MemberValue, words: str) -> None:
    assert of_member(option, value) == words


def test_each_setting_of_a_member_has_a_word_of_its_own() -> None:
    values: dict[MemberOption, MemberValue] = dict.fromkeys(MemberOption, 1)
    values |= dict.fromkeys((MemberOption.TLS_ALPN, MemberOption.TLS_CIPHERS, MemberOption.TLS_CIPHER_SUITES), ("A",))
    assert len({of_member(option, values[option]) for option in MemberOption}) == len(MemberOption)


WRITTEN: dict[type[StrEnum], Callable[[Any], Listener]] = {
    Switch: lambda value: replace(RULE, switches=(value,)),
    TimeLimit: lambda value: replace(RULE, timeouts=((value, 1000),)),
    Balance: lambda value: replace(RULE, balance=value),
    CheckKind: lambda value: replace(RULE, health_check=HealthCheck(value)),
    CheckFlag: lambda value: replace(RULE, health_check=HealthCheck(CheckKind.HTTP, flags=(value,))),
    CookieOption: lambda value: replace(
        RULE, stickiness=CookieStickiness("c", CookieMode.INSERT, ((value, _value(value)),))
    ),
}


@pytest.mark.parametrize("closed_set", WRITTEN)
def test_each_value_of_a_set_has_a_word_of_its_own(closed_set: type[StrEnum]) -> None:
    assert len({tuple(lines(WRITTEN[closed_set](value))) for value in closed_set}) == len(closed_set)


def _value(option: CookieOption) -> int | str | None:
    values: dict[CookieOption, int | str] = {
        CookieOption.DOMAIN: "x.example",
        CookieOption.MAX_IDLE: 1000,
        CookieOption.MAX_LIFE: 1000,
    }
    return values.get(option)


@pytest.mark.parametrize(
    ("entries", "expire_ms", "words"),
    [(204_800, 1_800_000, "size 200k expire 30m"), (1000, 0, "size 1000 expire 0"), (2**21, 1, "size 2m expire 1ms")],
)
def test_tables(entries: int, expire_ms: int, words: str) -> None:
    rule = replace(RULE, stickiness=SourceStickiness(entries, expire_ms))
    assert f"stick-table type ip {words} peers generations" in lines(rule)
