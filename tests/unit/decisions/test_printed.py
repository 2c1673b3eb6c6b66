"""The words of `config show`: each value of a closed set has one, and times and counts have the notation they had."""

from __future__ import annotations

from enum import Enum
from ipaddress import IPv4Address

import pytest

from supervisor.decisions.printed import printed_fields, word
from supervisor.values.balancing import Balance, Switch, TimeLimit
from supervisor.values.members import (
    Backend,
    CheckFlag,
    CheckKind,
    Expectation,
    Expected,
    HeaderAction,
    HealthCheck,
    MemberOption,
    MemberValue,
)
from supervisor.values.stickiness import CookieOption, LearnedCookieStickiness, SourceStickiness
from supervisor.values.tls import Tls, TlsVersion

SETS = (
    Balance,
    TlsVersion,
    Switch,
    TimeLimit,
    MemberOption,
    CookieOption,
    CheckKind,
    CheckFlag,
    Expected,
    HeaderAction,
)


@pytest.mark.parametrize("closed_set", SETS)
def test_each_value_of_a_set_is_printed_as_another_word(closed_set: type[Enum]) -> None:
    assert len({word(value) for value in closed_set}) == len(closed_set)


@pytest.mark.parametrize(
    ("entries", "expire_ms", "size", "expire"),
    [
        (200 * 1024, 1_800_000, "200k", "30m"),
        (2 * 1024**2, 7_200_000, "2m", "2h"),
        (1000, 1000, "1000", "1s"),
        (1, 1500, "1", "1500ms"),
        (1, 0, "1", "0"),
    ],
)
def test_times_and_counts_are_printed_in_the_largest_unit(entries: int, expire_ms: int, size: str, expire: str) -> None:
    assert dict(printed_fields(SourceStickiness(entries, expire_ms))) == {"table_size": size, "expire": expire}
    assert dict(printed_fields(LearnedCookieStickiness("a", hold_ms=expire_ms)))["holdtime"] == expire


@pytest.mark.parametrize(
    ("option", "value", "printed"),
    [
        (MemberOption.BACKUP, None, "backup"),
        (MemberOption.WEIGHT, 0, "weight 0"),
        (MemberOption.CHECK_INTERVAL, 2000, "inter 2s"),
        (MemberOption.TLS_LEAST, TlsVersion.V1_2, "ssl-min-ver TLSv1.2"),
        (MemberOption.TLS_ALPN, ("h2", "http/1.1"), "alpn h2,http/1.1"),
        (MemberOption.TLS_CIPHERS, ("A", "B"), "ciphers A:B"),
    ],
)
def test_settings_of_a_member_are_printed_as_options(option: MemberOption, value: MemberValue, printed: str) -> None:
    backend = Backend("a", IPv4Address("10.1.1.21"), 80, settings=((option, value),))
    assert dict(printed_fields(backend))["options"] == (printed,)


def test_expectations_of_a_check_are_printed_as_words() -> None:
    statuses = Expectation(Expected.STATUS, ((200, 299), (304, 304)))
    text = Expectation(Expected.TEXT, "down", is_negated=True)
    printed = dict(printed_fields(HealthCheck(CheckKind.HTTP, ("GET", "/"), expectations=(statuses, text))))
    assert printed["arguments"] == ("GET", "/")
    assert printed["expectations"] == (("status", "200-299,304"), ("!", "string", "down"))


def test_ciphers_that_nobody_named_are_none() -> None:
    assert dict(printed_fields(Tls(ciphers=("A", "B")))) == {
        "ciphers": "A:B",
        "cipher_suites": None,
        "least_version": TlsVersion.V1_2,
        "greatest_version": None,
        "protocols": None,
    }
