"""A security association of the kernel: one direction of a tunnel, which outlives the daemon that made it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Association:
    """A security association. The kernel gives no number to two at a time: equal values are the same association."""

    source: str
    destination: str
    protocol: str
    spi: int
    request: int  # joins it to the policies that ask for it
    mode: str
