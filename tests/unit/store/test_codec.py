"""Hand-overs and instances as the store keeps them."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from supervisor.edges.store.codec import dump_handover, dump_instance, load_handover, load_instance
from supervisor.values.association import Association
from supervisor.values.handover import NO_WAIVER, Direction, Handover, Kind, Mode, Waiver
from supervisor.values.manifest import Fair, Protocol
from supervisor.values.names import Digest, ServiceName
from supervisor.values.state import NO_MAC, AddressFrontend, Endpoint, Instance, Link, PortFrontend, Share

WAY = ("203.0.113.2", "203.0.113.200")
HANDOVER = Handover(
    7,
    ServiceName("keys"),
    Kind.UPGRADE,
    Mode.TAKEOVER,
    former=1,
    candidate=2,
    index=3,
    direction=Direction.UNDO,
    reached=5,
    reason="not ready",
    synced="sha256:00",
    associations=(Association(*WAY, "esp", 0xC8A7C1DE, 1, "tunnel"), Association(*WAY, "ah", 1, 2, "transport")),
    waiver=Waiver(soak=False, judgement=True),
)


def test_a_hand_over_comes_back_as_it_was() -> None:
    assert load_handover(7, "keys", "running", dump_handover(HANDOVER)) == HANDOVER


def test_a_journal_from_before_there_were_associations_is_read() -> None:
    fields = json.loads(dump_handover(HANDOVER))
    del fields["associations"]
    assert load_handover(7, "keys", "running", json.dumps(fields)).associations == ()


def test_a_journal_from_before_anything_could_be_waived_is_read() -> None:
    fields = json.loads(dump_handover(HANDOVER))
    del fields["waiver"]
    assert load_handover(7, "keys", "running", json.dumps(fields)).waiver == NO_WAIVER


@pytest.mark.parametrize("masquerades", [True, False])
def test_an_instance_comes_back_as_it_was(masquerades: bool) -> None:
    digest = Digest("sha256:" + "0" * 64)
    link = Link("vrs-web-1", "vrs0", IPv4Address("198.18.0.1"), IPv4Address("198.18.0.2"))
    web = Instance(ServiceName("web"), 1, "1", "r1", digest, digest, link, (("http", 80),), masquerades=masquerades)
    assert load_instance(dump_instance(web)) == web


SHARES = (None, Share(0, Fair(64, 500)), Share(3, Fair(16, 1, guests_only=True)))


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("is_open", [True, False])
def test_a_frontend_comes_back_with_its_share(share: Share | None, is_open: bool) -> None:
    digest = Digest("sha256:" + "0" * 64)
    outside = Endpoint(IPv4Address("10.1.1.1"), Protocol.TCP, 80)
    frontends = (
        AddressFrontend("web", outside, 8000, is_open=is_open, share=share),
        PortFrontend("dns", Protocol.TCP, 53, 1053, ("eth0", "share"), is_open=is_open, share=share),
    )
    web = Instance(ServiceName("web"), 1, "1", "r1", digest, digest, None, (), frontends)
    back = load_instance(dump_instance(web))
    assert back == web
    assert [frontend.is_open for frontend in back.frontends] == [is_open, is_open]


def test_an_instance_from_before_services_had_to_say_so_may_connect_to_others() -> None:
    digest = Digest("sha256:" + "0" * 64)
    fields = json.loads(dump_instance(Instance(ServiceName("web"), 1, "1", "r1", digest, digest, None, ())))
    del fields["masquerades"]
    assert load_instance(json.dumps(fields)).masquerades


def test_an_instance_of_an_older_journal_has_open_frontends_and_nobodys_guest() -> None:
    digest = Digest("sha256:" + "0" * 64)
    web = AddressFrontend("web", Endpoint(IPv4Address("203.0.113.10"), Protocol.TCP, 80), 8080)
    names = PortFrontend("dns", Protocol.UDP, 53, 1053, ("eth0",), is_open=False)
    mine = Instance(ServiceName("web"), 1, "1", "r1", digest, digest, None, (), (web, names), mac="02:5e:a1:00:00:07")
    found = load_instance(dump_instance(mine))
    assert [frontend.is_open for frontend in found.frontends] == [True, False]
    assert found.mac == mine.mac
    fields = json.loads(dump_instance(mine))
    del fields["mac"]
    assert load_instance(json.dumps(fields)).mac == NO_MAC


def test_the_sides_of_frontends_are_kept_and_a_record_from_before_has_none() -> None:
    digest = Digest("sha256:" + "0" * 64)
    web = AddressFrontend("web", Endpoint(IPv4Address("203.0.113.10"), Protocol.TCP, 80), 8080, sides=("eth2", "eth0"))
    shut = replace(web, name="nobody", inside_port=8081, is_open=False, sides=())
    keys = PortFrontend("ike", Protocol.UDP, 500, 500, (), sides=("eth2",))
    mine = Instance(ServiceName("web"), 1, "1", "r1", digest, digest, None, (), (web, shut, keys))
    text = dump_instance(mine)
    assert [one.sides for one in load_instance(text).frontends] == [("eth2", "eth0"), (), ("eth2",)]
    fields = json.loads(text)
    del fields["sides"]
    fields["frontends"][2][5] = ["eth2"]  # as once, when they said nothing
    found = load_instance(json.dumps(fields))
    assert found == mine
    assert [one.sides for one in found.frontends] == [None, None, None]
