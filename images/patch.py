#!/usr/bin/env python3
"""Builds the images of a Debian release again with other packages: `patch.py --release bookworm PACKAGE...`.

A package is the path of a .deb, or name=version. The other packages stay those that the images were built of, whatever
is newest by now. `make patch` makes a signed delta bundle of the result.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

IMAGES = Path(__file__).resolve().parent
sys.path.insert(0, str(IMAGES))

from builder.apt import AptError  # noqa: E402
from builder.declaration import DeclarationError, read_all  # noqa: E402
from builder.patching import patch_release  # noqa: E402
from builder.tree import TreeError  # noqa: E402

EPOCH = 1735689600  # as in build.py


def main() -> int:
    """Build the patched images and print those that changed."""
    parser = argparse.ArgumentParser(description="Build container images again with other packages.")
    parser.add_argument("packages", nargs="+", metavar="PACKAGE", help="path of a .deb, or name=version")
    parser.add_argument("--release", required=True, help="Debian codename")
    parser.add_argument("--images", type=Path, required=True, help="folder of the images to patch, of this release")
    parser.add_argument("--cache", type=Path, required=True, help="folder of the packages they were built of")
    parser.add_argument("--output", type=Path, required=True, help="folder that gets the patched images")
    options = parser.parse_args()
    started = time.monotonic()
    try:
        base, services = read_all(IMAGES / "base", (IMAGES,))
        listing = patch_release(
            options.release,
            base,
            services,
            options.packages,
            images=options.images,
            cache=options.cache,
            output=options.output,
            epoch=int(os.environ.get("SOURCE_DATE_EPOCH") or EPOCH),
        )
    except (AptError, DeclarationError, TreeError, OSError) as error:
        print(f"patch.py: {error}", file=sys.stderr)
        return 1
    print(f"{options.release}: patched in {time.monotonic() - started:.1f} s")
    for name, facts in sorted(listing.items()):
        print(f"  {name:16} {facts['version']:28} {facts['image'][7:19]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
