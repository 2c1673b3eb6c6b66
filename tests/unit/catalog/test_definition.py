"""Manifests in, definitions or faults out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from supervisor.edges.catalog import definition_from_files, json_schema, load_definition
from supervisor.values.errors import ManifestError
from supervisor.values.manifest import (
    Admission,
    ErrorCounter,
    GapPort,
    InsidePort,
    NetworkMode,
    OnChange,
    Ownership,
    Probe,
    ProbeKind,
    RuntimeFolder,
    Seccomp,
    StateSharing,
    StateVolume,
    Takeover,
    TmpfsMount,
    User,
)
from tests.kit.samples.manifests import ISOLATED, ROUTER, TEMPLATES, document, files

SECCOMP = Seccomp(("setuid",), ("netlink",))
Break = Callable[[dict[str, Any]], object]


def faults(document: object, name: str = "web") -> dict[str, str]:
    text = document if isinstance(document, str) else yaml.safe_dump(document)
    with pytest.raises(ManifestError) as caught:
        definition_from_files(name, files(text))
    return {fault.path: fault.problem for fault in caught.value.faults}


def test_every_form_becomes_a_value() -> None:
    manifest = definition_from_files("web", files(ISOLATED)).manifest
    assert manifest.limits.memory_bytes == 64 << 20
    assert (manifest.readiness.interval, manifest.readiness.deadline, manifest.liveness.interval) == (0.1, 10.0, 5.0)
    assert (manifest.drain.deadline, manifest.soak) == (150.0, 0.0)
    assert manifest.ports == (InsidePort("http", 80),)
    assert manifest.config[0].on_change is OnChange.RELOAD
    assert [entry.is_secret for entry in manifest.config] == [False, False, False, True]
    assert (manifest.limits.cpu, manifest.limits.cpu_weight, manifest.seccomp) == (0.5, 50, SECCOMP)
    assert manifest.tmpfs == (TmpfsMount("/tmp", 8 << 20, 0o1777),)
    assert manifest.frontends[0].port == "80"
    assert manifest.readiness.probes[0] == Probe(
        ProbeKind.HTTP, (("port", "80"), ("path", "/"), ("header_Host", "example.org"), ("status", "200")), 0.25
    )


def test_the_service_user_owns_folders_that_name_no_other() -> None:
    manifest = definition_from_files("web", files(ISOLATED)).manifest
    assert manifest.state[0].user == User(5, 6)
    assert manifest.state[1] == StateVolume("leases", "/state/leases", StateSharing.COPIED, User(101, 102))
    assert manifest.runtime == (RuntimeFolder("run", "/run/web", User(101, 102)),)


def test_router_mode_takes_allocated_ports() -> None:
    manifest = definition_from_files("names", files(ROUTER)).manifest
    assert manifest.network is NetworkMode.ROUTER
    assert manifest.ports == (InsidePort("dns"),)
    assert manifest.readiness.probes[1].each == "router.networks"


def test_templates_travel_with_the_manifest() -> None:
    definition = definition_from_files("web", {**files(ISOLATED), "README.md": b"\xff", "golden/x": b""})
    assert [name for name, _ in definition.templates] == sorted(name.removeprefix("templates/") for name in TEMPLATES)


def test_the_folder_on_disk_gives_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "web"
    for name, content in files(ISOLATED).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    assert load_definition(folder) == definition_from_files("web", files(ISOLATED))
    (folder / "templates" / "link").symlink_to("/etc/passwd")
    with pytest.raises(ManifestError, match="link is not a regular file"):
        load_definition(folder)


def test_a_folder_without_manifest_says_so(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"cannot accept the manifest of .*there is no manifest\.yaml"):
        load_definition(tmp_path)


def test_all_faults_come_at_once() -> None:
    broken = document()
    broken["readiness"]["interval"] = "10 sec"
    broken["config"][1]["template"] = "missing.j2"
    broken["config"][2] |= {"colour": "red", "on_add": "never", "target": "{{ nobody }}"}
    broken["readiness"]["probes"][0]["http"] |= {"port": "x", "timeout": "soon"}
    del broken["liveness"]["threshold"], broken["runtime"][0]["mount"]
    broken["limits"]["pids"] = 0
    broken["state"][0]["mount"] = "relative"
    broken["capabilities"] = ["CAP_NET_ADMIN"]
    broken["frontends"][0]["address"] = "item..gateway"
    broken["extra"] = 1
    del broken["drain"], broken["reload"]
    assert set(faults(broken, "other")) == {
        "readiness.interval",
        "config[1].template",
        "config[2].colour",
        "config[2].on_add",
        "config[2].target",
        "readiness.probes[0].http.port",
        "readiness.probes[0].http.timeout",
        "liveness.threshold",
        "runtime[0].mount",
        "config[0].on_change",
        "limits.pids",
        "state[0].mount",
        "capabilities[0]",
        "frontends[0].address",
        "extra",
        "drain",
        "name",
    }


def undertaking(**more: object) -> dict[str, object]:
    named = "{{ item.mac }}" if "each" in more else "office"
    call = {"exec": {"command": f"call {named}"}}
    return {"name": "office", "what": "tunnel", "probe": {"tcp": {"port": 1}}, "call": call, **more}


def socket(**more: str) -> dict[str, dict[str, str]]:
    return {"socket": {"runtime": "run", "path": "control.sock", "send": "show errors", **more}}


def counter(**changes: object) -> dict[str, object]:
    said = {"name": "requests", "source": socket(), "failed": r"bad (\d+)", "total": r"all (\d+)"}
    return said | {"share": "5%", "minimum": 10} | changes


def put(path: str, value: object) -> Break:
    """A change at a path like `config.0.template`."""

    def change(target: Any) -> None:
        *parents, last = [int(part) if part.isdecimal() else part for part in path.split(".")]
        for part in parents:
            target = target[part]
        target[last] = value

    return change


def drop(key: str) -> Break:
    return lambda target: target.pop(key)


# what the JSON Schema can say, both must refuse: (change, path of the fault)
SHAPES: list[tuple[Break, str]] = [
    (put("schema", 3), "schema"),
    (put("schema", True), "schema"),
    (put("schema", "1"), "schema"),
    (drop("schema"), "schema"),
    (put("name", "Web"), "name"),
    (put("name", "web\n"), "name"),
    (put("summary", "two\nlines"), "summary"),
    (put("summary", 3), "summary"),
    (put("network", "host"), "network"),
    (put("strategy", None), "strategy"),
    (put("command", []), "command"),
    (put("command", "webd -f"), "command"),
    (put("command", [1]), "command[0]"),
    (put("user.uid", -1), "user.uid"),
    (put("user", {"uid": 1}), "user.gid"),
    (put("limits.memory", "64MB"), "limits.memory"),
    (put("limits.memory", "0MiB"), "limits.memory"),
    (put("limits.memory", 0), "limits.memory"),
    (put("limits.memory", 1.5), "limits.memory"),
    (put("limits.nofile", True), "limits.nofile"),
    (put("limits.cpu", 0), "limits.cpu"),
    (put("limits.cpu", "much"), "limits.cpu"),
    (put("limits.cpu_weight", 0), "limits.cpu_weight"),
    (put("limits.cpu_weight", 10_001), "limits.cpu_weight"),
    (put("seccomp", None), "seccomp"),
    (put("seccomp", {"profile": "unconfined"}), "seccomp.profile"),
    (put("seccomp", {"syscalls": ["setuide"]}), "seccomp.syscalls[0]"),
    (put("seccomp", {"syscalls": ["read"]}), "seccomp.syscalls[0]"),
    (put("seccomp", {"syscalls": ["clone"]}), "seccomp.syscalls[0]"),
    (put("seccomp", {"syscalls": ["setuid", "setuid"]}), "seccomp.syscalls"),
    (put("seccomp", {"families": ["vsock"]}), "seccomp.families[0]"),
    (put("capabilities", ["NET_ADMIN", "NET_ADMIN"]), "capabilities"),
    (put("capabilities", ["ALL"]), "capabilities[0]"),
    (put("devices", ["/etc/passwd"]), "devices[0]"),
    (put("devices", ["/dev/../etc"]), "devices[0]"),
    (put("environment", {"A-B": "x"}), "environment.A-B"),
    (put("environment", {"A": 1}), "environment.A"),
    (put("ports", {"http": 65536}), "ports.http"),
    (put("ports", [80]), "ports"),
    (put("config.0.template", "../x"), "config[0].template"),
    (put("config.0.template", ".hidden"), "config[0].template"),
    (put("config.0.target", ""), "config[0].target"),
    (put("config.0.on_add", "restart"), "config[0].on_add"),
    (put("config.0.secret", "yes"), "config[0].secret"),
    (put("state.0.sharing", "both"), "state[0].sharing"),
    (put("state.0.mount", "/state/../etc"), "state[0].mount"),
    (put("state.0.mount", "/state/"), "state[0].mount"),
    (put("tmpfs.0.mode", "999"), "tmpfs[0].mode"),
    (put("tmpfs.0.mode", 777), "tmpfs[0].mode"),
    (put("checks.0.timeout", 0), "checks[0].timeout"),
    (put("checks.0.timeout", "0.0s"), "checks[0].timeout"),
    (put("checks.0.timeout", "-1s"), "checks[0].timeout"),
    (put("checks.0.timeout", 90000), "checks[0].timeout"),
    (put("checks.0.timeout", float("inf")), "checks[0].timeout"),
    (put("reload", {}), "reload"),
    (put("reload", {"signal": "SIGHUP", "command": ["x"]}), "reload"),
    (put("reload.signal", "HUP"), "reload.signal"),
    (drop("reload"), "config[0].on_change"),
    (put("frontends.0.protocol", "sctp"), "frontends[0].protocol"),
    (put("frontends.0.fair", {"open": 64}), "frontends[0].fair.rate"),
    (put("frontends.0.fair", {"open": 0, "rate": "50/s"}), "frontends[0].fair.open"),
    (put("frontends.0.fair", {"open": 15, "rate": "50/s"}), "frontends[0].fair.open"),
    (put("frontends.0.fair", {"open": 65537, "rate": "50/s"}), "frontends[0].fair.open"),
    (put("frontends.0.fair", {"open": "", "rate": "50/s"}), "frontends[0].fair.open"),
    (put("frontends.0.fair", {"open": 64, "rate": "0/s"}), "frontends[0].fair.rate"),
    (put("frontends.0.fair", {"open": 64, "rate": "50/m"}), "frontends[0].fair.rate"),
    (put("frontends.0.fair", {"open": 64, "rate": "0.5/s"}), "frontends[0].fair.rate"),
    (put("frontends.0.fair", {"open": 64, "rate": "50/s", "guests_only": "yes"}), "frontends[0].fair.guests_only"),
    (lambda target: target["frontends"][0].pop("address"), "frontends[0].address"),
    (put("readiness.probes", []), "readiness.probes"),
    (put("readiness.probes", [{}]), "readiness.probes[0]"),
    (put("readiness.probes", [{"smtp": {}}]), "readiness.probes[0].smtp"),
    (put("readiness.probes", [{"tcp": {"port": 1}, "http": {}}]), "readiness.probes[0]"),
    (put("readiness.probes", [{"tcp": {}}]), "readiness.probes[0].tcp.port"),
    (put("readiness.probes", [{"tcp": {"port": 1, "path": "/"}}]), "readiness.probes[0].tcp.path"),
    (put("readiness.probes", [{"tcp": {"port": 1, "timeout": "soon"}}]), "readiness.probes[0].tcp.timeout"),
    (put("readiness.probes", [{"tcp": {"port": 1, "each": "[]", "needs": "two"}}]), "readiness.probes[0].tcp.needs"),
    (put("readiness.threshold", 0), "readiness.threshold"),
    (put("liveness.deadline", "3s"), "liveness.deadline"),
    (put("admission", {"probes": [{"tcp": {"port": 1}}]}), "admission.connections"),
    (put("admission", {"probes": [{"tcp": {"port": 1}}], "connections": 0}), "admission.connections"),
    (put("admission", {"probes": [], "connections": 9}), "admission.probes"),
    (put("admission", {"probes": [{"tcp": {"port": 1}}], "connections": 9, "patience": "0s"}), "admission.patience"),
    (put("admission", {"probes": [{"tcp": {"port": 1}}], "connections": 9, "interval": "1s"}), "admission.interval"),
    (put("stop.signal", 15), "stop.signal"),
    (put("drain", {"signal": "SIGUSR1"}), "drain.deadline"),
    (put("soak", "-1s"), "soak"),
    (put("masquerades", 1), "masquerades"),
    (put("requires", ["a b"]), "requires[0]"),
    (put("takeover", {}), "takeover"),
    (put("errors", {}), "errors"),
    (put("errors", [counter(share="many")]), "errors[0].share"),
    (put("errors", [counter(share=0)]), "errors[0].share"),
    (put("errors", [counter(minimum=0)]), "errors[0].minimum"),
    (put("errors", [counter(source={"tcp": {"port": 1}})]), "errors[0].source.tcp"),
    (put("errors", [counter(bound=1)]), "errors[0].bound"),
    (put("undertakings", {}), "undertakings"),
    (put("undertakings", [undertaking(what="Tunnel")]), "undertakings[0].what"),
    (put("undertakings", [undertaking(most=0)]), "undertakings[0].most"),
    (put("undertakings", [undertaking(probe={"leases": {"port": 1}})]), "undertakings[0].probe.leases"),
    (put("undertakings", [undertaking(probe={"tls": {"port": 443}})]), "undertakings[0].probe.tls.file"),
    (put("undertakings", [undertaking(call={"tcp": {"port": 1}})]), "undertakings[0].call.tcp"),
]


@pytest.mark.parametrize(("change", "path"), SHAPES)
def test_parser_and_json_schema_refuse_the_same(change: Break, path: str) -> None:
    broken = document()
    change(broken)
    assert list(faults(broken)) == [path]
    assert not jsonschema.Draft202012Validator(json_schema()).is_valid(broken)


@pytest.mark.parametrize("text", [ISOLATED, ROUTER], ids=["isolated", "router"])
def test_the_json_schema_accepts_what_the_parser_does(text: str) -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())
    jsonschema.Draft202012Validator(json_schema()).validate(document(text))


# what only the parser sees
REFERENCES: list[tuple[Break, str, str]] = [
    (put("config.0.template", "none.j2"), "config[0].template", "there is no file templates/none.j2"),
    (put("config.0.target", "{{ router.name"), "config[0].target", "unexpected end of template"),
    (put("config.0.target", "{{ item.name }}"), "config[0].target", "unknown name item"),
    (put("config.1.target", "{{ item.name | shout }}"), "config[1].target", "No filter named 'shout'"),
    (put("config.1.each", "router.metadata |"), "config[1].each", "expected"),
    (put("config.1.each", "item.x"), "config[1].each", "unknown name item"),
    (put("config.2.when", "1 +"), "config[2].when", ""),
    (put("config.3.secret", False), "config[3].template", "uses reveal"),
    (put("config.1.target", "web.conf"), "config[1].target", "target of another entry"),
    (put("config.0.target", "../web.conf"), "config[0].target", "'../web.conf' is not a path of letters, digits and"),
    (put("config.0.target", "/web.conf"), "config[0].target", "'/web.conf' is not a path of letters, digits and"),
    (put("state.1.name", "store"), "state[1].name", "there twice"),
    (put("runtime.0.mount", "/tmp"), "tmpfs[0].mount", "mounted twice"),
    (put("runtime.0.mount", "/config/run"), "runtime[0].mount", "lies in /config"),
    (put("liveness.probes.0.tcp.port", "80a"), "liveness.probes[0].tcp.port", "is not a port"),
    (put("liveness.probes.0.tcp.needs", "one"), "liveness.probes[0].tcp.needs", "has no meaning here"),
    (
        put("admission", {"probes": [{"tcp": {"port": "80a"}}], "connections": 9}),
        "admission.probes[0].tcp.port",
        "is not a port",
    ),
    (put("frontends.0.open", "nobody"), "frontends[0].open", "unknown name"),
    (put("frontends.0.fair", {"open": 0, "rate": "1/s"}), "frontends[0].fair.open", "between 16 and 65536, not 0"),
    (put("frontends.0.fair", {"open": "many", "rate": "1/s"}), "frontends[0].fair.open", "unknown name"),
    (put("frontends.0.fair", {"open": 64, "rate": 0}), "frontends[0].fair.rate", "a rate above zero"),
    (put("frontends.0.fair", {"open": 64, "rate": "100001/s"}), "frontends[0].fair.rate", "above the greatest rate"),
    (put("frontends.0.fair", {"open": 64, "rate": "x"}), "frontends[0].fair.rate", "a rate like 50/s, not 'x'"),
    (put("readiness.probes.0.http.method", "FETCH"), "readiness.probes[0].http.method", "not known"),
    (put("readiness.probes.0.http.status", "abc"), "readiness.probes[0].http.status", "not an HTTP status"),
    (put("readiness.probes.1.socket.runtime", "no"), "readiness.probes[1].socket.runtime", "not one of `runtime`"),
    (put("readiness.probes.1.socket.expect", "(("), "readiness.probes[1].socket.expect", "regular expression"),
    (put("errors", [counter(share="150%")]), "errors[0].share", "above the greatest share"),
    (put("errors", [counter(answered="((")]), "errors[0].answered", "regular expression"),
    (put("errors", [counter(patience="3s")]), "errors[0].patience", "no `answered`"),
    (put("errors", [counter(servers={"total": r"(\d+)"})]), "errors[0].servers", "nothing would ever fail"),
    (put("errors", [counter(failed="((")]), "errors[0].failed", "regular expression"),
    (put("errors", [counter(total="(?P<name>x)")]), "errors[0].total", "has no group"),
    (put("errors", [counter(source={"answers": {"port": 53}})]), "errors[0].source.answers", "network is isolated"),
    (put("errors", [counter(), counter()]), "errors[1].name", "there twice"),
    (put("undertakings", [undertaking(), undertaking()]), "undertakings[1].name", "there twice"),
    (put("undertakings", [undertaking(name="{{ item }}")]), "undertakings[0].name", "item"),
    (put("undertakings", [undertaking(each="hosts")]), "undertakings[0].each", "hosts"),
    (put("undertakings", [undertaking(pause="2m")]), "undertakings[0].longest", "shorter than `pause`"),
    (
        put("undertakings", [undertaking(probe={"tcp": {"port": 1, "each": "[1]"}})]),
        "undertakings[0].probe.tcp.each",
        "no meaning",
    ),
    (
        put("undertakings", [undertaking(call={"exec": {"command": "'"}})]),
        "undertakings[0].call.exec.command",
        "split",
    ),
    (put("errors", [counter(source={"exec": {"command": "'"}})]), "errors[0].source.exec.command", "split"),
    (put("errors", [counter(source=socket(expect="x"))]), "errors[0].source.socket.expect", "not a known key"),
    (put("errors", [counter(source=socket(each="[1]"))]), "errors[0].source.socket.each", "no meaning"),
    (put("errors", [counter(source=socket(runtime="no"))]), "errors[0].source.socket.runtime", "not one of"),
    (put("readiness.probes.1.socket.send", "{% if %}"), "readiness.probes[1].socket.send", "Expected an expression"),
]


@pytest.mark.parametrize(("change", "path", "problem"), REFERENCES)
def test_references_that_lead_nowhere_are_refused(change: Break, path: str, problem: str) -> None:
    broken = document()
    change(broken)
    found = faults(broken)
    assert list(found) == [path]
    assert problem in found[path]


ROUTER_FAULTS: list[tuple[Break, str]] = [
    (put("frontends.0.inside", "dhcp"), "frontends[0].inside"),
    (put("frontends.0.address", "router.name"), "frontends[0].address"),
    (lambda target: target["frontends"][0].pop("interfaces"), "frontends[0].interfaces"),
    (put("ports.dns", 53), "ports.dns"),
    (put("frontends.0.fair", {"open": 64, "rate": 50}), "frontends[0].fair"),
    (put("masquerades", True), "masquerades"),
    (put("takeover", {"encapsulation": 4500}), "takeover"),
    (put("errors", [counter(source={"answers": {"port": "53a"}})]), "errors[0].source.answers.port"),
    (put("readiness.probes.3.exec.command", "'"), "readiness.probes[3].exec.command"),
]


@pytest.mark.parametrize(("change", "path"), ROUTER_FAULTS)
def test_router_mode_has_rules_of_its_own(change: Break, path: str) -> None:
    broken = document(ROUTER)
    change(broken)
    assert list(faults(broken, "names")) == [path]


def test_what_the_kernel_needs_in_a_takeover() -> None:
    said = document(ROUTER) | {"strategy": "takeover", "takeover": {"encapsulation": 4500, "associations": True}}
    jsonschema.Draft202012Validator(json_schema()).validate(said)
    old = GapPort(4500, "not router.vpn.userspace_data_plane")  # what a number alone has always meant
    assert definition_from_files("names", files(yaml.safe_dump(said))).manifest.takeover == Takeover(old, True)
    said["takeover"] = {"encapsulation": 0, "associations": "yes", "port": 1}
    assert set(faults(said, "names")) == {"takeover.encapsulation", "takeover.associations", "takeover.port"}


@pytest.mark.parametrize("when", [None, "router.name == 'r-4'"])
def test_the_port_of_a_gap_may_have_a_condition(when: str | None) -> None:
    port = {"port": 4500} | ({"when": when} if when else {})
    said = document(ROUTER) | {"strategy": "takeover", "takeover": {"encapsulation": port}}
    jsonschema.Draft202012Validator(json_schema()).validate(said)
    assert definition_from_files("names", files(yaml.safe_dump(said))).manifest.takeover == Takeover(
        GapPort(4500, when)
    )


@pytest.mark.parametrize(
    ("port", "fault"),
    [
        ({"when": "true"}, "takeover.encapsulation.port"),
        ({"port": 0}, "takeover.encapsulation.port"),
        ({"port": 4500, "when": "item.name"}, "takeover.encapsulation.when"),
        ({"port": 4500, "when": "a b"}, "takeover.encapsulation.when"),
        ({"port": 4500, "if": "true"}, "takeover.encapsulation.if"),
        ("4500", "takeover.encapsulation"),
    ],
)
def test_a_gap_port_that_makes_no_sense_is_refused(port: object, fault: str) -> None:
    said = document(ROUTER) | {"strategy": "takeover", "takeover": {"encapsulation": port}}
    assert list(faults(said, "names")) == [fault]


def test_copied_state_may_be_replayed() -> None:
    leases = {"file": "all.leases", "network": "10.1.1.0/24", "address": "10.1.1.1", "port": 67}
    volume = {"name": "leases", "mount": "/state/leases", "sharing": "copied", "replay": {"leases": leases}}
    said = document(ROUTER) | {"state": [volume]}
    jsonschema.Draft202012Validator(json_schema()).validate(said)
    (found,) = definition_from_files("names", files(yaml.safe_dump(said))).manifest.state
    assert found.replay is not None
    assert (found.replay.kind, dict(found.replay.arguments)["port"]) == (ProbeKind.LEASES, "67")
    volume |= {"sharing": "shared", "replay": {"leases": leases | {"file": "../secrets", "port": 0}}}
    assert set(faults(said, "names")) == {
        "state[0].replay",
        "state[0].replay.leases.file",
        "state[0].replay.leases.port",
    }


def test_copied_state_may_end_with_its_owner() -> None:
    owned = {"file": "all.leases", "item": r"\d+ (\S+) .*", "owners": "owners"}
    volume = {"name": "leases", "mount": "/state/leases", "sharing": "copied", "owned": owned}
    entry = {"template": "web.conf.j2", "target": "owners"}
    said = document(ROUTER) | {"state": [volume], "config": [entry]}
    jsonschema.Draft202012Validator(json_schema()).validate(said)
    (found,) = definition_from_files("names", files(yaml.safe_dump(said))).manifest.state
    assert found.owned == Ownership(**owned)
    volume |= {"sharing": "shared", "owned": {"file": "../secrets", "item": r"\d+ .*", "owners": "owners"}}
    said["config"] = [entry | {"when": "router.dns.is_served"}]
    assert set(faults(said, "names")) == {
        "state[0].owned",
        "state[0].owned.file",
        "state[0].owned.item",
        "state[0].owned.owners",
    }
    volume["owned"] = {"file": "all.leases", "item": "(", "owners": "owners"}
    assert "state[0].owned.item" in faults(said, "names")


def knowing() -> dict[str, Any]:
    """What generations may know of each other."""
    known = r"(?m)^(?P<name>\S+) (?P<state>\S+)$"
    return {
        "awaited": [
            {"what": "{unknown} of {total}", "source": socket(), "unknown": "a", "total": "b", "at_most": "1s"}
        ],
        "knowledge": [{"source": socket(), "known": known, "same": r"(?P<name>\S+)", "tell": "set {name} {state}"}],
        "counters": {"source": socket(), "key": ["part"], "columns": ["done"], "published": ["done"]},
    }


def test_what_generations_know() -> None:
    said, known = document(), knowing()
    said["readiness"] = said["readiness"] | {"awaited": known["awaited"]}
    said |= {"knowledge": known["knowledge"], "counters": known["counters"], "sync_port": 10999}
    jsonschema.Draft202012Validator(json_schema()).validate(said)
    manifest = definition_from_files("web", files(yaml.safe_dump(said))).manifest
    assert manifest.readiness.awaited[0].at_most == 1.0
    assert manifest.knowledge[0].tell == "set {name} {state}"
    assert manifest.counters is not None
    assert manifest.counters.columns == ("done",)
    assert set(faults(said | {"strategy": "takeover"})) == {"knowledge", "readiness.awaited"}
    known["awaited"][0] |= {"what": "{all}", "unknown": "(("}
    known["knowledge"][0] |= {"same": "(?P<other>x)", "tell": "set {name:>4}"}
    known["counters"] |= {"columns": ["part"], "source": {"socket": {"runtime": "no", "path": "x"}}}
    assert set(faults(said)) == {
        "readiness.awaited[0].what",
        "readiness.awaited[0].unknown",
        "knowledge[0].same",
        "knowledge[0].tell",
        "counters.columns",
        "counters.published",
        "counters.source.socket.runtime",
        "counters.source.socket.send",
    }


def test_undertakings() -> None:
    said = document() | {
        "undertakings": [undertaking(call=None), undertaking(name="{{ item.mac }}", each="router.hosts")]
    }
    del said["undertakings"][0]["call"]
    first, second = definition_from_files("web", files(yaml.safe_dump(said))).manifest.undertakings
    assert (first.call, first.interval, first.patience, first.pause, first.longest, first.most) == (
        None, 5.0, 15.0, 5.0, 60.0, 4,
    )  # fmt: skip
    assert second.call is not None
    assert (second.call.kind, second.call.arguments) == (ProbeKind.EXEC, (("command", "call {{ item.mac }}"),))


def test_a_way_in_of_the_supervisor_s_own() -> None:
    assert definition_from_files("web", files(yaml.safe_dump(document()))).manifest.admission is None
    said = document() | {"admission": {"probes": [{"tcp": {"port": 7999}}], "connections": 96, "patience": "1m"}}
    jsonschema.Draft202012Validator(json_schema()).validate(said)
    admission = definition_from_files("web", files(yaml.safe_dump(said))).manifest.admission
    assert admission == Admission((Probe(ProbeKind.TCP, (("port", "7999"),)),), 96, 60.0)


def test_counters_of_failed_work() -> None:
    said = document() | {"errors": [counter(), counter(name="slow answers", share=0.5)]}
    jsonschema.Draft202012Validator(json_schema()).validate(said)
    first, second = definition_from_files("web", files(yaml.safe_dump(said))).manifest.errors
    assert first == ErrorCounter(
        "requests",
        Probe(ProbeKind.SOCKET, tuple(sorted(socket()["socket"].items()))),
        r"bad (\d+)",
        r"all (\d+)",
        0.05,
        10,
    )
    assert (second.name, second.share) == ("slow answers", 0.5)


TEXTS: list[tuple[str, str, str]] = [
    (ISOLATED + "soak: 3\n", "soak", "given twice"),
    (ISOLATED.replace("uid: 5,", "uid: 5, uid: 6,"), "state[0].user.uid", "given twice"),
    (ISOLATED + "a: &x 1\nb: *x\n", "", "alias"),
    ("", "", "is empty"),
    ("a: [", "", "is not YAML"),
    ("- 1", "", "must be a mapping, not a list"),
    ("a: !!python/name:os.system x", "", "is not YAML"),
    ("a: " + "[" * 100, "", "nested more than"),
    ("a: " + "[" * 100_000, "", "nest"),  # newer versions of the YAML library refuse this depth by themselves
    ("x: " + "y" * 300_000, "", "larger than"),
]


@pytest.mark.parametrize(("text", "path", "problem"), TEXTS, ids=range(len(TEXTS)))
def test_texts_that_are_no_document_are_refused(text: str, path: str, problem: str) -> None:
    assert problem in faults(text)[path]


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(ManifestError, match="not UTF-8"):
        definition_from_files("web", {**files(ISOLATED), "manifest.yaml": b"\xff"})
    with pytest.raises(ManifestError, match=r"templates/guest\.j2 is not UTF-8"):
        definition_from_files("web", {**files(ISOLATED), "templates/guest.j2": b"\xff"})


@pytest.mark.parametrize("text", ["{% include 'x' %}", "{% import 'x' as y %}", "{% extends 'x' %}"])
def test_a_template_stands_alone(text: str) -> None:
    with pytest.raises(ManifestError, match="stands alone"):
        definition_from_files("web", {**files(ISOLATED), "templates/web.conf.j2": text.encode()})


ODD: list[object] = [None, "", "x", "{{", 0, -1, 1.5, True, [], {}, [None], {"a": None}, {1: 2}]


def places(node: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    keys = node.keys() if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
    for key in keys:
        yield (*at, key)
        yield from places(node[key], (*at, key))


@pytest.mark.parametrize("text", [ISOLATED, ROUTER], ids=["isolated", "router"])
def test_whatever_stands_anywhere_is_read_or_refused_with_its_path(text: str) -> None:
    """Every value of a good manifest replaced by odd ones: no other error, and nothing the JSON Schema would refuse."""
    good, validator = document(text), jsonschema.Draft202012Validator(json_schema())
    for place in places(good):
        for odd in ODD:
            changed: Any = deepcopy(good)
            parent = changed
            for key in place[:-1]:
                parent = parent[key]
            parent[place[-1]] = odd
            try:
                definition_from_files(str(good["name"]), files(json.dumps(changed)))
            except ManifestError as error:
                assert error.faults  # noqa: PT017 - either outcome is right
            else:
                assert validator.is_valid(changed), (place, odd)
