"""Seccomp profiles as files: Podman takes no text, and reads the file when a container is created."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path


def profile_file(folder: Path, profile: str) -> Path:
    """Return a file in `folder` with this profile, which is written once. Raises OSError."""
    place = folder / f"seccomp-{hashlib.sha256(profile.encode()).hexdigest()[:16]}.json"
    if not place.exists():
        fresh = place.with_suffix(f".{threading.get_ident()}")
        fresh.write_text(profile, encoding="utf-8")
        fresh.replace(place)
    return place
