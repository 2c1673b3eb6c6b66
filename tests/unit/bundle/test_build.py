"""Making bundles: the same inputs give the same bytes, and inputs that do not fit together are named."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from supervisor.edges.bundle import keys
from supervisor.edges.bundle.definition import definition_digest, definition_files
from supervisor.edges.bundle.medium import Medium
from supervisor.edges.bundle.reader import Bundle
from supervisor.edges.trust.folder import plain_keys
from supervisor.surface.bundle_commands import bundle
from supervisor.values.bundle import BundleIndex
from supervisor.values.errors import BundleBuildError, BundleError
from tests.kit.samples import manifests
from tests.unit.bundle.bundle_workshop import CREATED, Workshop


@pytest.mark.programs
def test_the_same_inputs_give_the_same_iso(workshop: Workshop) -> None:
    first = workshop.build(output="first.iso").read_bytes()
    for path in workshop.services.rglob("*"):
        os.utime(path, (1, 1))
    assert workshop.build(output="second.iso").read_bytes() == first


def test_the_definition_digest_depends_on_names_and_content_only() -> None:
    digest = definition_digest({"a": b"1", "b": b"2"})
    assert definition_digest({"b": b"2", "a": b"1"}) == digest
    assert len({digest, definition_digest({"a": b"2", "b": b"1"}), definition_digest({"a": b"1"})}) == 3


def test_a_definition_keeps_a_nested_readme(workshop: Workshop) -> None:
    (workshop.services / "alpha" / "templates" / "README.md").write_text("kept")
    assert sorted(definition_files(workshop.services / "alpha")) == [
        "manifest.yaml",
        "templates/README.md",
        "templates/daemon.conf.j2",
    ]


def test_an_image_without_service_and_a_service_without_image_are_named(workshop: Workshop) -> None:
    workshop.write_service("gamma")
    with pytest.raises(BundleBuildError, match=r"cannot bundle gamma: images\.json has no image"):
        workshop.build()
    (workshop.services / "gamma" / "manifest.yaml").unlink()
    (workshop.services / "beta" / "manifest.yaml").unlink()
    with pytest.raises(BundleBuildError, match="cannot bundle beta: there is an image, but no service folder"):
        workshop.build()


def test_images_for_two_machines_do_not_share_a_bundle(workshop: Workshop) -> None:
    workshop.write_image("beta", (b"layer",), architecture="riscv64")
    with pytest.raises(BundleBuildError, match="into one bundle"):
        workshop.build()


def test_a_damaged_blob_is_not_bundled(workshop: Workshop) -> None:
    blobs = workshop.images / "oci" / "blobs" / "sha256"
    largest = max(blobs.iterdir(), key=lambda path: path.stat().st_size)
    largest.write_bytes(b"something else")
    with pytest.raises(BundleBuildError, match=largest.name):
        workshop.build()


def test_a_missing_blob_is_named_and_nothing_is_written(workshop: Workshop) -> None:
    blobs = workshop.images / "oci" / "blobs" / "sha256"
    lost = max(blobs.iterdir(), key=lambda path: path.stat().st_size)
    lost.unlink()
    with pytest.raises(BundleBuildError, match=f"{lost.name}: No such file"):
        workshop.build()
    assert not (workshop.folder / "good.iso").exists()


def test_a_private_key_is_private_and_never_overwritten(workshop: Workshop) -> None:
    assert stat.S_IMODE(workshop.key.stat().st_mode) == 0o600
    with pytest.raises(BundleError, match="File exists"):
        keys.generate(workshop.key, workshop.trusted / "lab.pub")


@pytest.mark.parametrize("content", [b"", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_signing_with_what_is_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    key = tmp_path / "key"
    key.write_bytes(content)
    with pytest.raises(BundleBuildError, match="not an unencrypted private key"):
        keys.sign(b"x", key)


@pytest.mark.parametrize(
    ("older", "newer"),
    [(("12.0", "2025"), ("13.0", "2025")), (("9.1", "2025"), ("10.0", "2024")), (("1.0", "2024"), ("1.0", "2025"))],
)
def test_releases_are_ordered_by_number_then_time(older: tuple[str, str], newer: tuple[str, str]) -> None:
    first, second = (BundleIndex(1, name, year, "0", "amd64", (), ()) for name, year in (older, newer))
    assert first.is_older_than(second)
    assert not second.is_older_than(first)
    assert not first.is_older_than(first)


def test_a_new_key_is_trusted_whatever_the_umask_is(tmp_path: Path) -> None:
    former = os.umask(0o002)
    try:
        keys.generate(tmp_path / "my.key", tmp_path / "trusted" / "my.pub")
    finally:
        os.umask(former)
    assert list(plain_keys(tmp_path / "trusted").names.values()) == ["my.pub"]


@pytest.mark.programs
def test_the_commands_make_a_key_a_bundle_and_verify_it(workshop: Workshop) -> None:
    run, folder = CliRunner(), workshop.folder
    made = run.invoke(bundle, ["keygen", f"{folder}/new.key", f"{folder}/new/new.pub"])
    assert made.exit_code == 0
    options = ["--images", str(workshop.images), "--services", str(workshop.services), "--release", "2.0"]
    options += ["--key", f"{folder}/new.key", "--output", f"{folder}/out/new.iso", "--created", CREATED.isoformat()]
    built = run.invoke(bundle, ["build", *options])
    assert built.exit_code == 0, built.output
    with Medium(folder / "out/new.iso") as medium:
        assert b'"2025-01-01T00:00:00Z"' in medium.read("bundle.json")
    verified = run.invoke(bundle, ["verify", f"{folder}/out/new.iso", "--trusted-keys", f"{folder}/new"])
    assert verified.exit_code == 0
    assert "signed by new.pub" in verified.output
    refused = run.invoke(bundle, ["verify", f"{folder}/out/new.iso", "--trusted-keys", str(workshop.trusted)])
    assert refused.exit_code == 1
    assert "cannot trust" in refused.output


@pytest.mark.programs
def test_a_bundle_with_a_manifest_that_no_supervisor_reads_is_not_good(workshop: Workshop) -> None:
    (workshop.services / "beta" / "manifest.yaml").write_text("name: beta\n")
    path = workshop.build()
    refused = CliRunner().invoke(bundle, ["verify", str(path), "--trusted-keys", str(workshop.trusted)])
    assert refused.exit_code == 1
    assert "cannot accept the manifest of beta: schema: is missing" in refused.output


@pytest.mark.programs
def test_a_delta_is_verified_beside_its_base(workshop: Workshop) -> None:
    run, trusted = CliRunner(), ["--trusted-keys", str(workshop.trusted)]
    whole = workshop.build()
    with Bundle.open(whole, workshop.trusted) as base:
        delta = workshop.build("1.1", "delta.iso", base=base)
    alone = run.invoke(bundle, ["verify", str(delta), *trusted])
    assert "it is a delta to release 1.0 (sha256:" in alone.output
    assert alone.exit_code == 1
    verified = run.invoke(bundle, ["verify", str(delta), *trusted, "--base", str(whole)])
    assert verified.exit_code == 0, verified.output
    assert "release 1.1" in verified.output


@pytest.mark.programs
def test_with_settings_a_bundle_is_held_to_the_ceiling_of_a_router(workshop: Workshop, tmp_path: Path) -> None:
    run, settings = CliRunner(), tmp_path / "supervisor.yaml"
    for service in workshop.services.iterdir():
        text = manifests.ROUTER.replace("name: names", f"name: {service.name}")
        (service / "manifest.yaml").write_text(text)
    command = ["verify", str(workshop.build()), "--trusted-keys", str(workshop.trusted), "--config", str(settings)]
    settings.write_text("")
    refused = run.invoke(bundle, command)
    assert refused.exit_code == 1
    assert "services.alpha.limits.memory: asks for 1GiB; this router allows at most 128MiB" in refused.output
    assert "services.beta.capabilities: asks for NET_RAW" in refused.output
    settings.write_text("ceiling: {router: {memory: 1GiB, capabilities: [NET_ADMIN, NET_RAW]}}\n")
    assert run.invoke(bundle, command).exit_code == 0
    settings.write_text(settings.read_text() + 'minimum_release: "99.0"\n')
    assert "the setting minimum_release allows for nothing before 99.0" in run.invoke(bundle, command).output
    settings.write_text("ceiling: {router: {memory: much}}\n")
    assert "ceiling.router.memory: must be a size" in run.invoke(bundle, command).output


@pytest.mark.programs
def test_what_a_service_requires_has_to_be_in_the_bundle(workshop: Workshop) -> None:
    manifest = workshop.services / "alpha" / "manifest.yaml"
    manifest.write_text("name: alpha\nrequires: [beta]\n")
    assert workshop.build().exists()
    manifest.write_text("name: alpha\nrequires: [beta, gamma]\n")
    with pytest.raises(BundleError, match=r"services\.alpha\.requires: gamma is not among the services"):
        workshop.build(output="other.iso")
    assert not (workshop.folder / "other.iso").exists()
