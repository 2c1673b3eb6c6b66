"""Broken candidates: a copy of a service's definition that is changed until it fails in a known way.

`draft` is the copy, `wrapper` runs in the container and breaks the daemon, `kind` is what is broken and what must come
of it. The kinds that every service has are in `tests/faults/broken`; those of one service in `lab/services/<name>.py`.
"""
