"""The keys of the store's secrets: read from their place, made there, changed, and found by their ids."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from supervisor.edges.store.sealing import Key, key_id, keys_of, new_key, text_of
from supervisor.ports.secrets import KeyPlace
from supervisor.values.errors import SecretKeyError


class KeyRing:
    """The keys that a place has now, that in use first, and those of a former place. May be used from any thread.

    Without a place secrets are written in clear; keys of a former place decrypt what was encrypted before.
    """

    def __init__(self, place: KeyPlace | None = None, former: KeyPlace | None = None) -> None:
        self.place, self._former_place = place, former
        self._lock = threading.Lock()
        self._keys: tuple[Key, ...] = ()
        self._former: tuple[Key, ...] = ()
        self.problem = ""  # why the place cannot be read; empty: it can, or has no keys yet
        self._former_problem = ""

    @property
    def is_off(self) -> bool:
        return self.place is None

    @property
    def current(self) -> Key | None:
        """The key that is written with; None: there is none (yet)."""
        return self._keys[0] if self._keys else None

    @property
    def keys(self) -> tuple[Key, ...]:
        """Every key, that in use first."""
        return tuple(dict.fromkeys((*self._keys, *self._former)))

    def load(self) -> None:
        """Read the places again; keys that are known stay, after those there. Sets `problem`, and raises nothing."""
        with self._lock:
            self._keys, self.problem = _read(self.place, self._keys)
            self._former, self._former_problem = _read(self._former_place, self._former)

    @property
    def gone(self) -> str:
        """The place of keys that this process has read and the next one will not; empty: they are there."""
        return self.place.name if self.place and self._keys and not self.place.is_there else ""

    def writing_key(self) -> Key | None:
        """Return the key to write with; None: secrets are written in clear.

        Raises SecretKeyError: there should be one, and there is none.
        """
        if self.place is None:
            return None
        if self.current is None:
            self.load()
        if self.current is None:
            raise SecretKeyError(self.problem or f"cannot encrypt secrets: there is no key in {self.place.name}")
        return self.current

    def key_of(self, record: bytes) -> Key:
        """Return the key that a record was encrypted with. Raises SecretKeyError: it is not here."""
        identity = key_id(record)
        if not self.knows(identity):
            self.load()
        for key in self.keys:
            if key.id == identity:
                return key
        raise SecretKeyError(self.missing(identity))

    def missing(self, identity: bytes | None) -> str:
        """Return what is wrong when something is encrypted with a key of this id, which is not here."""
        wanted = f"key {identity.hex()}" if identity else "a key of another program"
        said = f"cannot decrypt what is stored: {wanted} is missing"
        places = [place.name for place in (self.place, self._former_place) if place]
        if not places:
            return f"{said}, and the settings name no place of keys"
        problems = [problem for problem in (self.problem, self._former_problem) if problem]
        there, joined = ", ".join(key.id.hex() for key in self.keys) or "no key", " and ".join(places)
        return f"{said}; {'; '.join(problems) or f'{there} is in {joined}'}"

    def knows(self, identity: bytes | None) -> bool:
        """True if a key of this id is here."""
        return any(key.id == identity for key in self.keys)

    def make(self) -> Key:
        """Make a first key in the place. Raises SecretKeyError: it cannot be written, or has one meanwhile."""
        assert self.place is not None
        key = new_key()
        with self._lock:
            self.place.create(text_of((key,)))
        self._read_back(key)
        return key

    def rotate(self) -> Key:
        """Put a new key before those that the place has. Raises SecretKeyError: nothing is changed."""
        key = new_key()
        self._change(lambda keys: (key, *keys))
        self._read_back(key)
        return key

    def forget(self, identities: Iterable[bytes]) -> None:
        """Take keys out of the place, that in use never. Raises SecretKeyError: nothing is changed."""
        gone = set(identities) & {key.id for key in self._keys[1:]}
        if not gone:
            return  # they are in a former place

        def without(keys: tuple[Key, ...]) -> tuple[Key, ...]:
            return (keys[0], *(key for key in keys[1:] if key.id not in gone))

        self._change(without)
        with self._lock:
            self._keys = without(self._keys)
        self.load()

    def _change(self, change: Callable[[tuple[Key, ...]], tuple[Key, ...]]) -> None:
        if self.place is None:
            raise SecretKeyError("cannot change keys: secrets are stored in clear, as the settings say")
        if not self.place.is_writable:
            raise SecretKeyError(f"cannot change keys: {self.place.name} is not ours")
        with self._lock:
            keys, problem = _read(self.place, self._keys)  # it may have another key now, and rows need the former one
            if problem:
                raise SecretKeyError(problem)
            if not keys:
                raise SecretKeyError(f"cannot change keys: there is none in {self.place.name}")
            self.place.replace(text_of(change(keys)))

    def _read_back(self, key: Key) -> None:
        """Load the place, which must have the key now: what is encrypted with it could not be read otherwise."""
        self.load()
        if self.current != key:
            assert self.place is not None
            raise SecretKeyError(self.problem or f"cannot use {self.place.name}: it does not return what was written")


def _read(place: KeyPlace | None, known: tuple[Key, ...]) -> tuple[tuple[Key, ...], str]:
    """Return the keys of a place, after them those known before, and why it cannot be read."""
    try:
        text = place.read() if place else None
        there = keys_of(text, place.name) if place and text is not None else ()
        return tuple(dict.fromkeys((*there, *known))), ""
    except SecretKeyError as error:
        return known, str(error)
