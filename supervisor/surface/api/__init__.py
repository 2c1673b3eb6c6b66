"""The API: one gRPC service, `supervisor.v1.Supervisor`; `server` offers it and `client` speaks it."""

from __future__ import annotations

import os

# gRPC's core writes to stderr by itself, a line for each connection that ends: only its errors are news to anybody.
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
