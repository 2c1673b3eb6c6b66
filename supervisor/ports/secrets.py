"""The place of the keys that secrets in the state folder are encrypted with."""

from __future__ import annotations

from typing import Protocol

from supervisor.values.settings import KeySource


class KeyPlace(Protocol):
    """A place outside the state folder with one text: a key in each line, that in use first.

    Every method raises SecretKeyError, with the place and the reason, when the place cannot be read or written.
    """

    @property
    def source(self) -> KeySource:
        """The kind of place."""

    @property
    def name(self) -> str:
        """The place in words, for messages."""

    @property
    def is_writable(self) -> bool:
        """True if the supervisor may make and change keys there; else an operator does."""

    @property
    def is_there(self) -> bool:
        """True if there seems to be a text, as far as that can be said without reading it."""

    def read(self) -> str | None:
        """Return the text; None: there is none yet."""

    def create(self, text: str) -> None:
        """Write a first text, whole and synced. Raises SecretKeyError: there is one already."""

    def replace(self, text: str) -> None:
        """Write a text in the place of the former one, whole and synced."""
