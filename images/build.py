#!/usr/bin/env python3
"""Builds the container images of one or more Debian releases: `build.py --release bookworm --output build/images`.

Nothing runs inside an image while it is built and no package is installed: the files an image declares, and the
libraries those need, are taken out of Debian's packages. So the same packages give the same bytes, and one machine
can build for any release. `--refresh` looks for newer packages (security updates); without it an output whose
inputs are unchanged is left alone.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

IMAGES = Path(__file__).resolve().parent
sys.path.insert(0, str(IMAGES))

from builder.apt import AptError  # noqa: E402
from builder.assemble import build_release  # noqa: E402
from builder.declaration import DeclarationError, read_all  # noqa: E402
from builder.tree import TreeError, is_leftover  # noqa: E402

EPOCH = 1735689600  # 2025-01-01, the time of every file unless SOURCE_DATE_EPOCH says otherwise


def main() -> int:
    """Build what is not up to date and print one line per image."""
    parser = argparse.ArgumentParser(description="Build container images from Debian packages.")
    parser.add_argument("--release", action="append", required=True, help="Debian codename; may be given several times")
    parser.add_argument(
        "--images",
        action="append",
        type=Path,
        help="folder with one folder per image [default: this one]; base is always this one's",
    )
    parser.add_argument("--output", type=Path, required=True, help="folder that gets one folder per release")
    parser.add_argument("--cache", type=Path, help="folder for downloaded packages [default: .cache in the output]")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="releases built at the same time")
    parser.add_argument("--refresh", action="store_true", help="build again, from the newest packages")
    options = parser.parse_args()
    images = tuple(folder.resolve() for folder in options.images or (IMAGES,))
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH") or EPOCH)
    try:
        with ProcessPoolExecutor(min(options.jobs, len(options.release))) as pool:
            work = [
                pool.submit(build, release, images, options.output, epoch, options.refresh, options.cache)
                for release in options.release
            ]
            for job in work:
                print(job.result(), flush=True)
    except (AptError, DeclarationError, TreeError) as error:
        print(f"build.py: {error}", file=sys.stderr)
        return 1
    return 0


def build(
    release: str, images: Sequence[Path], output: Path, epoch: int, refresh: bool, cache: Path | None = None
) -> str:
    """Build the images of one release, unless its stamp shows that nothing changed; return lines for the user.

    Raises AptError, DeclarationError and TreeError: an image cannot be built; `output` is as it was.
    """
    started = time.monotonic()
    folder, stamp = output / release, _stamp(release, images, epoch)
    record = folder / "stamp"
    if not refresh and record.is_file() and record.read_text() == stamp:
        return f"{release}: up to date"
    output.mkdir(parents=True, exist_ok=True)
    base, services = read_all(IMAGES / "base", images)
    listing = build_release(
        release, base, services, cache=(cache or output / ".cache") / release, output=folder, epoch=epoch
    )
    record.write_text(stamp)
    lines = [f"{release}: built in {time.monotonic() - started:.1f} s"]
    for name, facts in sorted(listing.items()):
        lines.append(f"  {name:16} {facts['version']:28} {facts['size'] / 1e6:6.1f} MB {facts['image'][7:19]}")
    return "\n".join(lines)


def _stamp(release: str, images: Sequence[Path], epoch: int) -> str:
    """Return a digest of everything that an image is made of but the packages."""
    summary = hashlib.sha256(f"{release} {epoch}".encode())
    for place in (IMAGES, *(folder for folder in images if folder != IMAGES)):
        for path in sorted(place.rglob("*")):
            if path.is_file() and not is_leftover(path.relative_to(place)):
                executable = bool(path.stat().st_mode & 0o100)
                summary.update(
                    f"{path.relative_to(place)} {executable} ".encode() + hashlib.sha256(path.read_bytes()).digest()
                )
    return summary.hexdigest()


if __name__ == "__main__":
    sys.exit(main())
