"""The ports of the loop: Protocols by subject, satisfied by `supervisor.edges` and in tests by `tests/kit/fakes`.

A method's docstring is its contract: units, the meaning of None and of empty, what an equal call does again, and the
errors. Errors are those of `values.errors`; no other exception of an edge reaches the loop.
"""
