"""Bills of materials beside the store, one file for each image: they are read seldom, and a lost one can come again."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from supervisor.edges.store.subject import Subject
from supervisor.values.errors import StateError
from supervisor.values.names import ImageId

FOLDER = "sboms"


class SbomFiles(Subject):
    """Satisfies `ports.store.Sboms`. A file is synced and renamed in."""

    def save_sbom(self, image: ImageId, document: bytes) -> None:
        place = self._place(image)
        fresh = place.with_suffix(".new")
        try:
            place.parent.mkdir(mode=0o700, exist_ok=True)
            handle = os.open(fresh, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(document)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(place)
        except OSError as error:
            raise StateError(f"cannot write the bill of materials of {image}: {error}") from error

    def sbom(self, image: ImageId) -> bytes | None:
        try:
            return self._place(image).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StateError(f"cannot read the bill of materials of {image}: {error}") from error

    def remove_sboms(self, kept: Collection[ImageId]) -> None:
        wanted = {self._place(image) for image in kept}
        try:
            for place in (self._file.folder / FOLDER).glob("*"):
                if place not in wanted:
                    place.unlink()
        except OSError as error:
            raise StateError(f"cannot remove bills of materials in {self._file.folder / FOLDER}: {error}") from error

    def _place(self, image: ImageId) -> Path:
        return self._file.folder / FOLDER / f"{image.removeprefix('sha256:')}.json"
