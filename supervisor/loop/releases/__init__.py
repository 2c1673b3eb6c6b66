"""Releases: taken in from media, kept in the engine and the store, loaded again when damaged."""
