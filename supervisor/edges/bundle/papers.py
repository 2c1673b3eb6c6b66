"""The signed papers of a medium, as the trust edge judges them: the index first of all."""

from __future__ import annotations

from supervisor.edges.bundle.medium import Medium
from supervisor.edges.trust.papers import INDEX, LARGEST, REVOCATIONS, STATEMENT, Papers, root_name, root_version
from supervisor.values.errors import NotABundleError, UnsignedBundleError, UntrustedRootError

SIGNATURE = f"{INDEX}.sig"
LARGEST_INDEX = 2 << 20
_LARGEST_SIGNATURE = 4096


def papers_of(medium: Medium) -> Papers:
    """Read the papers of a medium. Raises NotABundleError, UnsignedBundleError: there is none, or one is too large."""
    path, present = str(medium.path), set(medium.files())
    if INDEX not in present:
        raise NotABundleError(path, f"it carries no {INDEX}")
    if medium.size(INDEX) > LARGEST_INDEX:
        raise NotABundleError(path, f"its {INDEX} has {medium.size(INDEX)} bytes, more than any index")

    def bounded(name: str, limit: int) -> bytes | None:
        if name not in present:
            return None
        if medium.size(name) > limit:
            raise UnsignedBundleError(path, f"its {name} has {medium.size(name)} bytes, more than {limit}")
        return medium.read(name)

    def read_root(version: int) -> bytes:
        name = root_name(version)
        if medium.size(name) > LARGEST:
            raise UntrustedRootError(f"{name} on {path}", f"it has {medium.size(name)} bytes, more than {LARGEST}")
        return medium.read(name)

    roots = frozenset(version for name in present if (version := root_version(name)) is not None)
    signature, statement = bounded(SIGNATURE, _LARGEST_SIGNATURE), bounded(STATEMENT, LARGEST)
    return Papers(medium.read(INDEX), signature, statement, bounded(REVOCATIONS, LARGEST), roots, read_root)
