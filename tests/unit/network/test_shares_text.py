"""The text of the table of shares: its changes, and what is never in it."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from supervisor.edges.network import shares_text as text
from supervisor.values.errors import NetworkError
from supervisor.values.manifest import Fair
from supervisor.values.names import ServiceName
from supervisor.values.shares import Card, GuestAddress, ServiceShare, SharedAddress, SharedPort, ShareTable
from supervisor.values.state import Share

WEB = ServiceShare(ServiceName("web-server"), Share(0, Fair(64, 500)))
NAMES = ServiceShare(ServiceName("names"), Share(1, Fair(32, 200, guests_only=True)))
TABLE = ShareTable(
    shares=(NAMES, WEB),
    addresses=(SharedAddress(IPv4Address("10.1.1.1"), 80, WEB),),
    ports=(SharedPort("eth0", 53, NAMES),),
    cards=(Card("eth0", "02:00:00:00:00:14"),),
    guests=(GuestAddress("eth0", IPv4Address("10.1.1.20")),),
    sides=("eth0",),
)
STRICTER = replace(WEB, share=Share(0, Fair(16, 500)))
CHANGED = replace(TABLE, shares=(NAMES, STRICTER), addresses=(SharedAddress(IPv4Address("10.1.1.1"), 80, STRICTER),))


def content(table: ShareTable) -> tuple[text.Shares, text.Elements]:
    return text.shares(table), text.elements(table)


@pytest.mark.parametrize("of", [WEB, NAMES, STRICTER])
def test_a_name_says_everything(of: ServiceShare) -> None:
    assert text.share_of(text.name_of(of)) == of


@pytest.mark.parametrize("name", ["", "web", "web_0", "web_0_64", "web_0_64_5_x", "arrive", "0_0_0_0"])
def test_other_names_are_none_of_ours(name: str) -> None:
    assert text.share_of(name) is None


def test_equal_contents_need_no_transaction() -> None:
    assert text.changes(*content(TABLE), *content(TABLE)) == ""


def test_a_guest_that_comes_is_one_element_and_no_rule() -> None:
    more = replace(TABLE, cards=(*TABLE.cards, Card("eth0", "02:00:00:00:00:15")))
    assert text.changes(*content(TABLE), *content(more)) == (
        f'add element {text.TABLE} cards {{ "eth0" . 02:00:00:00:00:15 }}\n'
    )


def test_other_limits_replace_one_share_and_leave_the_others() -> None:
    lines = text.changes(*content(TABLE), *content(CHANGED)).splitlines()
    named = [line for line in lines if "names_" in line]
    assert named == []
    order = [lines.index(line) for line in (
        f"add chain {text.TABLE} web-server_0_16_500",
        f"delete element {text.TABLE} front {{ 10.1.1.1 . 80 }}",
        f"add element {text.TABLE} front {{ 10.1.1.1 . 80 : goto web-server_0_16_500 }}",
        f"delete chain {text.TABLE} web-server_0_64_500",
    )]  # fmt: skip
    assert order == sorted(order)


def test_the_structure_does_not_know_how_many_guests_there_are() -> None:
    cards = tuple(Card("eth0", f"02:00:00:00:{number // 256:02x}:{number % 256:02x}") for number in range(500))
    many = replace(TABLE, cards=cards)
    assert text.rule_counts(text.shares(many)) == text.rule_counts(text.shares(TABLE))
    assert len(text.document(*content(many)).splitlines()) == len(text.document(*content(TABLE)).splitlines())


def test_who_is_no_guest_is_refused_where_only_guests_are_served() -> None:
    lines = text.document(*content(TABLE)).splitlines()
    assert f"add rule {text.TABLE} names_1_32_200_guests iifname @sides goto names_1_32_200_guests_refuse_side" in lines
    assert f"add rule {text.TABLE} web-server_0_64_500 iifname @sides goto web-server_0_64_500_side" in lines


@pytest.mark.parametrize("interface", ['eth0"', "eth 0", "", "eth0; drop", "a-name-that-is-too-long"])
def test_an_interface_that_is_none_is_refused(interface: str) -> None:
    with pytest.raises(NetworkError, match="no interface name"):
        text.elements(replace(TABLE, sides=(interface,)))


@pytest.mark.root
@pytest.mark.programs
@pytest.mark.parametrize("transaction", [
    pytest.param(text.document(*content(TABLE)), id="all"),
    pytest.param(text.document(*content(TABLE)) + text.changes(*content(TABLE), *content(CHANGED)), id="a change"),
    pytest.param(
        text.document(*content(TABLE)) + text.changes(*content(TABLE), *content(ShareTable())), id="nothing left"
    ),
])  # fmt: skip
def test_nft_accepts_it(transaction: str) -> None:
    done = subprocess.run(
        ("unshare", "-n", "nft", "-f", "-"), input=transaction, capture_output=True, text=True, timeout=20, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
