"""The store: one SQLite file in the state folder, and the lock that keeps a second supervisor out."""

from supervisor.edges.store.keyring import KeyRing
from supervisor.edges.store.lock import StateLock
from supervisor.edges.store.sqlite import SqliteStore

__all__ = ["KeyRing", "SqliteStore", "StateLock"]
