"""Some packages of a release's images replaced: the images are made again of the very packages that they were made of.

Patches add up: the next one begins with what the last one left, as long as the images of the base are the same.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from builder.apt import Archive, Package, architecture
from builder.assemble import Contents, write_release
from builder.declaration import ImageDeclaration
from builder.relations import Control, is_newer, read_control, unmet
from builder.tree import TreeError

DEBS, BASE = "debs", "base.json"

Packages = Mapping[str, Mapping[str, str]]
"""Versions of packages by image and name, as packages.json has them."""


def patch_release(
    release: str,
    base: ImageDeclaration,
    services: tuple[ImageDeclaration, ...],
    packages: Sequence[str],
    *,
    images: Path,
    cache: Path,
    output: Path,
    epoch: int,
) -> dict[str, Any]:
    """Build the images of `release` again into `output`, with other `packages`; return the content of images.json.

    A package is the path of its file, or `name=version`, which is fetched. `images` is the folder of the images that
    it is a patch to. Raises TreeError, AptError and DeclarationError: a package is in no image, is not newer, or does
    not get on with the others; `output` is as it was.
    """
    archive = Archive(release, cache)
    origin = (images / "images.json").read_text()
    patched = output / BASE
    goes_on = patched.is_file() and patched.read_text() == origin
    original: Packages = json.loads((images / "packages.json").read_text())
    former: Packages = json.loads((output / "packages.json").read_text()) if goes_on else original
    kept = {file.name: file for file in (output / DEBS).glob("*.deb")} if goes_on else {}

    given = [_file(word, archive) for word in packages]
    changed = {control.name: (control, deb) for control, deb in ((read_control(deb), deb) for deb in given)}
    _check_given([control for control, _ in changed.values()], original, former)

    def deb_of(package: Package) -> Path:
        control, deb = changed.get(package.name, (None, None))
        if control and deb and control.version == package.version:
            return deb
        return kept.get(_name_of(package.name, package.version)) or archive.deb(package)

    closures = {
        image: tuple(
            Package(name, changed[name][0].version if name in changed else version)
            for name, version in sorted(known.items())
        )
        for image, known in former.items()
    }
    skipped = {image.name: base.skip + image.skip for image in (base, *services)}
    controls: dict[Package, Control] = {}
    for image, closure in closures.items():
        controls |= {package: read_control(deb_of(package)) for package in closure if package not in controls}
        present = {package.name: controls[package] for package in closure}
        faults = list(unmet(changed.keys() & present.keys(), present, skipped[image]))
        if faults:
            raise TreeError(f"cannot patch {image}: {'; '.join(faults)}")
    place = output.with_name(output.name + ".patched")
    listing = write_release(release, base, services, Contents(closures, deb_of), output=place, epoch=epoch)
    (place / DEBS).mkdir()
    for name, deb in kept.items():
        shutil.copyfile(deb, place / DEBS / name)
    for name, (control, deb) in changed.items():
        shutil.copyfile(deb, place / DEBS / _name_of(name, control.version))
    (place / BASE).write_text(origin)
    shutil.rmtree(output, ignore_errors=True)
    place.rename(output)
    return listing


def _file(word: str, archive: Archive) -> Path:
    name, sign, version = word.partition("=")
    if Path(word).suffix == ".deb":
        return Path(word)
    if not sign:
        raise TreeError(f"cannot patch with {word}: it is neither a .deb file nor a name=version")
    archive.update()
    archive.fetch((Package(name, version),))
    return archive.deb(Package(name, version))


def _check_given(given: Iterable[Control], original: Packages, former: Packages) -> None:
    """Return if each package is newer than that of the base; the very one of the last patch may come again."""
    own = architecture()
    for control in given:
        name, version = control.name, control.version
        known = _versions(original, name), _versions(former, name)
        if not known[0]:
            raise TreeError(f"cannot patch with {name}: no image is made of it")
        if control.architecture not in {own, "all"}:
            raise TreeError(f"cannot patch with {name}: it is for {control.architecture}, the images are for {own}")
        older = {one for one in known[0] if not is_newer(version, one)}
        older |= {one for one in known[1] if one != version and not is_newer(version, one)}
        if older:
            raise TreeError(f"cannot patch with {name} {version}: the images have {max(older)}")


def _versions(packages: Packages, name: str) -> set[str]:
    return {versions[name] for versions in packages.values() if name in versions}


def _name_of(name: str, version: str) -> str:
    return f"{name}_{version.replace(':', '%3a')}.deb"
