"""Revocations, floors and contents of releases to JSON and back; also who signed a release."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from supervisor.values.names import Digest
from supervisor.values.trust import Floor, Key, KeyId, Revocation, Seen, Signing, TrustState


def dump(state: TrustState) -> bytes:
    """Return the JSON of everything in the state but its root."""
    return json.dumps(
        {
            "revoked": [
                {"key": dump_key(entry.key), "reason": entry.reason, "time": entry.time, "source": entry.source}
                for entry in state.revoked
            ],
            "floors": [{"release": floor.release, "signing": dump_signing(floor.signing)} for floor in state.floors],
            "seen": [
                {"release": seen.release, "content": seen.content, "signing": dump_signing(seen.signing)}
                for seen in state.seen
            ],
        },
        indent=1,
    ).encode()


def read(place: Path) -> tuple[TrustState, str]:
    """Return the state without its root, and why it cannot be read: then what was revoked is not known."""
    try:
        content = place.read_bytes()
    except FileNotFoundError:
        return TrustState(), ""
    except OSError as error:
        return TrustState(), f"cannot read {place}: {error.strerror}"
    try:
        return _load(json.loads(content)), ""
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        text = f"cannot read {place}: it is damaged ({type(error).__name__}): what was revoked is not known any more"
        return TrustState(), f"{text}; put it back, or remove it and revoke again"


def _load(fields: Any) -> TrustState:
    return TrustState(
        revoked=tuple(
            Revocation(load_key(entry["key"]), str(entry["reason"]), float(entry["time"]), str(entry["source"]))
            for entry in fields["revoked"]
        ),
        floors=tuple(Floor(str(entry["release"]), load_signing(entry["signing"])) for entry in fields["floors"]),
        seen=tuple(
            Seen(str(entry["release"]), Digest(entry["content"]), load_signing(entry["signing"]))
            for entry in fields["seen"]
        ),
    )


def dump_signing(signing: Signing) -> dict[str, Any]:
    return {
        "root": signing.root,
        "keys": [dump_key(key) for key in signing.keys],
        "needed": signing.needed,
        "expires": signing.expires,
    }


def load_signing(fields: Any) -> Signing:
    """Return who signed. Raises LookupError, TypeError, ValueError: it says something else."""
    expires = fields["expires"]
    keys = tuple(load_key(key) for key in fields["keys"])
    return Signing(int(fields["root"]), keys, int(fields["needed"]), None if expires is None else float(expires))


def dump_key(key: Key) -> list[str]:
    return [key.id, key.name]


def load_key(fields: Any) -> Key:
    id, name = fields
    return Key(KeyId(str(id)), str(name))
