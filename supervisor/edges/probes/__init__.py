"""Asks a running instance whether it serves, in the protocol its clients use: probe in, `ProbeResult` out."""

from supervisor.edges.probes.prober import ProtocolProber

__all__ = ["ProtocolProber"]
