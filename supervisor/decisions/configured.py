"""Decides whether a service serves the router's configuration, by the configuration's number."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Configured:
    """The newest configuration that a service serves, and the newest that it refused.

    Numbers are the supervision's since its start, and grow with every configuration; 0: none yet.
    """

    served: int = 0
    refused: int = 0  # it does not serve, and is not tried again at once
    reason: str = ""  # of that

    def serves(self, number: int) -> bool:
        """True if that configuration serves, or a newer one in its place."""
        return self.served >= number

    def refuses(self, number: int) -> bool:
        """True if that configuration does not serve and it, or a newer one, is refused."""
        return not self.serves(number) and self.refused >= number

    def after(self, number: int, *, serves: bool, refusal: str) -> Configured:
        """Return the value once configuration `number` serves, or is refused for a reason, or neither yet."""
        if serves:
            return self if self.served == number else Configured(number)
        if refusal:
            is_same = (self.refused, self.reason) == (number, refusal)
            return self if is_same else Configured(self.served, number, refusal)
        return self

    def recovers(self, former: Configured) -> bool:
        """True if what was refused in the `former` value serves now."""
        return self.served > former.served and former.refused == self.served
