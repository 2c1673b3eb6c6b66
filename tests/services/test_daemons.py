"""What the daemons say to their rendered configuration: the manifest's own checks, with the daemons of this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from supervisor.edges.catalog import load_definition
from supervisor.edges.render import TemplateRenderer
from supervisor.values.manifest import ServiceDefinition
from supervisor.values.router import RouterConfig
from supervisor.values.secret import Secret
from supervisor.values.tls import Certificate
from tests.kit.samples.router import SAMPLE, sample_instance

SERVICES = Path(__file__).parents[2] / "services"
PASSWORD_SOURCE = Path(__file__).parents[2] / "images/password/files/usr/lib/vr-password"
CHECKED = tuple(folder.name for folder in sorted(SERVICES.iterdir()) if load_definition(folder).manifest.checks)


def _pem() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "www.example.org")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    valid = builder.not_valid_before(now).not_valid_after(now + timedelta(days=1))
    certificate = valid.sign(key, hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return (certificate.public_bytes(serialization.Encoding.PEM) + private).decode()


def with_certificate(router: RouterConfig) -> RouterConfig:
    """The sample's certificate is a word; a daemon wants a real one."""
    listeners = tuple(
        replace(listener, certificate=Certificate(listener.certificate.name, Secret(_pem())))
        if listener.certificate
        else listener
        for listener in router.load_balancing.listeners
    )
    return replace(router, load_balancing=replace(router.load_balancing, listeners=listeners))


def render_to(folder: Path, definition: ServiceDefinition, router: RouterConfig) -> None:
    """What the container sees at /config and in its runtime folders is `folder` here."""
    bare = sample_instance(definition.manifest)
    instance = replace(bare, frontends=TemplateRenderer().frontends(definition.manifest, router, bare))
    for runtime in definition.manifest.runtime:
        (folder / runtime.mount[1:]).mkdir(parents=True)
    for file in TemplateRenderer().files(definition, router, instance):
        path = folder / "config" / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_moved(file.content, folder, definition))


def _moved(content: bytes, folder: Path, definition: ServiceDefinition) -> bytes:
    for place in ("/config", *(runtime.mount for runtime in definition.manifest.runtime)):
        content = content.replace(place.encode(), f"{folder}{place}".encode())
    return content


@pytest.mark.programs
@pytest.mark.parametrize("router", [pytest.param(SAMPLE, id="sample"), pytest.param(RouterConfig(), id="empty")])
@pytest.mark.parametrize("name", CHECKED)
def test_the_daemon_accepts_what_is_rendered(name: str, router: RouterConfig, tmp_path: Path) -> None:
    definition = load_definition(SERVICES / name)
    render_to(tmp_path, definition, with_certificate(router))
    for check in definition.manifest.checks:
        if not shutil.which(check.command[0]):
            pytest.skip(f"{check.command[0]} is not installed")
        command = [_moved(word.encode(), tmp_path, definition).decode() for word in check.command]
        if command[0] == "/usr/bin/python3":  # the image's own; here its libraries are in our environment
            command[0] = sys.executable
        environment = {**os.environ, "PYTHONPATH": str(PASSWORD_SOURCE)}
        done = subprocess.run(command, capture_output=True, timeout=30, check=False, env=environment)
        assert done.returncode == 0, (done.stdout + done.stderr).decode()
