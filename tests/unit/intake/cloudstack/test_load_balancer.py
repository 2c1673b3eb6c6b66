"""The words of a load-balancing rule are carried out, or named: none is lost silently."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Any

import pytest

from supervisor.edges.intake import interpret
from supervisor.values.balancing import Balance, Listener, LoadBalancing, StatisticsPage, Switch, TimeLimit
from supervisor.values.members import (
    CheckFlag,
    CheckKind,
    Expectation,
    Expected,
    HeaderAction,
    HeaderRule,
    HealthCheck,
    MemberOption,
    Message,
)
from supervisor.values.secret import Secret
from supervisor.values.stickiness import CookieMode, CookieOption, CookieStickiness, SourceStickiness
from supervisor.values.tls import Tls, TlsVersion
from tests.kit.samples.bounds import BOUNDS
from tests.kit.samples.certificates import key_and_certificate

RULE = ("listen a-80", "\tbind 203.0.113.23:80", "\tmode http", "\tserver a_0 10.1.1.21:80 check")
SECURE = ((CookieOption.SECURE, None), (CookieOption.HTTP_ONLY, None))
TCP = ("listen a-80", "\tbind 203.0.113.23:80", "\tserver a_0 10.1.1.21:80 check")


def balanced(*lines: str, **rules: Any) -> tuple[LoadBalancing, list[str]]:
    """Return what the text means, and the problems of what was left out, with their lines."""
    router, faults = interpret({"loadbalancer": {"config": [{"configuration": list(lines), **rules}]}}, BOUNDS)
    return router.load_balancing, [f"{fault.path.rpartition(' ')[2]}: {fault.problem}" for fault in faults]


def rule(*more: str, head: tuple[str, ...] = RULE) -> tuple[Listener, list[str]]:
    found, problems = balanced(*head, *(f"\t{line}" for line in more))
    return found.listeners[0], [problem.partition(": ")[2] for problem in problems]


@pytest.mark.parametrize("head", [RULE, TCP])
def test_a_rules_own_time_limits_count(head: tuple[str, ...]) -> None:
    """apache/cloudstack#14131, #12574, #3789: connections were cut after 50 s, whatever their rule said."""
    listener, problems = rule("timeout client 30m", "timeout server 1800000", "timeout tunnel 0", head=head)
    assert problems == []
    assert listener.timeouts == ((TimeLimit.CLIENT, 1_800_000), (TimeLimit.SERVER, 1_800_000), (TimeLimit.TUNNEL, 0))


def test_time_limits_and_tries_of_all_rules() -> None:
    found, problems = balanced("defaults", "\ttimeout queue 5s", "\ttimeout client 7s", "\tretries 1", *RULE)
    assert problems == []
    assert (found.timeouts, found.client_timeout_ms, found.retries) == (((TimeLimit.QUEUE, 5000),), 7000, 1)


@pytest.mark.parametrize(
    ("lines", "check"),
    [
        (("option httpchk",), HealthCheck(CheckKind.HTTP)),
        (("option httpchk /health",), HealthCheck(CheckKind.HTTP, ("OPTIONS", "/health"))),
        (("option httpchk GET /health HTTP/1.1",), HealthCheck(CheckKind.HTTP, ("GET", "/health", "HTTP/1.1"))),
        (
            (
                "option httpchk GET /",
                "http-check send ver HTTP/1.1 hdr Host www.example.org",
                "http-check expect ! rstatus ^5",
                "http-check expect string up\\ and\\ running",
                "http-check disable-on-404",
            ),
            HealthCheck(
                CheckKind.HTTP,
                ("GET", "/", "HTTP/1.1"),
                (HeaderRule(Message.REQUEST, HeaderAction.SET, "Host", Secret("www.example.org")),),
                (
                    Expectation(Expected.STATUS_PATTERN, "^5", is_negated=True),
                    Expectation(Expected.TEXT, "up and running"),
                ),
                (CheckFlag.DRAIN_ON_404,),
            ),
        ),
        (("option redis-check",), HealthCheck(CheckKind.REDIS)),
        (("option pgsql-check user probe",), HealthCheck(CheckKind.POSTGRESQL, ("user", "probe"))),
        (("option redis-check", "no option redis-check"), None),
        (("option tcp-check",), None),
    ],
)
def test_members_are_asked_as_the_rule_says(lines: tuple[str, ...], check: HealthCheck | None) -> None:
    listener, problems = rule(*lines)
    assert problems == []
    assert listener.health_check == check


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("option httpchk get /", "'get' is not a method"),
        ("option httpchk GET /a\\ b", "'/a b' is not a path"),
        ("option httpchk GET /%[src]", "'/%[src]' is not a path"),
        ("option httpchk GET / HTTP/1.1\\r\\nHost:x", "'HTTP/1.1\\\\r\\\\nHost:x' is not a version"),
        ("option pgsql-check", "pgsql-check has too many or too few words: left out"),
        ("http-check expect status 200", "http-check has no meaning without option httpchk: left out"),
        ("tcp-check expect string x", "'tcp-check' is unknown: left out"),
    ],
)
def test_a_check_that_cannot_be_carried_out_is_named(line: str, problem: str) -> None:
    listener, problems = rule(line)
    assert problems == [problem]
    assert listener.health_check is None


@pytest.mark.parametrize("what", ["expect status 299-200", "expect rstatus (", "connect port 81", "send foo x"])
def test_a_word_of_a_check_that_is_not_known_is_named_and_the_rest_asked(what: str) -> None:
    listener, problems = rule("option httpchk GET /", f"http-check {what}")
    assert len(problems) == 1
    assert listener.health_check == HealthCheck(CheckKind.HTTP, ("GET", "/"))


def test_words_of_members() -> None:
    words = "check inter 5s fastinter 1s rise 2 fall 3 weight 20 maxconn 50 backup send-proxy-v2 port 81"
    listener, problems = rule(f"server a_1 10.1.1.22:80 {words}", "server a_2 10.1.1.23:80")
    assert problems == []
    assert listener.backends[1].settings == (
        (MemberOption.CHECK_INTERVAL, 5000),
        (MemberOption.CHECK_CHANGING_INTERVAL, 1000),
        (MemberOption.UP_AFTER, 2),
        (MemberOption.DOWN_AFTER, 3),
        (MemberOption.WEIGHT, 20),
        (MemberOption.MAX_CONNECTIONS, 50),
        (MemberOption.BACKUP, None),
        (MemberOption.PROXY_PROTOCOL_2, None),
        (MemberOption.CHECK_PORT, 81),
    )
    assert [member.is_checked for member in listener.backends] == [True, True, False]


def test_what_is_said_of_all_members_counts_from_there_on() -> None:
    found, problems = balanced(
        "defaults",
        "\tdefault-server check inter 9s",
        *RULE[:3],
        "\tserver a_0 10.1.1.20:80",
        "\tdefault-server rise 5 disabled",
        "\tserver a_1 10.1.1.21:80 inter 1s enabled",
    )
    assert problems == []
    assert [(member.is_checked, member.settings) for member in found.listeners[0].backends] == [
        (True, ((MemberOption.CHECK_INTERVAL, 9000),)),
        (True, ((MemberOption.UP_AFTER, 5), (MemberOption.CHECK_INTERVAL, 1000))),
    ]


@pytest.mark.parametrize(
    ("words", "problem", "is_there"),
    [
        ("inter 0", "inter: '0' is no time at all: left out", True),
        ("rise 0", "rise: '0' is not a number between 1 and 1000000: left out", True),
        ("on-marked-down x", "on-marked-down: 'x' is unknown: left out", True),
        ("ssl", "server a_1 wants TLS, and no authority to verify it came along: left out", False),
        ("check-ssl", "server a_1 wants TLS, and no authority to verify it came along: left out", False),
        (
            "ssl verify none ssl-min-ver TLSv1.3 ssl-max-ver TLSv1.2",
            "server a_1 has its greatest version of TLS below the least one: left out",
            False,
        ),
    ],
)
def test_a_word_of_a_member_that_cannot_be_carried_out_is_named(words: str, problem: str, is_there: bool) -> None:
    listener, problems = rule(f"server a_1 10.1.1.22:80 check {words}")
    assert problems == [problem]
    assert len(listener.backends) == 1 + is_there


@pytest.mark.parametrize("options", ["domain a:b", " ".join(f"domain d{n}.example.org" for n in range(40))])
def test_a_cookie_that_would_cost_all_listeners_costs_its_own(options: str) -> None:
    found, problems = balanced(*RULE, f"\tcookie srv insert {options}")
    assert (found.listeners, len(problems)) == ((), 1)


@pytest.mark.parametrize(
    ("lines", "headers", "problem"),
    [
        (["hdr Host a", "hdr host b"], ["Host"], "http-check names a host already: left out"),
        (
            [f"hdr X-{number} v" for number in range(30)],
            [f"X-{number}" for number in range(16)],
            "http-check has more than 16 headers: left out",
        ),
    ],
)
def test_headers_of_checks_that_would_cost_all_listeners_are_named(
    lines: list[str], headers: list[str], problem: str
) -> None:
    listener, problems = rule("option httpchk GET /", *(f"http-check send {line}" for line in lines))
    assert set(problems) == {problem}
    assert listener.health_check is not None
    assert [header.name for header in listener.health_check.headers] == headers


@pytest.mark.parametrize("line", ["cookie srv insert", "appsession JSESSIONID len 52 timeout 3h"])
def test_a_cookie_without_mode_http_is_named(line: str) -> None:
    listener, problems = rule(line, head=TCP)
    assert problems == [f"{line.split(maxsplit=1)[0]} needs mode http: left out"]
    assert listener.stickiness is None


@pytest.mark.parametrize(
    ("line", "left", "problems"),
    [
        ("srv insert indirect preserve", (CookieOption.HIDDEN_FROM_MEMBERS, CookieOption.PRESERVED), []),
        ("srv prefix indirect nocache", (CookieOption.HIDDEN_FROM_MEMBERS, CookieOption.NOT_CACHED), []),
        (
            "srv insert maxidle 30m maxlife 8h secure httponly",
            ((CookieOption.MAX_IDLE, 1_800_000), (CookieOption.MAX_LIFE, 28_800_000), *SECURE),
            [],
        ),
        (  # HAProxy 2.6 reads a number without a unit as seconds here, and as milliseconds elsewhere
            "srv insert maxidle 3600 maxlife 90s",
            ((CookieOption.MAX_IDLE, 3_600_000), (CookieOption.MAX_LIFE, 90_000)),
            [],
        ),
        (
            "srv rewrite indirect nocache",
            (CookieOption.NOT_CACHED,),
            ["indirect of a cookie has no meaning with rewrite: left out"],
        ),
        (
            "srv insert" + " nocache" * 70 + " maxidle 1m maxidle 2m",
            (CookieOption.NOT_CACHED, (CookieOption.MAX_IDLE, 120_000)),
            [],
        ),
        ("srv prefix preserve", (), ["preserve of a cookie has no meaning with prefix: left out"]),
    ],
)
def test_options_of_a_cookie_that_would_cost_all_listeners_are_named(
    line: str, left: tuple[Any, ...], problems: list[str]
) -> None:
    listener, found = rule(f"cookie {line}")
    assert found == problems
    assert listener.stickiness == CookieStickiness(
        "srv",
        CookieMode(line.split()[1]),
        tuple(setting if isinstance(setting, tuple) else (setting, None) for setting in left),
    )


@pytest.mark.parametrize(
    ("lines", "problems"),
    [
        (("stick-table type ip size 1k expire 1m nopurge", "stick on src"), ["'nopurge' of stick-table is unknown"]),
        (("stick-table type string size 1k expire 1m", "stick on src"), ["a table of 'string' is one of ip here"]),
        (("stick on src", "stick on dst", "stick-table size 1k expire 1m"), ["stick by anything but src is left out"]),
        (("stick-table type ip size 1k expire 1m",), ["stick-table has no meaning without stick on src"]),
    ],
)
def test_words_of_stick_tables_are_carried_out_or_named(lines: tuple[str, ...], problems: list[str]) -> None:
    listener, found = rule(*lines)
    assert [problem.removesuffix(": left out") for problem in found] == problems
    assert listener.stickiness == (SourceStickiness(1024, 60_000) if "stick on src" in lines else None)


def test_switches_and_limits() -> None:
    """apache/cloudstack#9582: what was written into the file by hand was gone with the next rule."""
    listener, problems = rule(
        "option abortonclose",
        "option tcpka",
        "option http-no-delay",
        "no option abortonclose",
        "maxconn 9",
        "fullconn 8",
    )
    assert problems == []
    assert listener.switches == (Switch.CLIENT_TCP_KEEP_ALIVE, Switch.NO_HTTP_DELAY)
    assert (listener.max_connections, listener.full_load) == (9, 8)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("option foo", "'option foo' is unknown: left out"),
        ("no option redispatch", "option redispatch cannot be turned off: left out"),
        ("option forwardfor except 10.0.0.0/8", "option forwardfor with more words is unknown: left out"),
        ("timeout foo 1s", "'timeout foo' is unknown: left out"),
        ("timeout client 1y", "'1y' is not a time"),
        ("maxconn 0", "'0' is not a number between 1 and 1000000"),
        (
            "http-request set-header X-A %[src]",
            "a header's value is empty, or has a sign that the daemon would replace",
        ),
        ("http-response set-header X-A b if { src 10.0.0.1 }", "http-response with these words is unknown"),
    ],
)
def test_a_switch_that_cannot_be_carried_out_is_named_and_the_listener_serves(line: str, problem: str) -> None:
    _, problems = rule(line)
    assert [found.removesuffix(": left out") for found in problems] == [problem.removesuffix(": left out")]


@pytest.mark.parametrize("line", ["option http-no-delay", "http-request set-header A b"])
def test_what_needs_mode_http_is_named_without_it(line: str) -> None:
    _, (problem,) = rule(line, head=TCP)
    assert problem.endswith("needs mode http: left out")


@pytest.mark.parametrize("text", ["'up and running'", '"up and running"', "up\\ and\\ running"])
def test_words_may_be_quoted(text: str) -> None:
    listener, problems = rule("option httpchk", f"http-check expect string {text}")
    assert problems == []
    assert listener.health_check == HealthCheck(
        CheckKind.HTTP, expectations=(Expectation(Expected.TEXT, "up and running"),)
    )


@pytest.mark.parametrize("password", ["it's", 'a"b', "a'b'c", "p#q", "$HOME", "%x", "\\", '"', "a:b"])
def test_a_password_may_have_any_signs_but_blanks(password: str) -> None:
    found, problems = balanced("listen p", "\tbind 203.0.113.23:8081", "\tstats enable", f"\tstats auth u:{password}")
    assert problems == []
    assert found.statistics[0].password == Secret(password)


def test_headers() -> None:
    listener, problems = rule(
        "http-request add-header X-Forwarded-Proto https",
        "http-response del-header Server",
        "http-request set-header A b\\ c",
    )
    assert problems == []
    assert listener.header_rules == (
        HeaderRule(Message.REQUEST, HeaderAction.ADD, "X-Forwarded-Proto", Secret("https")),
        HeaderRule(Message.RESPONSE, HeaderAction.DELETE, "Server"),
        HeaderRule(Message.REQUEST, HeaderAction.SET, "A", Secret("b c")),
    )


@pytest.mark.parametrize(
    "line", ["disabled", "http-response deny", "tcp-response content reject", "http-request redirect scheme https"]
)
def test_a_listener_that_should_serve_less_is_refused(line: str) -> None:
    found, (problem,) = balanced(*RULE, f"\t{line}")
    assert found.listeners == ()
    assert problem.endswith("is unknown: listener refused")


@pytest.mark.parametrize(
    ("before", "lines", "keeps_alive"),
    [
        (("option httpclose",), (), False),
        (("option httpclose",), ("option http-keep-alive",), True),  # a rule's own choice (apache/cloudstack#14131)
        (("no option httpclose",), ("option httpclose",), False),
        (("option httpclose",), ("no option forceclose",), False),
        ((), ("option forceclose",), False),
        (("option httpclose",), ("option http-server-close",), True),
    ],
)
def test_the_last_word_on_keeping_connections_counts(
    before: tuple[str, ...], lines: tuple[str, ...], keeps_alive: bool
) -> None:
    """apache/cloudstack#3253: `no option forceclose` and words that exclude each other stopped all rules."""
    found, problems = balanced("defaults", *(f"\t{one}" for one in before), *RULE, *(f"\t{line}" for line in lines))
    assert problems == []
    assert found.listeners[0].keep_alive == keeps_alive


def test_mode_and_balance_of_all_rules() -> None:
    found, problems = balanced(
        "defaults", "\tmode http", "\tbalance leastconn", *TCP, "listen b", "\tbind 203.0.113.23:81"
    )
    assert problems == []
    assert [(listener.is_http, listener.balance) for listener in found.listeners] == [
        (True, Balance.LEAST_CONNECTIONS)
    ] * 2


@pytest.mark.parametrize("line", ["stats uri ''", "stats realm ''", "stats realm a\x01b", "stats auth u:a\x7fb"])
def test_a_page_whose_words_no_file_could_have_costs_nothing_else(line: str) -> None:
    found, problems = balanced(
        *RULE, "listen p", "\tbind 203.0.113.23:8081", "\tstats enable", "\tstats auth u:p", f"\t{line}"
    )
    assert (len(found.listeners), found.statistics) == (1, ())
    assert "page refused" in problems[-1]


STATS = ("\tstats enable", "\tstats uri /s", "\tstats realm R", "\tstats auth a:b:c")


def test_a_page_of_statistics_beside_what_members_serve() -> None:
    page = StatisticsPage("/s", "R", "a", Secret("b:c"))
    found, problems = balanced("defaults", *STATS, *RULE, "listen t", "\tbind 203.0.113.23:81")
    assert problems == []
    assert [listener.page for listener in found.listeners] == [page, None], "in mode tcp there is none"
    found, problems = balanced(*RULE, *STATS)
    assert problems == []
    assert found.listeners[0].page == page


@pytest.mark.parametrize(
    ("line", "is_there", "problem"),
    [
        ("stats hide-version", True, "stats hide-version is left out"),
        ("stats auth x:y", True, "only the last user of a page of statistics is taken: this one is left out"),
        ("stats http-request deny", False, "p: line 7: a word of stats is unknown: page refused"),
        ("acl a src 10.0.0.1", False, "p: line 7: 'acl' is unknown: page refused"),
        ("timeout client 1s", True, "'timeout' of a page of statistics is left out"),
    ],
)
def test_words_of_a_page_of_statistics(line: str, is_there: bool, problem: str) -> None:
    found, problems = balanced("listen p", "\tbind 203.0.113.23:8081", "\tmode http", *STATS[:3], f"\t{line}", STATS[3])
    assert len(found.statistics) == is_there
    assert problem in problems[0]


def _tls(words: str) -> tuple[tuple[Listener, ...], list[str]]:
    key, certificate = key_and_certificate()
    text = ("listen s", f"\tbind 203.0.113.23:443 ssl crt /x/s.pem {words}", "\tmode http", *TCP)
    found, problems = balanced(*text, ssl_certs=[{"name": "s", "cert": certificate, "key": key}])
    assert found.listeners[-1].name == "a-80"
    return found.listeners[:-1], [problem.partition(": ")[2] for problem in problems]


def test_how_a_listener_speaks_tls() -> None:
    words = "alpn http/1.1 ssl-min-ver TLSv1.3 ssl-max-ver TLSv1.3 ciphers ECDHE+AESGCM no-sslv3 name x"
    (listener,), problems = _tls(words)
    assert problems == []
    assert listener.tls == Tls(("ECDHE+AESGCM",), (), TlsVersion.V1_3, TlsVersion.V1_3, ("http/1.1",))


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("ciphers NONE-OF-THEM", "s: ciphers: none of the ciphers 'NONE-OF-THEM' is known: listener refused"),
        ("ciphersuites A", "s: ciphersuites: 'A' is not a cipher suite of TLS 1.3: listener refused"),
        ("ssl-min-ver SSLv3", "s: ssl-min-ver: 'SSLv3' is not one of"),
        ("ssl-min-ver TLSv1.3 ssl-max-ver TLSv1.2", "s: the greatest version of TLS is below the least one"),
        ("verify required", "s: verify: is unknown: listener refused"),
        ("accept-proxy", "s: accept-proxy: is unknown: listener refused"),
        ("crt /x/t.pem", "s: TLS needs the words ssl and crt, and one certificate: listener refused"),
    ],
)
def test_a_listener_that_would_be_weaker_than_its_bind_line_says_is_refused_alone(words: str, problem: str) -> None:
    listeners, (found,) = _tls(words)
    assert listeners == ()
    assert found.startswith(problem)


def test_what_makes_a_listener_only_quicker_is_named() -> None:
    (_,), problems = _tls("backlog 5 tfo")
    assert problems == ["backlog of bind is left out", "tfo of bind is left out"]


def test_sources_of_ipv6_come_to_no_address_of_ours() -> None:
    allowed = ("\tacl network_allowed src {}", "\ttcp-request connection reject if !network_allowed")
    found, problems = balanced(*RULE, allowed[0].format("2001:db8::/32 10.0.0.0/8 ::/0"), allowed[1])
    assert problems == []
    assert found.listeners[0].allowed_sources == (IPv4Network("10.0.0.0/8"),)
    found, (problem,) = balanced(*RULE, allowed[0].format("2001:db8::/32"), allowed[1])
    assert found.listeners == ()
    assert problem.endswith("nobody is allowed: listener refused")


@pytest.mark.parametrize("line", ["nbthread 4", "tune.ssl.default-dh-param 2048", "ssl-default-bind-options x"])
def test_a_word_of_the_global_section_that_has_an_effect_is_named(line: str) -> None:
    _, (problem,) = balanced("global", f"\t{line}", *RULE)
    assert problem == f"2: {line.split(maxsplit=1)[0]!r} is unknown: left out"
