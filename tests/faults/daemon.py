"""The daemon as it ships, with fault points armed and a clock moved by files beside its settings."""

from __future__ import annotations

import sys
from pathlib import Path

from supervisor.surface.assembly import SystemClock
from supervisor.surface.daemon import serve
from supervisor.surface.log_format import configure_logging
from supervisor.surface.settings_file import read_settings
from tests.faults.injection import FaultInjector

FAULT_FILE = "fault"
CLOCK_FILE = "clock"


class MovedClock(SystemClock):
    """The machine's clock and as many seconds more as a file says. What is monotonic does not jump."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def now(self) -> float:
        return super().now() + self._offset()

    def _offset(self) -> float:
        try:
            return float(self._file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return 0.0


def main(path: Path) -> None:
    configure_logging("info")
    points, clock = FaultInjector(path.with_name(FAULT_FILE)), MovedClock(path.with_name(CLOCK_FILE))
    serve(read_settings(path), fault_points=points, clock=clock)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
