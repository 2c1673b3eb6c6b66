"""The digest by which a service definition is named, in the index of a bundle and in the store."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from supervisor.values.names import Digest


def definition_digest(files: Mapping[str, bytes]) -> Digest:
    """Return the digest of a definition: of the sorted lines `<sha256>  <path>`, which sha256sum could have written."""
    return listing_digest({name: hashlib.sha256(content).hexdigest() for name, content in files.items()})


def listing_digest(sums: Mapping[str, str]) -> Digest:
    """Return the digest of a definition from the hashes of its files."""
    lines = "".join(f"{total}  {name}\n" for name, total in sorted(sums.items()))
    return Digest("sha256:" + hashlib.sha256(lines.encode()).hexdigest())
