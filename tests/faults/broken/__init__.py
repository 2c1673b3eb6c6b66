"""Releases whose services are broken in one way each, and what shows whether a broken one was given traffic."""
