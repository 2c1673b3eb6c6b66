"""A text that must not be seen: its representation hides it, so that no log has it by accident."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """Holds a password or key; `reveal` is the only way to its text."""

    _text: str

    def reveal(self) -> str:
        """Return the text itself: for files that only the daemon may read."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    def __str__(self) -> str:
        return "***"
