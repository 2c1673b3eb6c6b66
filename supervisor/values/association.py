"""A security association of the kernel: one direction of a tunnel, which outlives the daemon that made it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Association:
    """The kernel never gives one number to two of them at a time: equal values are the same association."""

    source: str
    destination: str
    protocol: str
    spi: int
    request: int  # joins it to the policies that ask for it
    mode: str
