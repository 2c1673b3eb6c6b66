"""The settings file: every key, and every fault at once."""

from __future__ import annotations

from dataclasses import fields, replace
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from supervisor.surface.settings_file import SETTINGS, read_settings
from supervisor.values.ceiling import ISOLATED, ROUTER, Ceiling
from supervisor.values.errors import SettingsError
from supervisor.values.manifest import NetworkMode
from supervisor.values.settings import KeySettings, KeySource, Settings

EVERYTHING = """\
state_dir: /a/state
runtime_dir: /a/run
engine: docker
engine_socket: /a/docker.sock
secrets: {key: tpm, path: /a/keys.tpm, former: {key: credential, name: old}}
trusted_keys: /a/keys
media: [/dev/sr0, /a/b.iso]
media_folder: /a/media
commands: /a/commands
api_socket: /a/api.sock
metrics_address: 0.0.0.0
metrics_port: 1
pool: 10.9.0.0/16
namespaces: second-
admit: true
anchor: false
userspace_data_plane: true
soak: 0
drain: 2.5
ceiling:
  networks: [isolated]
  isolated: {capabilities: [NET_RAW], devices: [/dev/full], root: true, memory: 1GiB, pids: 9, nofile: 8}
  router: {cpu: null, cpu_weight: 9, syscalls: [bpf], families: [alg], engine_profile: false, ports: null,
    receive_buffer: 0, masquerades: true, encapsulation: [53], associations: false}
"""

REFUSED: list[tuple[str, str]] = [
    ("pools: 1", "pools: is not a known key (admit, anchor, "),
    ("engine: lxc", "engine: 'lxc' is not known (auto, podman, docker)"),
    ("state_dir: here", "state_dir: must be an absolute path, not 'here'"),
    ("state_dir: null", "state_dir: must be a text, not nothing"),
    ("secrets: file", "secrets: must be a mapping, not a text"),
    ("secrets: {key: hsm}", "secrets.key: 'hsm' is not known (file, credential, tpm, none)"),
    ("secrets: {path: key}", "secrets.path: must be an absolute path, not 'key'"),
    ("secrets: {key: none, path: /a}", "secrets.path: has no meaning where the key is none"),
    ("secrets: {key: credential, path: /a}", "secrets.path: has no meaning where the key is credential"),
    ("secrets: {key: tpm, name: a}", "secrets.name: has no meaning where the key is tpm"),
    (
        "secrets: {key: credential, name: ../a}",
        "secrets.name: must be letters, digits, dots, dashes and underscores, not '../a'",
    ),
    ("secrets: {former: {key: none}}", "secrets.former.key: must be a place that has keys"),
    ("secrets: {former: {former: {}}}", "secrets.former.former: is not a known key (key, name, path)"),
    (
        "state_dir: /a\nsecrets: {path: /a/b/key}",
        "secrets.path: must not be in /a: whoever gets that would have the key too",
    ),
    (
        "state_dir: /a\nsecrets: {path: /b/../a/key}",
        "secrets.path: must not be in /a: whoever gets that would have the key too",
    ),
    (
        "runtime_dir: /a\nsecrets: {former: {path: /a/key}}",
        "secrets.former.path: must not be in /a: it would be gone after a reboot",
    ),
    ("media: /x.iso", "media: must be a list, not a text"),
    ("media: [/a, b]", "media[1]: must be an absolute path, not 'b'"),
    ("metrics_address: 3", "metrics_address: must be a text, not a number"),
    ("metrics_port: 0", "metrics_port: must be between 1 and 65535, not 0"),
    ("metrics_port: '80'", "metrics_port: must be a whole number, not a text"),
    ("pool: 10.0.0.1/8", "pool: must be an IPv4 network like 198.18.0.0/15, without bits of a host, not '10.0.0.1/8'"),
    ("namespaces: Vrs-", "namespaces: must be lower case letters, digits and dashes that end with a dash, not 'Vrs-'"),
    ("namespaces: vrs", "namespaces: must be lower case letters, digits and dashes that end with a dash, not 'vrs'"),
    ("admit: 1", "admit: must be true or false, not a number"),
    ("soak: x", "soak: must be a number of seconds, not 'x'"),
    ("drain: -1", "drain: must be a number of seconds, not -1"),
    ("ceiling: {routers: {}}", "ceiling.routers: is not a known key (isolated, networks, router)"),
    ("ceiling: {networks: []}", "ceiling.networks: must have at least 1 item"),
    ("ceiling: {networks: [host]}", "ceiling.networks[0]: 'host' is not known (isolated, router)"),
    ("ceiling: {router: {capabilities: [ALL]}}", "ceiling.router.capabilities[0]: 'ALL' is not known (see docs/"),
    ("ceiling: {router: {memory: 0}}", "ceiling.router.memory: must be a size above zero"),
    ("ceiling: {router: {memory: 2000000GiB}}", "ceiling.router.memory: is above the greatest size allowed"),
    ("ceiling: {router: {pids: 0}}", "ceiling.router.pids: must be between 1 and 4194304, not 0"),
    ("ceiling: {isolated: {devices: [/etc/passwd]}}", "ceiling.isolated.devices[0]: must be a path below /dev"),
    ("ceiling: {isolated: {cpu: 0}}", "ceiling.isolated.cpu: must be a number of processors above zero"),
    ("ceiling: {isolated: {ports: [0]}}", "ceiling.isolated.ports[0]: must be between 1 and 65535, not 0"),
    ("ceiling: {isolated: {syscalls: [all]}}", "ceiling.isolated.syscalls[0]: 'all' is not known (see syscalls(2)"),
    ("ceiling: {isolated: {root: 1}}", "ceiling.isolated.root: must be true or false, not a number"),
    ("- a", "must be a mapping, not a list"),
    ("a: [", "is not YAML: "),
]


def write(folder: Path, text: str) -> Path:
    path = folder / "supervisor.yaml"
    path.write_text(text)
    return path


def test_every_key_becomes_a_setting(tmp_path: Path) -> None:
    assert read_settings(write(tmp_path, EVERYTHING)) == Settings(
        state_dir=Path("/a/state"),
        runtime_dir=Path("/a/run"),
        engine="docker",
        engine_socket=Path("/a/docker.sock"),
        secrets=KeySettings(KeySource.TPM, Path("/a/keys.tpm"), former=KeySettings(KeySource.CREDENTIAL, name="old")),
        trusted_keys=Path("/a/keys"),
        media=(Path("/dev/sr0"), Path("/a/b.iso")),
        media_folder=Path("/a/media"),
        commands=Path("/a/commands"),
        api_socket=Path("/a/api.sock"),
        metrics_address="0.0.0.0",
        metrics_port=1,
        pool=IPv4Network("10.9.0.0/16"),
        namespaces="second-",
        admit=True,
        anchor=False,
        userspace_data_plane=True,
        soak=0.0,
        drain=2.5,
        ceiling=Ceiling(
            networks=(NetworkMode.ISOLATED,),
            isolated=replace(
                ISOLATED,
                capabilities=("NET_RAW",),
                devices=("/dev/full",),
                root=True,
                memory_bytes=1 << 30,
                pids=9,
                nofile=8,
            ),
            router=replace(
                ROUTER,
                cpu=None,
                cpu_weight=9,
                syscalls=("bpf",),
                families=("alg",),
                engine_profile=False,
                ports=None,
                receive_buffer_bytes=0,
                masquerades=True,
                encapsulation=(53,),
                associations=False,
            ),
        ),
    )


def without_file(folder: Path) -> Settings:
    """The defaults: keys of secrets lie beside the settings file."""
    return Settings(secrets=KeySettings(path=folder / "supervisor.key"))


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("", "supervisor.key"),
        ("secrets: {key: tpm}", "supervisor.tpm"),
        ("secrets: {key: credential}", None),
        ("secrets: {key: none}", None),
    ],
)
def test_keys_of_secrets_are_beside_the_settings(tmp_path: Path, text: str, path: str | None) -> None:
    assert read_settings(write(tmp_path, text)).secrets.path == (path and tmp_path / path)


def test_keys_beside_the_settings_are_not_kept_with_the_state_either(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"secrets\.path: must not be in .*: whoever gets that would have the key"):
        read_settings(write(tmp_path, f"state_dir: {tmp_path}"))


def test_a_link_into_the_state_is_followed_and_one_that_leads_nowhere_is_for_the_place_to_refuse(
    tmp_path: Path,
) -> None:
    (tmp_path / "into").symlink_to(tmp_path / "state" / "key")
    (tmp_path / "round").symlink_to(tmp_path / "round")
    with pytest.raises(SettingsError, match=r"secrets\.path: must not be in"):
        read_settings(write(tmp_path, f"state_dir: {tmp_path}/state\nsecrets: {{path: {tmp_path}/into}}"))
    assert read_settings(write(tmp_path, f"secrets: {{path: {tmp_path}/round}}")).secrets.path == tmp_path / "round"


def test_the_keys_are_the_fields_of_settings() -> None:
    assert [field.key for field in SETTINGS.fields] == [field.name for field in fields(Settings)]


@pytest.mark.parametrize("text", ["", "# nothing said", "{}"])
def test_an_empty_file_is_a_good_one(tmp_path: Path, text: str) -> None:
    assert read_settings(write(tmp_path, text)) == without_file(tmp_path)


def test_a_key_that_is_given_twice_has_its_last_value(tmp_path: Path) -> None:
    assert read_settings(write(tmp_path, "admit: true\nadmit: false\n")) == replace(without_file(tmp_path), admit=False)


@pytest.mark.parametrize(("text", "fault"), REFUSED)
def test_a_fault_is_named_with_its_key(tmp_path: Path, text: str, fault: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(SettingsError) as refused:
        read_settings(path)
    assert str(refused.value).startswith(f"cannot accept {path}: {fault}")


def test_all_faults_come_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings(write(tmp_path, "engine: lxc\nmetrics_port: 0\ncolour: 1\n"))
    assert [fault.path for fault in refused.value.faults] == ["engine", "metrics_port", "colour"]


def test_a_file_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"absent\.yaml: No such file or directory"):
        read_settings(tmp_path / "absent.yaml")
