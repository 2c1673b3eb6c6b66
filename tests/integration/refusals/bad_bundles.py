"""Bundles that are wrong in one way each: small, signed by a key that the router trusts unless that is the fault."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from supervisor.edges.bundle.medium import Medium
from tests.unit.bundle.bundle_workshop import Workshop

RELEASE = "99.0"  # newer than any real one: being old is a fault of its own

_COUNT = itertools.count()


@dataclass(frozen=True, slots=True)
class BadBundles:
    folder: Path

    def workshop(
        self, key: str = "lab.key", *, architecture: str | None = None, manifest: str | None = None
    ) -> Workshop:
        made = Workshop(self.folder / f"workshop-{next(_COUNT)}")
        made.folder.mkdir()
        shutil.copy(self.folder / key, made.key)
        for name in ("alpha", "beta"):
            made.write_image(name, (b"shared" * 9000, name.encode() * 9000), architecture)
            made.write_service(name)
        if manifest is not None:
            (made.services / "alpha" / "manifest.yaml").write_text(manifest)
        return made

    def good(self) -> Path:
        """Return a bundle whose medium is right; only its manifests could not be used."""
        return self.workshop().build(RELEASE)

    def not_an_iso(self) -> Path:
        path = self.folder / "letter.iso"
        path.write_bytes(b"Dear router,\n" * 5000)
        return path

    def truncated(self) -> Path:
        path = self.good()
        data = path.read_bytes()
        path.write_bytes(data[: len(data) - 8192])
        return path

    def other_volume(self) -> Path:
        return self.workshop().variant({}, volume="DEBIAN_12")

    def unsigned(self) -> Path:
        return self.workshop().variant({"bundle.json.sig": None})

    def wrong_key(self) -> Path:
        return self.workshop("other.key").build(RELEASE)

    def changed_index(self, **changes: Any) -> Path:
        made = self.workshop()
        return made.variant({}, index={**made.index(), **changes})

    def wrong_digest(self) -> Path:
        """Return a bundle that is signed by a trusted key although the index and a file disagree."""
        made = self.workshop()
        index = made.index()
        index["release"] = RELEASE
        index["files"]["services/beta/manifest.yaml"]["sha256"] = "0" * 64
        return made.variant({}, index=index)

    def other_architecture(self) -> Path:
        return self.workshop(architecture="s390x").build(RELEASE)

    def bad_manifest(self, text: str) -> Path:
        return self.workshop(manifest=text).build(RELEASE)

    def over_the_ceiling(self, text: str) -> Path:
        """Return a bundle whose two services have this manifest, but for the name."""
        made = self.workshop()
        for name in ("alpha", "beta"):
            (made.services / name / "manifest.yaml").write_text(text.format(name=name))
        return made.build(RELEASE)

    def flipped(self) -> Iterator[tuple[str, Path]]:
        """Yield the good bundle with one bit of one file changed: once for every file in it."""
        good = self.good()
        data = good.read_bytes()
        with Medium(good) as medium:
            content = {name: medium.read(name) for name in medium.files()}
        for name, found in content.items():
            place = data.index(found[:2048]) + len(found) // 2
            path = good.with_name("flipped.iso")
            path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
            yield name, path
