"""Names that look alike as strings and must not be mixed up."""

from __future__ import annotations

from typing import NewType

ServiceName = NewType("ServiceName", str)
Digest = NewType("Digest", str)
"""`sha256:` and 64 hexadecimal digits."""
ImageId = Digest
"""The digest of an image's configuration: what both engines call the image's id."""
