"""Independent clients: what users of the router would notice, counted.

Each client is a value that knows its command and how to read its output; `base.launch` runs it in a namespace. Tools
written by others (dnsperf, perfdhcp, wrk, udhcpc, ping) come first; the probes beside them are ours because no tool
keeps one source port, speaks as 200 guests, or measures the longest gap of one download.
"""

from lab.clients.base import Client, Outcome, Running, launch, run
from lab.clients.dhcp import Perfdhcp, RenewingGuests, Udhcpc
from lab.clients.dns import Dnsperf, DnsProbe
from lab.clients.flood import FLOODS, Flood, FloodKind, Speech
from lab.clients.guests import MetadataIsolation, PasswordExchange
from lab.clients.timed import TimedRequests
from lab.clients.tunnel import Ping
from lab.clients.web import Download, HttpProbe, LineEcho, Wrk

__all__ = [
    "FLOODS",
    "Client",
    "DnsProbe",
    "Dnsperf",
    "Download",
    "Flood",
    "FloodKind",
    "HttpProbe",
    "LineEcho",
    "MetadataIsolation",
    "Outcome",
    "PasswordExchange",
    "Perfdhcp",
    "Ping",
    "RenewingGuests",
    "Running",
    "Speech",
    "TimedRequests",
    "Udhcpc",
    "Wrk",
    "launch",
    "run",
]
