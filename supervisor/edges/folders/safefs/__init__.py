"""File operations inside folders that a hostile service can write to.

Every name is opened relative to a descriptor of its folder and no link is ever followed, so a link planted, or put in
place of a file between two calls, leads nowhere. Sizes, counts and depth are bounded. Raises OSError: when a bound is
exceeded, or the kernel refuses.
"""

from supervisor.edges.folders.safefs.copying import Alterations, amend, digest, mirror
from supervisor.edges.folders.safefs.entries import MAX_BYTES, names, own, read
from supervisor.edges.folders.safefs.removal import remove, remove_tree

__all__ = ["MAX_BYTES", "Alterations", "amend", "digest", "mirror", "names", "own", "read", "remove", "remove_tree"]
