"""`python -m lab.vm [COMMAND...]`: run a command inside the machine, by default its tests; its exit status is ours."""

from __future__ import annotations

import sys

from lab.services import takeovers
from lab.tools import LabError
from lab.vm import bundles, kernel
from lab.vm.machine import main

TESTS = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", "--color=no", "tests/vm")

if __name__ == "__main__":
    try:
        if len(sys.argv) == 1:
            kernel.ensure()
            bundles.write(*takeovers())  # the kernel takes part in their hand-overs
            print("booting a virtual machine with emulated processors; its tests take some minutes", flush=True)
        sys.exit(main(sys.argv[1:] or [sys.executable, "-u", *TESTS]))
    except LabError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
