"""The image builder is a program of its own beside the package; its modules are found in `images/`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "images"))
