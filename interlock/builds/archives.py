"""Uploads from strangers: looked through before anything of them is kept.

Nothing is ever unpacked here. A tar.gz is kept as it is; a tar or zip is packed anew, so that hosts need
only one way to unpack.
"""

from __future__ import annotations

import gzip
import io
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from interlock.builds.packing import Packer, Unfit, check_link

MEMBER_LIMIT = 100_000
# A header of a tar (a long name, say) is read into memory at once.
HEADER_LIMIT = 1 << 20
ZIP_DIRECTORY_LIMIT = 32 << 20
# Programs and texts seldom shrink to a hundredth; small archives of small files may.
RATIO_LIMIT, RATIO_FREE = 200, 100 << 20
_NAME = re.compile(r"[^\x00-\x1f\x7f\\]{1,1024}")


@dataclass(frozen=True)
class Member:
    name: str
    kind: str  # folder, file, link (symbolic) or twin (hard link)
    size: int = 0
    target: str = ""
    executable: bool = False
    content: BinaryIO | None = None


class Sieve:
    """Lets members through one by one; keeps count of what they would come to when unpacked."""

    def __init__(self, limit: int) -> None:
        self._left = limit
        self._limit = limit
        self._kinds: dict[str, str] = {}

    def check(self, member: Member) -> None:
        self._check_place(member)
        if member.kind == "link":
            check_link(member.name, member.target)
        elif member.kind == "twin" and self._kinds.get(plain_name(member.target)) != "file":
            raise Unfit("package_member_unfit", member.name)
        self._left -= member.size
        if self._left < 0:
            raise Unfit("package_bomb", str(self._limit))
        self._kinds[member.name] = member.kind
        if len(self._kinds) > MEMBER_LIMIT:
            raise Unfit("package_bomb", str(MEMBER_LIMIT))

    def _check_place(self, member: Member) -> None:
        known = self._kinds.get(member.name)
        if known is not None and (known, member.kind) != ("folder", "folder"):
            raise Unfit("package_member_twice", member.name)
        parts = member.name.split("/")
        for depth in range(1, len(parts)):
            above = "/".join(parts[:depth])
            # Through a link a member would land wherever the link points.
            if self._kinds.setdefault(above, "folder") != "folder":
                raise Unfit("package_member_unfit", member.name)

    def finish(self) -> None:
        if not any(kind != "folder" for kind in self._kinds.values()):
            raise Unfit("package_empty")


def plain_name(name: str) -> str:
    """The name as a relative path, or ``Unfit``; "" for the root itself."""
    if name.startswith("/") or not _NAME.fullmatch(name):
        raise Unfit("package_member_unfit", name[:100])
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise Unfit("package_member_unfit", name[:100])
    return "/".join(parts)


def prepare(upload: Path, target: Path, *, limit: int) -> Path:
    """Check the upload; the file to keep is the upload itself, or ``target``, packed from it."""
    size = upload.stat().st_size
    unpacked = min(4 * limit, RATIO_FREE + RATIO_LIMIT * size)
    with upload.open("rb") as source, _readable():
        start = source.read(512)
        source.seek(0)
        if start.startswith(b"\x1f\x8b"):
            with gzip.GzipFile(fileobj=source) as plain:
                _look_through(_tar_members(Metered(cast(BinaryIO, plain), unpacked)), unpacked)
            return upload
        if start.startswith(b"PK\x03\x04"):
            _repack(_zip_members(source, size), target, unpacked, limit)
        elif start[257:262] == b"ustar":
            _repack(_tar_members(Metered(source, unpacked)), target, unpacked, limit)
        else:
            raise Unfit("package_unreadable", "not a tar.gz, tar or zip")
    return target


@contextmanager
def _readable() -> Iterator[None]:
    """Whatever the libraries say about broken archives, in one word."""
    broken = (tarfile.TarError, zipfile.BadZipFile, zlib.error, gzip.BadGzipFile, EOFError, struct.error)
    try:
        yield
    except (*broken, UnicodeError, ValueError, NotImplementedError, RuntimeError) as error:
        raise Unfit("package_unreadable", str(error)[:100]) from error


def _look_through(members: Iterator[Member], unpacked: int) -> None:
    sieve = Sieve(unpacked)
    for member in members:
        sieve.check(member)
    sieve.finish()


def _repack(members: Iterator[Member], target: Path, unpacked: int, limit: int) -> None:
    sieve = Sieve(unpacked)
    with target.open("wb") as file:
        packer = Packer(file, limit=limit, time=0)
        for member in members:
            sieve.check(member)
            if member.kind == "folder":
                packer.add_folder(member.name)
            elif member.kind == "link":
                packer.add_link(member.name, member.target)
            elif member.kind == "file" and member.content is not None:
                packer.add_file(member.name, member.content, member.size, executable=member.executable)
            else:
                raise Unfit("package_member_unfit", member.name)
        sieve.finish()
        packer.close()


class Metered(io.RawIOBase):
    """A stream that is read forward once and ends a bomb at ``limit`` bytes."""

    def __init__(self, source: BinaryIO, limit: int) -> None:
        # Headers and the padding of small members are not content: half a kilobyte each, and long names.
        self._source, self._left, self._at = source, limit + MEMBER_LIMIT * 2048, 0

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= HEADER_LIMIT:
            raise Unfit("package_bomb", str(HEADER_LIMIT))
        data = self._source.read(size)
        self._at += len(data)
        self._left -= len(data)
        if self._left < 0:
            raise Unfit("package_bomb", "")
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence != io.SEEK_SET or offset < self._at:
            raise Unfit("package_unreadable", "seek")
        while self._at < offset:
            if not self.read(min(offset - self._at, HEADER_LIMIT)):
                break
        return self._at


def _tar_members(source: Metered) -> Iterator[Member]:
    with tarfile.open(fileobj=cast(BinaryIO, source), mode="r:", errorlevel=2) as archive:
        while (entry := archive.next()) is not None:
            archive.members = []  # type: ignore[attr-defined]  # the library keeps them all, and so would a bomb of members
            name = plain_name(entry.name)
            if name:
                yield _tar_member(archive, entry, name)
    # Behind the end there may be padding; a second archive or a bomb there is read by some tars.
    while source.read(HEADER_LIMIT):
        pass


def _tar_member(archive: tarfile.TarFile, entry: tarfile.TarInfo, name: str) -> Member:
    if entry.isdir():
        return Member(name, "folder")
    if entry.issym():
        return Member(name, "link", target=entry.linkname)
    if entry.islnk():
        return Member(name, "twin", target=entry.linkname)
    if not entry.isreg() or entry.issparse():
        raise Unfit("package_member_unfit", name)
    content = cast(BinaryIO, archive.extractfile(entry))
    return Member(name, "file", entry.size, executable=bool(entry.mode & 0o111), content=content)


def _zip_members(source: BinaryIO, size: int) -> Iterator[Member]:
    _check_zip_directory(source, size)
    with zipfile.ZipFile(source) as archive:
        for entry in archive.infolist():
            name = plain_name(entry.filename)
            mode = entry.external_attr >> 16
            if entry.flag_bits & 1:
                raise Unfit("package_unreadable", "encrypted")
            if entry.is_dir():
                if name:
                    yield Member(name, "folder")
            elif stat.S_ISLNK(mode):
                if entry.file_size > 4096:
                    raise Unfit("package_member_unfit", name)
                yield Member(name, "link", target=archive.read(entry).decode())
            elif stat.S_IFMT(mode) not in (0, stat.S_IFREG):
                raise Unfit("package_member_unfit", name)
            else:
                with archive.open(entry) as content:
                    executable = bool(mode & 0o111)
                    yield Member(name, "file", entry.file_size, "", executable, cast(BinaryIO, content))


def _check_zip_directory(source: BinaryIO, size: int) -> None:
    """The list of members is read into memory at once: not more of it than is sane."""
    tail = min(size, 65_557)  # the end record, with the longest comment
    source.seek(size - tail)
    end = source.read(tail)
    at = end.rfind(b"PK\x05\x06")
    if at < 0 or len(end) < at + 22:
        raise Unfit("package_unreadable", "no end record")
    count, length = struct.unpack("<HI", end[at + 10 : at + 16])
    if length > ZIP_DIRECTORY_LIMIT or count == 0xFFFF:
        raise Unfit("package_bomb", str(MEMBER_LIMIT))
    source.seek(0)
