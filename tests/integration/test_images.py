"""The real images: small, clean inside, and each loads from its bundle into a real engine under the id the index says.

The images are built first if they are not up to date. The engine has storage of its own, removed at the end.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lab.services import SERVICES
from supervisor.edges.bundle import keys
from supervisor.edges.bundle.build import build_bundle
from supervisor.edges.bundle.reader import Bundle

pytestmark = [pytest.mark.integration, pytest.mark.timeout(420)]

PROJECT = Path(__file__).resolve().parents[2]
RELEASES = {"bookworm": "12.0", "trixie": "13.0"}
LARGEST_ISO = 75_000_000
UNWANTED = ("/share/doc/", "/share/man/", "/share/locale/", "/gconv/", "/perl", "/gcc", "/include/")

STRONGSWAN_CONF = """
charon-systemd {
  load_modular = yes
  start-scripts {
    load = /usr/sbin/swanctl --load-all --noprompt
  }
  plugins {
    include /etc/strongswan.d/charon/*.conf
    kernel-libipsec {
      load = yes
    }
  }
}
include /etc/strongswan.d/swanctl.conf
"""
SWANCTL_CONF = """
connections {
  site {
    remote_addrs = 127.0.0.9
    local {
      auth = psk
    }
    remote {
      auth = psk
    }
    children {
      net {
        remote_ts = 10.2.0.0/24
      }
    }
  }
}
"""
START_AND_LIST = """
/usr/sbin/charon-systemd &
attempts=0
until swanctl --list-conns | { read line && [ -n "$line" ]; }; do
  attempts=$((attempts + 1))
  [ $attempts -lt 2000 ] || exit 1
done
swanctl --list-conns
swanctl --stats
kill $!
wait
"""


@pytest.fixture(scope="session")
def images() -> Path:
    output = PROJECT / "build" / "images"
    command = [sys.executable, str(PROJECT / "images" / "build.py"), "--output", str(output)]
    for release in RELEASES:
        command += ["--release", release]
    subprocess.run(command, check=True)
    return output


@pytest.fixture(scope="session")
def names(images: Path) -> tuple[str, ...]:
    return tuple(sorted(json.loads((images / "trixie" / "images.json").read_text())))


@pytest.fixture(scope="session", params=sorted(RELEASES))
def bundle(
    request: pytest.FixtureRequest, images: Path, names: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bundle]:
    """The ISO of one release. Its definitions are stand-ins: this is about images."""
    folder = tmp_path_factory.mktemp("bundle")
    for name in names:
        (folder / "services" / name).mkdir(parents=True)
        (folder / "services" / name / "manifest.yaml").write_text(f"name: {name}\n")
    keys.generate(folder / "key", folder / "trusted" / "key.pub")
    build_bundle(
        images / request.param,
        folder / "services",
        RELEASES[request.param],
        datetime(2025, 1, 1, tzinfo=UTC),
        key=folder / "key",
        output=folder / "release.iso",
    )
    with Bundle.open(folder / "release.iso", folder / "trusted") as opened:
        yield opened


class Podman:
    """A podman with nothing in common with any other on this machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name in ("root", "runroot", "tmp"):
            (folder / name).mkdir()

    def __call__(self, *arguments: str, stdin: bytes | None = None) -> str:
        command = [
            "podman",
            "--root",
            f"{self._folder}/root",
            "--runroot",
            f"{self._folder}/runroot",
            "--runtime",
            "runc",
        ]
        command += [
            "--cgroup-manager",
            "cgroupfs",
            "--events-backend",
            "file",
            "--tmpdir",
            f"{self._folder}/tmp/libpod",
        ]
        environment = os.environ | {"TMPDIR": f"{self._folder}/tmp"}
        result = subprocess.run(
            [*command, *arguments], input=stdin, env=environment, capture_output=True, timeout=60, check=False
        )
        output = result.stdout.decode() + result.stderr.decode()
        assert result.returncode == 0, output
        return output

    def run(self, image: str, *arguments: str, options: tuple[str, ...] = ()) -> str:
        fixed = ["--rm", "--read-only", "--network", "none", "--cap-drop", "all", "--security-opt", "no-new-privileges"]
        fixed += ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"]
        return self("run", *fixed, *options, image, *arguments)


@pytest.fixture(scope="module")
def podman() -> Iterator[Podman]:
    # Not below pytest's folder: the engine refuses long paths for its sockets.
    folder = Path(tempfile.mkdtemp(prefix="vrt-img-"))
    engine = Podman(folder)
    try:
        yield engine
    finally:
        engine("rm", "--all", "--force", "--time", "0")
        for storage in sorted((folder / "root").glob("overlay*")):
            subprocess.run(["umount", "--recursive", "--lazy", str(storage)], capture_output=True, check=False)
        shutil.rmtree(folder, ignore_errors=True)


def load(podman: Podman, bundle: Bundle, name: str) -> str:
    service = bundle.index.service(name)
    assert service is not None
    said = podman("load", stdin=b"".join(bundle.image_stream(name)))
    assert service.image in said, said
    return service.image.removeprefix("sha256:")


def test_a_release_fits_and_verifies(bundle: Bundle) -> None:
    bundle.verify_all()
    assert bundle.path.stat().st_size <= LARGEST_ISO
    assert len({service.layers[0] for service in bundle.index.services}) == 1


def test_images_carry_nothing_that_no_daemon_needs(bundle: Bundle, names: tuple[str, ...]) -> None:
    for name in names:
        paths = [path for path, _ in _files(bundle, name)]
        assert [path for path in paths if any(word in f"/{path}" for word in UNWANTED)] == []
        assert "etc/passwd" in paths


def test_images_have_one_time_and_no_setuid_program(bundle: Bundle, names: tuple[str, ...]) -> None:
    for name in names:
        members = [member for _, member in _files(bundle, name)]
        assert len({member.mtime for member in members}) == 1
        assert [member.name for member in members if member.isfile() and member.mode & 0o6022] == []


@pytest.mark.parametrize("name", [name for name, service in SERVICES.items() if service.version_command])
def test_the_daemon_starts_under_the_id_the_index_says(podman: Podman, bundle: Bundle, name: str) -> None:
    shown = SERVICES[name].version_command
    assert shown
    command, answer = shown
    image = load(podman, bundle, name)
    service = bundle.index.service(name)
    assert service is not None
    assert podman("image", "inspect", "--format", "{{.Id}}", image).strip() == image
    expected = answer.format(version=service.version, upstream=service.version.split("-")[0])
    assert expected in podman.run(image, *command)


def test_a_configuration_passes_the_web_servers_own_check(podman: Podman, bundle: Bundle, tmp_path: Path) -> None:
    modules = "authz_core authz_host mime dir rewrite headers status alias setenvif mpm_event"
    lines = [f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so" for name in modules.split()]
    lines += ["ServerName test", "ServerRoot /tmp", "PidFile /tmp/pid", "Listen 8080", "ErrorLog /dev/stderr"]
    (tmp_path / "apache2.conf").write_text("\n".join(lines) + "\n")
    tmp_path.chmod(0o755)
    image = load(podman, bundle, "apache-metadata")
    options = ("--tmpfs", "/tmp", "--volume", f"{tmp_path}:/config:ro")
    assert "Syntax OK" in podman.run(image, "/usr/sbin/apache2", "-f", "/config/apache2.conf", "-t", options=options)


def test_the_key_exchange_daemon_loads_connections_without_a_kernel_that_knows_esp(
    podman: Podman, bundle: Bundle, tmp_path: Path
) -> None:
    """Also shows that /bin/sh is there for the start script, and that the user-space data plane loads."""
    (tmp_path / "strongswan.conf").write_text(STRONGSWAN_CONF)
    (tmp_path / "swanctl.conf").write_text(SWANCTL_CONF)
    image = load(podman, bundle, "strongswan")
    output = podman.run(
        image, "/bin/sh", "-c", START_AND_LIST,
        options=(
            "--device", "/dev/net/tun", "--cap-add", "NET_ADMIN,NET_RAW,NET_BIND_SERVICE", "--tmpfs", "/run",
            "--env", "STRONGSWAN_CONF=/config/strongswan.conf", "--volume", f"{tmp_path}:/config:ro",
            "--volume", f"{tmp_path}/swanctl.conf:/etc/swanctl/swanctl.conf:ro",
        ),
    )  # fmt: skip
    assert "remote: 127.0.0.9" in output
    assert "kernel-libipsec" in output


def _files(bundle: Bundle, name: str) -> list[tuple[str, tarfile.TarInfo]]:
    service = bundle.index.service(name)
    assert service is not None
    layers = {f"blobs/sha256/{layer[7:]}" for layer in service.layers}
    found: list[tuple[str, tarfile.TarInfo]] = []
    with tarfile.open(fileobj=io.BytesIO(b"".join(bundle.image_stream(name)))) as archive:
        for member in archive:
            if member.name in layers:
                with tarfile.open(fileobj=archive.extractfile(member), mode="r:gz") as layer:
                    found += [(one.name, one) for one in layer]
    return found
