"""The tables of the store. A change of the schema is a new entry in MIGRATIONS; entries are never edited."""

from __future__ import annotations

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE services (
        name TEXT PRIMARY KEY,
        last_generation INTEGER NOT NULL DEFAULT 0,
        desired TEXT,
        previous TEXT,
        pinned INTEGER NOT NULL DEFAULT 0,
        restarts INTEGER NOT NULL DEFAULT 0
    );
    CREATE TABLE instances (
        service TEXT NOT NULL,
        generation INTEGER NOT NULL,
        state TEXT NOT NULL,
        instance TEXT NOT NULL,
        PRIMARY KEY (service, generation)
    );
    CREATE TABLE handovers (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        service TEXT NOT NULL,
        handover TEXT NOT NULL,
        outcome TEXT NOT NULL,
        from_version TEXT,
        to_version TEXT NOT NULL,
        started REAL NOT NULL,
        finished REAL
    );
    CREATE INDEX handovers_by_service ON handovers (service, id);
    CREATE TABLE phases (
        handover INTEGER NOT NULL REFERENCES handovers (id) ON DELETE CASCADE,
        phase TEXT NOT NULL,
        started REAL NOT NULL,
        finished REAL
    );
    CREATE INDEX phases_by_handover ON phases (handover);
    CREATE TABLE handover_totals (
        service TEXT NOT NULL, kind TEXT NOT NULL, outcome TEXT NOT NULL, count INTEGER NOT NULL,
        PRIMARY KEY (service, kind, outcome)
    );
    CREATE TABLE phase_totals (
        service TEXT NOT NULL, phase TEXT NOT NULL, seconds REAL NOT NULL, count INTEGER NOT NULL,
        PRIMARY KEY (service, phase)
    );
    CREATE TABLE releases (
        name TEXT PRIMARY KEY,
        created TEXT NOT NULL,
        source TEXT NOT NULL,
        imported REAL NOT NULL,
        services TEXT NOT NULL
    );
    CREATE TABLE definitions (
        digest TEXT NOT NULL,
        path TEXT NOT NULL,
        content BLOB NOT NULL,
        PRIMARY KEY (digest, path)
    );
    CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
    CREATE TABLE commands (identity TEXT PRIMARY KEY);
    CREATE TABLE events (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        time REAL NOT NULL,
        service TEXT NOT NULL,
        name TEXT NOT NULL,
        message TEXT NOT NULL
    );
    """,
    "",  # facts.value of `bags` and commands.identity may be encrypted (`secret_values`)
)

CONFIRMED = "confirmed "  # a fact for each service, named so and then as the service

KEPT_HANDOVERS = 1000  # for each service
KEPT_EVENTS = 10_000
KEPT_COMMANDS = 10_000  # identities of command files, and all of those that are saved at once
