"""The values of the store that are secret: which ones they are, and how they are written and read.

A value in clear is text, an encrypted one is bytes. The configuration has passwords and keys of every kind; identities
of commands are digests of files with passwords, and somebody could try passwords until one gives the digest.
"""

from __future__ import annotations

from supervisor.edges.store.keyring import KeyRing
from supervisor.edges.store.sealing import ForgedError, key_id
from supervisor.values.errors import StateError

BAGS, COMMANDS = "facts/bags/value", "commands/identity"
"""The places of secret values: table, row if there is only one, column."""

Stored = str | bytes


def place_of(table: str, column: str, key: object) -> str | None:
    """Return the place of a column of a row that may be encrypted; None: it never is."""
    if (table, column) == ("commands", "identity"):
        return COMMANDS
    return BAGS if (table, column, key) == ("facts", "value", "bags") else None


def sealed(ring: KeyRing, place: str, text: str) -> Stored:
    """Return what is stored for a text. Raises SecretKeyError: there is no key."""
    key = ring.writing_key()
    if key is None:
        return text
    return key.seal_identity(place, text.encode()) if place == COMMANDS else key.seal(place, text.encode())


def revealed(ring: KeyRing, place: str, stored: Stored) -> str:
    """Return the text of what is stored. Raises SecretKeyError: its key is not here; StateError: it was changed."""
    if isinstance(stored, str):
        return stored
    try:
        return ring.key_of(stored).open(place, stored).decode()
    except (ForgedError, UnicodeDecodeError) as error:
        raise StateError(f"cannot read the state: {error}") from error


def refuse_damaged(ring: KeyRing, place: str, stored: bytes) -> None:
    """Raises ValueError: an encrypted value is damaged, as far as the keys that are here can say."""
    identity = key_id(stored)
    if identity is None:
        raise ValueError("it is neither text nor encrypted")
    for key in ring.keys:
        if key.id == identity:
            try:
                key.open(place, stored).decode()
            except ForgedError as error:
                raise ValueError(str(error)) from error
