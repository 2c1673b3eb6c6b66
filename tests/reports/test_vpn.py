"""Tunnels that were loaded and did not work. The other end is a daemon that its operator configures as he likes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from supervisor.values.router import IkeVersion, Proposal, SiteToSite
from supervisor.values.secret import Secret
from tests.reports.vpn_ends import PROPOSALS, TUNNEL, Ours, Theirs, give_second_network, two_ends

pytestmark = pytest.mark.integration

Ends = tuple[Ours, Theirs]
WRONG = Secret("n0t-The-Key")


@pytest.fixture
def ends(tmp_path: Path) -> Iterator[Ends]:
    with two_ends(tmp_path) as made:
        yield made


def tunnel(version: int = 2, **changes: Any) -> SiteToSite:
    return replace(TUNNEL, ike_version=IkeVersion(f"ikev{version}"), **changes)


each_version = pytest.mark.parametrize("version", [2, 1], ids=["ikev2", "ikev1"])


def test_a_policy_that_is_changed_costs_no_tunnel(ends: Ends) -> None:
    """strongswan#2324: two networks in split connections, `esp_policy` changed, and the tunnel was gone for ever."""
    change_policy(ends, 2, PROPOSALS[1:])


@pytest.mark.slow
@each_version
def test_nor_do_many_changes(ends: Ends, version: int) -> None:
    change_policy(ends, version, *[PROPOSALS[1:], PROPOSALS[:1]] * 3)


def change_policy(ends: Ends, version: int, *policies: tuple[Proposal, ...]) -> None:
    ours, theirs = ends
    theirs.accept(version=version)
    ours.configure(tunnel(version))
    ours.until("up", 15)
    for proposals in policies:
        ours.configure(tunnel(version, esp_proposals=proposals))
        ours.wait(1.5)
        assert ours.tunnel.state in ("connecting", "up")
        ours.until("up", 13.5)
        assert len(ours.children()) == 2
    assert ours.tunnel.calls <= 2 * len(policies)


one_now = pytest.mark.parametrize("version", [pytest.param(2, marks=pytest.mark.slow), 1], ids=["ikev2", "ikev1"])


@one_now
def test_a_key_that_is_put_right_at_our_end(ends: Ends, version: int) -> None:
    """A connection whose key alone was changed is loaded as it was: the daemon never called again."""
    ours, theirs = ends
    theirs.accept(version=version)
    ours.configure(tunnel(version, psk=WRONG))
    ours.wait(2)
    assert ours.tunnel.state == "connecting"
    ours.configure(tunnel(version))
    assert ours.until("up", 15) < 8


@pytest.mark.slow
@pytest.mark.timeout(200)
@each_version
def test_a_key_that_is_wrong_at_the_other_end(ends: Ends, version: int) -> None:
    """The status has the time of the loss, the other end is not flooded, and it is up when its key is right."""
    ours, theirs = ends
    theirs.accept(version=version, key=WRONG.reveal())
    ours.configure(tunnel(version))
    ours.wait(60)
    assert ours.tunnel.state == "down"
    assert ours.tunnel.calls <= 5
    assert theirs.begun <= 6
    assert [event.name for event in ours.events] == ["undertaking-down"]
    theirs.accept(version=version)
    ours.until("up", 75)
    assert [one.name for one in ours.events] == ["undertaking-down", "undertaking-up"]


@pytest.mark.slow
@pytest.mark.timeout(200)
@each_version
def test_two_ends_that_both_call(ends: Ends, version: int) -> None:
    """Each called whenever the other took its duplicate down: some 1,500 CHILD_SAs in 90 s."""
    ours, theirs = ends
    theirs.accept(version=version, calls=True)
    ours.configure(tunnel(version))
    theirs.swanctl("--initiate", "--child", "net0", "--timeout", "2", check=False)
    most = 0
    for _ in range(75):
        ours.wait(1)
        most = max(most, len(ours.children()), len(theirs.children()))
    assert ours.tunnel.state == "up"
    assert most <= 8
    assert max(ours.children()) <= 12
    assert ours.tunnel.calls <= 4


@pytest.mark.slow
@pytest.mark.timeout(200)
@each_version
def test_an_end_that_takes_each_tunnel_down_at_once(tmp_path: Path, version: int) -> None:
    """It has no such network: each CHILD_SA ended as soon as it was there, and a hundred a second were made."""
    with two_ends(tmp_path, has_second_network=False) as (ours, theirs):
        theirs.accept(version=version)
        ours.configure(tunnel(version))
        ours.wait(40)
        assert ours.tunnel.state == "down"
        assert "1 of 2 CHILD_SAs are missing" in ours.tunnel.message
        assert ours.tunnel.calls <= 5
        assert max(ours.children()) <= 12
        give_second_network(theirs)
        ours.until("up", 75)


@pytest.mark.slow
def test_an_address_that_is_put_right(ends: Ends) -> None:
    """While nobody answers there the daemon goes on trying: it is left to it."""
    ours, theirs = ends
    theirs.accept()
    ours.configure(tunnel(peer_address=IPv4Address("203.0.113.99")))
    ours.wait(2.5)
    assert (ours.tunnel.state, ours.tunnel.calls) == ("connecting", 0)
    ours.configure(tunnel())
    assert ours.until("up", 15) < 8


@pytest.mark.slow
def test_a_tunnel_that_the_other_end_took_down(ends: Ends) -> None:
    ours, theirs = ends
    theirs.accept()
    ours.configure(tunnel())
    ours.until("up", 15)
    theirs.swanctl("--terminate", "--ike", "site", "--timeout", "2")
    ours.until("connecting", 4)
    assert ours.until("up", 10) < 8


@pytest.mark.slow
def test_a_passive_connection_waits_for_the_other_end(ends: Ends) -> None:
    ours, theirs = ends
    theirs.accept()
    ours.configure(tunnel(is_passive=True))
    ours.wait(4)
    assert (ours.tunnel.calls, theirs.begun) == (0, 0)
    theirs.swanctl("--initiate", "--child", "net0", "--timeout", "2")
    theirs.swanctl("--initiate", "--child", "net1", "--timeout", "2")
    ours.until("up", 5)


@pytest.mark.slow
def test_the_next_supervisor_knows_the_same(ends: Ends) -> None:
    ours, theirs = ends
    theirs.accept()
    ours.configure(tunnel())
    ours.until("up", 15)
    ours.wait(3)
    since = ours.tunnel.since
    ours.restart_supervisor(tunnel())
    ours.until("up", 3)
    assert since is not None
    assert ours.tunnel.since is not None
    assert abs(ours.tunnel.since - since) <= 2.0
    assert ours.tunnel.calls == 0
