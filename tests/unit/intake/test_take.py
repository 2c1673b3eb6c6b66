"""Command files into bags: the samples give the bags that the management server's own scripts keep."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from supervisor.edges.intake import Bags, CloudStackIntake, bags_from_json, bags_to_json, merge, parse
from supervisor.values.errors import ConfigurationError, Fault

SAMPLES = Path(__file__).parents[2] / "data" / "cloudstack"


def content(name: str) -> bytes:
    return (SAMPLES / f"{name}.json").read_bytes()


def merged(*names: str, into: Bags | None = None) -> Bags:
    bags = into or {}
    for name in names:
        bags = merge(bags, parse(f"{name}.json", content(name)))
    return bags


@pytest.mark.parametrize(
    ("commands", "bag", "sample"),
    [
        (["cmd_cmd_line_router"], "cmdline", "bag_cmdline_router"),
        (["cmd_cmd_line_vpcrouter_redundant"], "cmdline", "bag_cmdline_vpcrouter_redundant"),
        (["cmd_cmd_line_router", "cmd_ip_associations"], "ips", "bag_ips_router"),
        (["cmd_guest_network_add", "cmd_guest_network_add_dualstack"], "guestnetwork", "bag_guestnetwork_vpc"),
        (["cmd_vm_dhcp_entry_default_nic", "cmd_vm_dhcp_entry_nondefault_nic"], "dhcpentry", "bag_dhcpentry"),
        (
            ["cmd_vm_dhcp_entry_default_nic", "cmd_vm_dhcp_entry_nondefault_nic", "cmd_vm_dhcp_entry_remove"],
            "dhcpentry",
            "bag_dhcpentry_after_remove",
        ),
        (["cmd_vm_metadata", "cmd_vm_metadata_no_userdata"], "vmdata", "bag_vmdata"),
        (["cmd_load_balancer"], "loadbalancer", "bag_loadbalancer"),
        (["cmd_site_2_site_vpn"], "site2sitevpn", "bag_site2sitevpn"),
    ],
)
def test_commands_give_the_bag_that_the_samples_hold(commands: list[str], bag: str, sample: str) -> None:
    assert merged(*commands)[bag] == json.loads(content(sample))


def test_every_command_sample_is_accepted_and_the_bags_survive_being_kept() -> None:
    files = [(path.name, path.read_bytes()) for path in sorted(SAMPLES.glob("cmd_*.json"))]
    taken = CloudStackIntake().take(None, files)
    assert taken.refused == ()
    assert taken.accepted == tuple(name for name, _ in files)
    assert bags_to_json(bags_from_json(taken.stored)) == taken.stored
    passed_over = [note.partition(" ")[0] for note in taken.notes]
    assert passed_over == [
        "cmd_dhcp.json",
        "cmd_guest_network_add_dualstack.json",  # its IPv6
        "cmd_ip_aliases.json",
        "cmd_monitor_service_refresh.json",
        "cmd_monitor_service_start.json",
        "cmd_remote_access_vpn.json",
        "cmd_remote_access_vpn_remove.json",
        "cmd_vpn_user_list.json",
    ]


def test_the_passwords_of_all_guests_are_kept_each_with_an_offer_of_its_own() -> None:
    def command(name: str, ip: str) -> Any:
        return parse(name, json.dumps({"type": "vmpassword", "ip_address": ip, "password": "same"}).encode())

    bags: Bags = {}
    for name, ip in (("a.json.1", "10.1.1.21"), ("b.json.2", "10.1.1.22"), ("c.json.3", "10.1.1.21")):
        bags = merge(bags, command(name, ip))
    bag = bags["vmpassword"]
    assert sorted(key for key in bag if key != "id") == ["10.1.1.21", "10.1.1.22"]
    assert bag["10.1.1.21"] == {"password": "same", "offer": command("c.json.3", "10.1.1.21").identity}
    assert command("a.json.1", "10.1.1.21").identity != command("c.json.3", "10.1.1.21").identity


def test_a_network_card_that_gets_another_address_leaves_the_former_one() -> None:
    moved = json.loads(content("cmd_vm_dhcp_entry_default_nic")) | {"ipv4_address": "10.1.1.99"}
    bags = merge(merged("cmd_vm_dhcp_entry_default_nic"), parse("x", json.dumps(moved).encode()))
    assert set(bags["dhcpentry"]) == {"id", "10.1.1.99"}


@pytest.mark.parametrize(
    ("ipv4_address", "mac_address", "left"),
    [
        pytest.param("10.1.1.21", "02:00:4f:10:00:05", {}, id="its own"),
        pytest.param("10.1.1.21", "02:00:4F:10:00:05", {}, id="its own in capitals"),
        pytest.param("10.1.1.21", "02:00:4f:10:00:99", {"10.1.1.21"}, id="another card has the address"),
        pytest.param("10.1.1.99", "02:00:4f:10:00:05", {"10.1.1.21"}, id="the card has another address"),
        pytest.param("10.1.1.99", "02:00:4f:10:00:99", {"10.1.1.21"}, id="nobody's"),
    ],
)
def test_a_removal_that_comes_late_removes_nobody_else(ipv4_address: str, mac_address: str, left: set[str]) -> None:
    removal = _ENTRY | {"ipv4_address": ipv4_address, "mac_address": mac_address, "remove": True}
    bags = merge(merge({}, parse("x", json.dumps(_ENTRY).encode())), parse("y", json.dumps(removal).encode()))
    entries = {key: entry for key, entry in bags["dhcpentry"].items() if key != "id"}
    assert {key for key, entry in entries.items() if not entry.get("remove")} == set(left)
    assert merge(bags, parse("y", json.dumps(removal).encode())) == bags


def test_a_network_that_comes_again_replaces_itself_and_can_be_taken_away() -> None:
    changed = json.loads(content("cmd_guest_network_add")) | {"mtu": 1400}
    bags = merge(merged("cmd_guest_network_add"), parse("x", json.dumps(changed).encode()))
    device = changed["device"]
    assert [entry["mtu"] for entry in bags["guestnetwork"][device]] == [1400]
    gone = merge(bags, parse("y", json.dumps(changed | {"add": False}).encode()))
    assert gone["guestnetwork"][device] == []
    again = merge(gone, parse("y", json.dumps(changed | {"add": False}).encode()))
    assert again["guestnetwork"][device] == []


def test_a_tunnel_that_is_taken_away_is_gone_and_taking_it_away_twice_changes_nothing() -> None:
    bags = merged("cmd_site_2_site_vpn", "cmd_site_2_site_vpn_remove")
    assert bags["site2sitevpn"] == {"id": "site2sitevpn"}
    assert merged("cmd_site_2_site_vpn_remove", into=bags) == bags


def test_merging_leaves_the_former_bags_as_they_were() -> None:
    before = merged("cmd_cmd_line_router", "cmd_vm_dhcp_entry_default_nic", "cmd_guest_network_add")
    kept = bags_to_json(before)
    merged("cmd_vm_dhcp_entry_remove", "cmd_ip_associations", "cmd_guest_network_remove", into=before)
    assert bags_to_json(before) == kept


_PASSWORD = {"type": "vmpassword", "ip_address": "10.1.1.21", "password": "x"}
_ENTRY = {"type": "dhcpentry", "ipv4_address": "10.1.1.21", "mac_address": "02:00:4f:10:00:05"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is not JSON"),
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("\x80", "is not JSON"),
        ("[]", "is not a JSON object"),
        ("{}", "type: is missing"),
        ('{"type": 5}', "type: is missing"),
        ('{"type": "surprise"}', "type: 'surprise' is unknown"),
        ('{"type": "vmpassword", "ip_address": "10.1.1.21"}', "password: is missing"),
        (
            '{"type": "vmpassword", "ip_address": "10.1.1", "password": "x"}',
            "ip_address: must be an IPv4 address, not '10.1.1'",
        ),
        (json.dumps(_ENTRY | {"ipv4_address": "../../x"}), "ipv4_address: must be an IPv4 address, not '../../x'"),
        (json.dumps(_ENTRY | {"mac_address": "02:00\n"}), "mac_address: must be an Ethernet address, not '02:00\\n'"),
        (
            json.dumps(_ENTRY | {"ipv4_address": "x", "lease_time": 3.0}),
            "ipv4_address: must be an IPv4 address, not 'x'; lease_time: must be a whole number, not a number",
        ),
        (json.dumps(_ENTRY | {"remove": "yes"}), "remove: must be true or false, not a text"),
        (json.dumps(_ENTRY | {"lease_time": True}), "lease_time: must be a whole number, not a boolean"),
        (
            '{"type": "vmdata", "vm_ip_address": "10.1.1.21", "vm_metadata": [["metadata", "a"]]}',
            "vm_metadata[0]: must be a folder, a file and",
        ),
        (
            '{"type": "ips", "ip_address": [{"public_ip": "x"}]}',
            "ip_address[0].public_ip: must be an IPv4 address, not 'x'",
        ),
        (json.dumps({"type": "monitorservice", "x": "\ud800"}), "has half a character"),
        (json.dumps(_PASSWORD | {"password": "\ud800"}), "has half a character"),
        (json.dumps(_PASSWORD | {"\udcff": 1}), "has half a character"),
        (json.dumps(_PASSWORD)[:-1] + ', "x": ' + "[" * 990 + "]" * 990 + "}", "is n"),  # not JSON, or nested too deep
        (json.dumps(_PASSWORD)[:-1] + ', "x": ' + '{"a":' * 40 + "1" + "}" * 41, "is nested more than 32 deep"),
        ('{"type": "cmdline", "cmd_line": {"name": 1}}', "cmd_line.name: must be a text, not a number"),
        (
            '{"type": "loadbalancer", "rules": [{"configuration": "x"}]}',
            "rules[0].configuration: must be a list, not a text",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_field_and_reason_and_changes_nothing(text: str, reason: str) -> None:
    good = ("good.json", content("cmd_vm_password"))
    intake = CloudStackIntake()
    before = intake.take(None, [good]).stored
    taken = intake.take(before, [("0001-bad.json", text.encode("latin-1")), good])
    assert taken.stored == before
    assert taken.accepted == ("good.json",)
    ((fault),) = taken.refused
    assert fault.path == "0001-bad.json"
    assert fault.problem.startswith(reason)


def test_an_error_message_does_not_hold_the_document() -> None:
    with pytest.raises(ConfigurationError) as error:
        parse("vm_password.json.1", b'{"type": "vmpassword", "password": "s3cret", ')
    assert str(error.value).startswith("cannot accept vm_password.json.1: is not JSON: ")
    assert "s3cret" not in str(error.value)


@pytest.mark.parametrize("kept", ["", "[]", '{"cmdline": 1}'])
def test_kept_bags_that_cannot_be_read_are_refused(kept: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot read the stored configuration"):
        CloudStackIntake().interpret(kept)


def test_a_file_whose_name_is_not_utf8_is_refused_by_a_name_that_can_be_shown() -> None:
    taken = CloudStackIntake().take(
        None, [("vm\udcff.json", content("cmd_vm_password")), ("ok", content("cmd_vm_password"))]
    )
    assert taken.accepted == ("ok",)
    assert taken.refused == (Fault("vm\\xff.json", "its name is not UTF-8"),)


def test_every_accepted_file_names_the_parts_that_it_speaks_of_or_why_it_is_passed_over() -> None:
    files = [(path.name, path.read_bytes()) for path in sorted(SAMPLES.glob("cmd_*.json"))]
    taken = CloudStackIntake().take(None, files)
    assert [file.name for file in taken.files] == list(taken.accepted)
    assert all(bool(file.parts) != bool(file.passed_over) for file in taken.files)
    parts = {file.name: file.parts for file in taken.files}
    assert parts["cmd_load_balancer.json"] == ("loadbalancer",)
    assert parts["cmd_vm_dhcp_entry_default_nic.json"][0].startswith("dhcpentry.")
    assert len(parts["cmd_ip_associations.json"]) == len(json.loads(content("cmd_ip_associations"))["ip_address"])


def test_a_file_with_many_faults_lists_ten() -> None:
    body = {"type": "vmdata", "vm_ip_address": "10.1.1.21", "vm_metadata": [3] * 12}
    (fault,) = CloudStackIntake().take(None, [("a.json", json.dumps(body).encode())]).refused
    assert fault.problem.count("must be a folder, a file and a value or null") == 10
    assert fault.problem.endswith("; and 2 more")
    body["vm_metadata"] = [3] * 5000
    (fault,) = CloudStackIntake().take(None, [("a.json", json.dumps(body).encode())]).refused
    assert fault.problem.endswith("; and at least 991 more")
