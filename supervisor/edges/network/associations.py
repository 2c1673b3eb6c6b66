"""Lists and deletes the kernel's security associations, for what a takeover leaves behind."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from supervisor.edges.network.command import DEADLINE, run
from supervisor.values.association import Association
from supervisor.values.errors import NetworkError

_HEAD = re.compile(r"src (?P<source>\S+) dst (?P<destination>\S+)")
_NUMBERS = re.compile(
    r"proto (?P<protocol>\S+) spi (?P<spi>0x[0-9a-f]+)\S* reqid (?P<request>\d+)\S* mode (?P<mode>\S+)"
)
_KEY = re.compile(r"\s+(aead|enc|auth|auth-trunc|comp) ")  # one that has none is only a number that was set aside


class XfrmAssociations:
    """Satisfies `ports.network.Associations`, in the network namespace of the calling thread."""

    def __init__(self, deadline: float = DEADLINE) -> None:
        self._deadline = deadline

    def present(self) -> tuple[Association, ...]:
        # The tool has no JSON for these, whatever it is asked.
        done = run("list security associations", ("ip", "xfrm", "state", "list", "nokeys"), deadline=self._deadline)
        return tuple(read_associations(done.stdout))

    def delete(self, associations: Sequence[Association]) -> None:
        for association in associations:
            way = f"from {association.source} to {association.destination}"
            purpose = f"delete security association {association.spi:#010x} {way}"
            done = run(purpose, _deletion(association), deadline=self._deadline, accepted=(0, 1, 2))
            if done.exit_code and "No such process" not in done.stderr:  # it may have ended by itself
                raise NetworkError(f"cannot {purpose}: {' '.join(done.stderr.split())}")


def read_associations(listing: str) -> Iterator[Association]:
    """Yield the associations in what `ip xfrm state` prints; each begins where a line does."""
    for text in re.split(r"\n(?=\S)", listing):
        head, numbers = _HEAD.match(text), _NUMBERS.search(text)
        if head and numbers and _KEY.search(text):
            yield Association(
                source=head["source"],
                destination=head["destination"],
                protocol=numbers["protocol"],
                spi=int(numbers["spi"], 16),
                request=int(numbers["request"]),
                mode=numbers["mode"],
            )


def _deletion(association: Association) -> tuple[str, ...]:
    way = ("src", association.source, "dst", association.destination)
    return ("ip", "xfrm", "state", "delete", *way, "proto", association.protocol, "spi", f"{association.spi:#x}")
