"""Asks a running instance whether it serves, in the protocol its clients use: probe in, `ProbeResult` out.

A kind of probe (`ProbeKind`) has the module of its name: `dns` is in `dns.py`. The other modules are parts of several
kinds (`answer`, `arguments`, `bounded`, `handler`) or of one (`dhcp_packet`, `socket_lines`, `vici_connections`).
"""

from supervisor.edges.probes.prober import ProtocolProber

__all__ = ["ProtocolProber"]
