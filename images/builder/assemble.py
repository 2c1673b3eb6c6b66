"""One release, from declarations to an OCI layout: resolve, download, select, lay on the base, write."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from builder.apt import Archive, Package, architecture
from builder.declaration import DeclarationError, Folder, ImageDeclaration, User
from builder.layout import Layer, Layout
from builder.pyc import compile_tree
from builder.records import PackageRecord, read_record, record_files, recorded, sources_of
from builder.sbom import sbom
from builder.tree import MERGED, Entry, Kind, Tree, canonical, difference, from_folder, select, unpack, with_parents

ROOT = User("root", 0, 0, "/root")
NOBODY = User("nobody", 65534, 65534, "/nonexistent")


def build_release(
    release: str,
    base: ImageDeclaration,
    services: tuple[ImageDeclaration, ...],
    *,
    cache: Path,
    output: Path,
    epoch: int,
) -> dict[str, Any]:
    """Build every image of `release` into `output`, which is replaced as a whole; return the content of images.json.

    Raises AptError, TreeError and DeclarationError: an image cannot be built; `output` is as it was.
    """
    archive = Archive(release, cache)
    archive.update()
    packages = {image.name: archive.closure(image.packages, base.skip + image.skip) for image in (base, *services)}
    wanted = {package for closure in packages.values() for package in closure}
    archive.fetch(tuple(sorted(wanted, key=lambda package: package.name)))
    return write_release(release, base, services, Contents(packages, archive.deb), output=output, epoch=epoch)


class Contents:
    """The packages that images are made of: `closures` has those of each image, `deb` the file of each."""

    def __init__(self, closures: Mapping[str, tuple[Package, ...]], deb: Callable[[Package], Path]) -> None:
        self.closures, self._deb = closures, deb
        self._trees: dict[Package, Tree] = {}
        self._records: dict[Package, PackageRecord] = {}

    def tree(self, image: str) -> Tree:
        """Return the files of all packages of an image."""
        merged: Tree = {}
        for tree in self._unpacked(image).values():
            merged.update(tree)
        return merged

    def records(self, image: str, chosen: Iterable[str]) -> tuple[PackageRecord, ...]:
        """Return the records of the packages of an image that the chosen paths come from."""
        trees = self._unpacked(image)
        for package in sources_of(chosen, self.closures[image], trees):
            if package not in self._records:
                self._records[package] = read_record(package, self._deb(package), trees)
        return tuple(self._records[package] for package in sources_of(chosen, self.closures[image], trees))

    def recorded(self, tree: Tree) -> tuple[PackageRecord, ...]:
        """Return the records of the packages that an image's tree says are in it."""
        by_name = {record.name: record for record in self._records.values()}
        return tuple(by_name[name] for name in recorded(tree))

    def _unpacked(self, image: str) -> dict[str, Tree]:
        for package in self.closures[image]:
            if package not in self._trees:
                self._trees[package] = unpack(self._deb(package))
        return {package.name: self._trees[package] for package in self.closures[image]}


def write_release(
    release: str,
    base: ImageDeclaration,
    services: tuple[ImageDeclaration, ...],
    contents: Contents,
    *,
    output: Path,
    epoch: int,
) -> dict[str, Any]:
    """Write every image of `release`, made of `contents`, into `output`, which is replaced as a whole.

    Returns the content of images.json. Raises as `build_release` does.
    """
    work = output.with_name(output.name + ".new")
    shutil.rmtree(work, ignore_errors=True)
    layout = Layout(work / "oci", epoch)
    (work / "sboms").mkdir()
    base_tree = _base_tree(base, contents)
    base_layer = layout.add_layer(base_tree)
    listing: dict[str, Any] = {}
    for image in services:
        tree = _image_tree(base, image, base_tree, contents)
        layers = (base_layer, layout.add_layer(difference(tree, base_tree)))
        version = _version(image, contents.closures[image.name])
        reference = f"{image.name}:{re.sub(r'[^A-Za-z0-9_.-]', '-', version)}"  # a tag takes no other characters
        config, manifest = layout.add_image(reference, layers, architecture(), _run_options(base, image, version))
        listing[image.name] = _facts(config, manifest, version, layers)
        document = sbom(image.name, version, config, release, contents.recorded(tree), epoch)
        (work / "sboms" / f"{image.name}.json").write_bytes(document)
    layout.close()
    (work / "images.json").write_text(json.dumps(listing, indent=2, sort_keys=True) + "\n")
    used = {name: {package.name: package.version for package in closure} for name, closure in contents.closures.items()}
    (work / "packages.json").write_text(json.dumps(used, indent=2, sort_keys=True) + "\n")
    shutil.rmtree(output, ignore_errors=True)
    work.rename(output)
    return listing


def _base_tree(base: ImageDeclaration, contents: Contents) -> Tree:
    chosen = select(contents.tree(base.name), base.keep, base.drop)
    tree = chosen | from_folder(base.files) | _accounts(base.users, base.groups)
    tree |= _folders(base.folders, base.users) | _links(base.links) | record_files(contents.records(base.name, chosen))
    # Some releases ship these links in a package, some make them in a maintainer script; here they always are the same.
    tree = with_parents(tree | {"usr/bin": Entry(Kind.FOLDER), "usr/sbin": Entry(Kind.FOLDER)})
    return tree | {name: Entry(Kind.LINK, 0o777, target=f"usr/{name}") for name in MERGED if f"usr/{name}" in tree}


def _image_tree(base: ImageDeclaration, image: ImageDeclaration, base_tree: Tree, contents: Contents) -> Tree:
    chosen = select(contents.tree(image.name), image.keep, base.drop + image.drop)
    tree = base_tree | chosen | from_folder(image.files) | record_files(contents.records(image.name, chosen))
    tree |= _accounts(base.users + image.users, base.groups + image.groups) | _folders(image.folders, image.users)
    tree = with_parents(tree | _links(image.links))
    return compile_tree(tree) if image.compile_python else tree


def _accounts(users: tuple[User, ...], groups: tuple[tuple[str, int], ...]) -> Tree:
    everyone = (ROOT, *users, NOBODY)
    passwd = "".join(f"{user.name}:x:{user.uid}:{user.gid}::{user.home}:/usr/sbin/nologin\n" for user in everyone)
    named = [(user.name if user is not NOBODY else "nogroup", user.gid) for user in everyone] + list(groups)
    group = "".join(f"{name}:x:{gid}:\n" for name, gid in named)
    return {
        "etc/passwd": Entry(Kind.FILE, 0o644, content=passwd.encode()),
        "etc/group": Entry(Kind.FILE, 0o644, content=group.encode()),
    }


def _folders(folders: tuple[Folder, ...], users: tuple[User, ...]) -> Tree:
    known = {user.name: user for user in (ROOT, NOBODY, *users)}
    for folder in folders:
        if folder.owner not in known:
            raise DeclarationError(f"cannot make {folder.path}: its owner {folder.owner} is not declared")
    return {
        canonical(folder.path): Entry(Kind.FOLDER, folder.mode, known[folder.owner].uid, known[folder.owner].gid)
        for folder in folders
    }


def _links(links: tuple[tuple[str, str], ...]) -> Tree:
    return {canonical(path): Entry(Kind.LINK, 0o777, target=target) for path, target in links}


def _version(image: ImageDeclaration, packages: tuple[Package, ...]) -> str:
    if image.version is None:
        raise DeclarationError(f"cannot build image {image.name}: it does not say which package gives its version")
    for package in packages:
        if package.name == image.version.package:
            upstream = re.match(r"(?:\d+:)?(\d+\.\d+)", package.version)
            return image.version.pattern.format(
                full=package.version, minor=upstream[1] if upstream else package.version
            )
    raise DeclarationError(f"cannot build image {image.name}: package {image.version.package} is not part of it")


def _run_options(base: ImageDeclaration, image: ImageDeclaration, version: str) -> dict[str, Any]:
    labels = {"org.opencontainers.image.title": image.name, "org.opencontainers.image.version": version}
    environment = dict(base.environment) | dict(image.environment)
    options: dict[str, Any] = {
        "Env": [f"{key}={value}" for key, value in sorted(environment.items())],
        "Cmd": list(image.command),
        "WorkingDir": "/",
        "Labels": labels,
    }
    user = next((user for user in image.users if user.name == image.run_as), None)
    return options | {"User": f"{user.uid}:{user.gid}"} if user else options


def _facts(config: str, manifest: str, version: str, layers: tuple[Layer, ...]) -> dict[str, Any]:
    return {
        "image": config,
        "manifest": manifest,
        "version": version,
        "size": sum(layer.size for layer in layers),
        "layers": [layer.digest for layer in layers],
        "own_size": layers[-1].size,
    }
