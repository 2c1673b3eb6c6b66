"""The manifest of a service, as its `manifest.yaml` declares it, by subject.

Texts marked *expression* are Jinja2 expressions over `router` (RouterConfig), `instance` (see `state.Instance`) and,
where `each` is given, `item`. Texts marked *template* are Jinja2 templates over the same names. Both are resolved at
the rendering edge; nothing else interprets them.
"""

from supervisor.values.manifest.container import Check, Drain, Limits, Reload, Seccomp, Stop, User
from supervisor.values.manifest.folders import (
    ConfigFile,
    OnChange,
    Ownership,
    RuntimeFolder,
    StateSharing,
    StateVolume,
    TmpfsMount,
)
from supervisor.values.manifest.network import Frontend, GapPort, InsidePort, NetworkMode, Protocol, Takeover
from supervisor.values.manifest.probes import (
    ROUTER_ONLY,
    Argument,
    Form,
    Needs,
    Probe,
    ProbeKind,
    Use,
    arguments_of,
    kinds_for,
)
from supervisor.values.manifest.questions import (
    Awaited,
    Caution,
    Count,
    Counters,
    ErrorCounter,
    Knowledge,
    Undertaking,
    Watch,
)
from supervisor.values.manifest.service import PRINTED_SCHEMA, ServiceDefinition, ServiceManifest, Strategy

__all__ = [
    "PRINTED_SCHEMA",
    "ROUTER_ONLY",
    "Argument",
    "Awaited",
    "Caution",
    "Check",
    "ConfigFile",
    "Count",
    "Counters",
    "Drain",
    "ErrorCounter",
    "Form",
    "Frontend",
    "GapPort",
    "InsidePort",
    "Knowledge",
    "Limits",
    "Needs",
    "NetworkMode",
    "OnChange",
    "Ownership",
    "Probe",
    "ProbeKind",
    "Protocol",
    "Reload",
    "RuntimeFolder",
    "Seccomp",
    "ServiceDefinition",
    "ServiceManifest",
    "StateSharing",
    "StateVolume",
    "Stop",
    "Strategy",
    "Takeover",
    "TmpfsMount",
    "Undertaking",
    "Use",
    "User",
    "Watch",
    "arguments_of",
    "kinds_for",
]
