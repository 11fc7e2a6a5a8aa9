"""Packing a tree into a reproducible tar.gz: the same content gives the same bytes.

Also a program of its own, run beside the build script: ``packing.py TREE TARGET``, with BUILD_PACKAGE_PATH,
BUILD_LIMIT and SOURCE_DATE_EPOCH in the environment. Standard library only.
"""

import gzip
import os
import posixpath
import stat
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

LEFT_OUT = ".git"
GLOB = frozenset("*?[")
# What the shell around us hands on, and the reason it stands for.
EXIT_CODES = {
    "package_empty": 3,
    "package_too_large": 4,
    "package_member_unfit": 5,
    "package_path_missing": 6,
}


class Unfit(Exception):
    """The tree, or an archive, cannot be a package. ``code`` is the reason, ``detail`` names the place."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class Bounded:
    """A file to write to that refuses to grow beyond ``limit`` bytes."""

    def __init__(self, target: BinaryIO, limit: int) -> None:
        self._target, self._left, self._limit = target, limit, limit

    def write(self, data: bytes) -> int:
        self._left -= len(data)
        if self._left < 0:
            raise Unfit("package_too_large", str(self._limit))
        return self._target.write(data)

    def flush(self) -> None:
        self._target.flush()


class Packer:
    """A tar.gz without traces of who packed it when: owner 0, one time, two modes. Names come sorted."""

    def __init__(self, target: BinaryIO, *, limit: int, time: int) -> None:
        self._time = time
        bounded = cast(BinaryIO, Bounded(target, limit))
        self._gzip = gzip.GzipFile(filename="", mode="wb", fileobj=bounded, mtime=0, compresslevel=6)
        # GNU, not PAX: busybox reads no PAX headers.
        self._tar = tarfile.TarFile(fileobj=self._gzip, mode="w", format=tarfile.GNU_FORMAT)

    def _member(self, name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
        member = tarfile.TarInfo(name)
        member.type, member.mode, member.mtime = kind, mode, self._time
        return member

    def add_folder(self, name: str) -> None:
        self._tar.addfile(self._member(name, tarfile.DIRTYPE, 0o755))

    def add_link(self, name: str, target: str) -> None:
        check_link(name, target)
        member = self._member(name, tarfile.SYMTYPE, 0o777)
        member.linkname = target
        self._tar.addfile(member)

    def add_file(self, name: str, source: BinaryIO, size: int, *, executable: bool) -> None:
        member = self._member(name, tarfile.REGTYPE, 0o755 if executable else 0o644)
        member.size = size
        self._tar.addfile(member, source)

    def close(self) -> None:
        self._tar.close()
        self._gzip.close()


def check_link(name: str, target: str) -> None:
    """A relative link may not lead out of the package; an absolute one is the host's business."""
    if not target or "\0" in target:
        raise Unfit("package_member_unfit", name)
    if target.startswith("/"):
        return
    landing = posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
    if landing == ".." or landing.startswith("../"):
        raise Unfit("package_member_unfit", name)


def pack(tree: Path, target: BinaryIO, *, patterns: str, limit: int, time: int) -> int:
    """Pack what ``patterns`` chooses of the tree; returns the number of files and links."""
    root, names = choose(tree, patterns)
    packer = Packer(target, limit=limit, time=time)
    count = 0
    for name in names:
        path = root / name
        facts = path.lstat()
        if stat.S_ISDIR(facts.st_mode):
            packer.add_folder(name)
            continue
        count += 1
        if stat.S_ISLNK(facts.st_mode):
            packer.add_link(name, os.readlink(path))
        elif stat.S_ISREG(facts.st_mode):
            with path.open("rb") as source:
                packer.add_file(name, source, facts.st_size, executable=bool(facts.st_mode & 0o111))
        else:
            raise Unfit("package_member_unfit", name)
    if count == 0:
        raise Unfit("package_empty")
    packer.close()
    return count


def choose(tree: Path, patterns: str) -> tuple[Path, list[str]]:
    """The folder that becomes the package's root, and the sorted names below it."""
    lines = [line.strip().rstrip("/") for line in patterns.splitlines() if line.strip()]
    if not lines or lines == ["."]:
        return tree, sorted(below(tree, ""))
    for line in lines:
        if line.startswith("/") or {"..", LEFT_OUT} & set(PurePosixPath(line).parts):
            raise Unfit("package_path_missing", line)
    alone = tree / lines[0]
    if len(lines) == 1 and not GLOB.intersection(lines[0]) and alone.is_dir():
        refuse_links(tree, PurePosixPath(lines[0]), whole=True)
        return alone, sorted(below(alone, ""))
    names: set[str] = set()
    for line in lines:
        found = [path.relative_to(tree) for path in tree.glob(line)]
        found = [path for path in found if LEFT_OUT not in path.parts and path.parts]
        if not found:
            raise Unfit("package_path_missing", line)
        for path in found:
            names |= whole(tree, PurePosixPath(path))
    return tree, sorted(names)


def whole(tree: Path, path: PurePosixPath) -> set[str]:
    """The path, the folders above it, and what lies below it."""
    refuse_links(tree, path, whole=False)
    names = {parent.as_posix() for parent in path.parents if parent.parts}
    names.add(path.as_posix())
    if (tree / path).is_dir() and not (tree / path).is_symlink():
        names |= set(below(tree / path, f"{path.as_posix()}/"))
    return names


def below(folder: Path, prefix: str) -> Iterator[str]:
    """Names of all that lies in the folder; links to folders are links, not ways."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name == LEFT_OUT:
                continue
            yield prefix + entry.name
            if entry.is_dir(follow_symlinks=False):
                yield from below(Path(entry.path), f"{prefix}{entry.name}/")


def refuse_links(tree: Path, path: PurePosixPath, *, whole: bool) -> None:
    """A pattern must not reach out of the tree through a link that lies in it."""
    for part in [*path.parents, *([path] if whole else [])]:
        if part.parts and (tree / part).is_symlink():
            raise Unfit("package_member_unfit", part.as_posix())


def main() -> int:
    tree, target = Path(sys.argv[1]), Path(sys.argv[2])
    draft = target.with_name(f"{target.name}.draft")
    try:
        with draft.open("wb") as file:
            count = pack(
                tree,
                file,
                patterns=os.environ.get("BUILD_PACKAGE_PATH", ""),
                limit=int(os.environ["BUILD_LIMIT"]),
                time=int(os.environ.get("SOURCE_DATE_EPOCH") or 0),
            )
    except Unfit as error:
        print(f"{error.code} {error.detail}", file=sys.stderr)
        return EXIT_CODES.get(error.code, 1)
    draft.rename(target)
    print(f"{count} files, {target.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
