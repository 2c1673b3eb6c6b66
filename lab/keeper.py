"""Sets the peer's tunnel up again when neither end has, as traffic would that hits a trap policy.

Run as `python -m lab.keeper PREFIX` beside the peer's daemon. The userland data plane knows no trap policies, and the
daemon gives up for good when the router answers before it has its connection. It waits a few seconds first: the router
is to come back by itself, and two ends that begin at once would have to delete a duplicate.
"""

from __future__ import annotations

import sys
import time

from lab import peer
from lab.tools import LabError
from lab.topology import Lab

PATIENCE = 4.0
STEP = 1.0


def keep(gateway: peer.Gateway) -> None:
    absent = 0.0
    while True:
        time.sleep(STEP)
        try:
            absent = 0.0 if gateway.list_associations().strip() else absent + STEP
            if absent >= PATIENCE:
                absent = 0.0
                gateway.initiate()
        except LabError as error:  # the daemon may be away for a moment, the router for longer
            print(error, flush=True)


if __name__ == "__main__":
    keep(peer.gateway(Lab(sys.argv[1])))
