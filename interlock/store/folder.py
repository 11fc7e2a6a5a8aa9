"""A store in a folder of this machine, or on a file system that several share."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from interlock.store.names import check_name
from interlock.store.protocol import Exists, Stored, StoreError

CHUNK = 1 << 20
DRAFT = ".draft-"  # no name begins with a dot
# A draft nobody wrote to for a day belongs to a process that is dead.
DRAFT_SECONDS = 24 * 3600
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class FolderStore:
    """Every step into the tree is taken from an open folder and follows no symbolic link, so that
    whoever can write into one part of the tree cannot lead a write, a read or a delete out of it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True, mode=0o700)

    def put(self, name: str, source: BinaryIO, *, limit: int | None = None) -> Stored:
        *folders, last = check_name(name)
        with self._errors(name), self._folder(folders, make=True) as folder:
            if _is_there(last, folder):
                raise Exists(name)
            _forget_drafts(folder)
            draft = f"{DRAFT}{secrets.token_hex(8)}"
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640, dir_fd=folder)
            try:
                with os.fdopen(handle, "wb") as target:
                    stored = _copy(name, source, target, limit)
                # link, not rename: of two writers of one name the second is told, and nothing is replaced.
                os.link(draft, last, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(draft, dir_fd=folder)
            os.fsync(folder)
        return stored

    def put_bytes(self, name: str, data: bytes) -> Stored:
        return self.put(name, io.BytesIO(data), limit=None)

    def open(self, name: str) -> BinaryIO:
        *folders, last = check_name(name)
        with self._errors(name), self._folder(folders) as folder:
            handle = os.open(last, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=folder)
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                os.close(handle)
                raise StoreError("store_missing", name)
            return os.fdopen(handle, "rb")

    def path(self, name: str) -> Path:
        self.size(name)
        return self.root.joinpath(*check_name(name))

    def read(self, name: str) -> bytes:
        with self.open(name) as source:
            return source.read()

    def size(self, name: str) -> int:
        with self.open(name) as source:
            return os.fstat(source.fileno()).st_size

    def describe(self, name: str) -> Stored:
        digest, size = hashlib.sha256(), 0
        with self.open(name) as source, self._errors(name):
            while chunk := source.read(CHUNK):
                digest.update(chunk)
                size += len(chunk)
        return Stored(name, size, digest.hexdigest())

    def exists(self, name: str) -> bool:
        try:
            self.open(name).close()
        except StoreError as error:
            if error.code == "store_missing":
                return False
            raise
        return True

    def delete(self, name: str) -> None:
        """The folders stay: another writer may be on its way into them."""
        *folders, last = check_name(name)
        try:
            with self._errors(name), self._folder(folders) as folder:
                os.unlink(last, dir_fd=folder)
        except StoreError as error:
            if error.code != "store_missing":
                raise

    def names(self, prefix: str = "") -> Iterator[str]:
        segments = list(check_name(prefix.rstrip("/"))) if prefix else []
        try:
            with self._errors(prefix), self._folder(segments) as start:
                for below, folders, files, handle in os.fwalk(".", dir_fd=start):
                    folders.sort()
                    for file in sorted(files):
                        if not file.startswith(".") and _is_file(file, handle):
                            yield "/".join([*segments, *Path(below).parts, file])
        except StoreError as error:
            if error.code != "store_missing":
                raise

    @contextmanager
    def _folder(self, segments: list[str], *, make: bool = False) -> Iterator[int]:
        """An open folder below the root."""
        handle = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for segment in segments:
                if make:
                    with suppress(FileExistsError):
                        os.mkdir(segment, 0o750, dir_fd=handle)
                        os.fsync(handle)
                below = os.open(segment, _FOLDER, dir_fd=handle)
                os.close(handle)
                handle = below
            yield handle
        finally:
            os.close(handle)

    @contextmanager
    def _errors(self, name: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in _FULL:
                raise StoreError("store_full", name) from error
            if error.errno == errno.EEXIST:
                raise Exists(name) from None
            # A symbolic link, or a file where a folder should be, is nothing of ours.
            if error.errno in (errno.ENOENT, errno.ELOOP, errno.ENOTDIR, errno.ENXIO):
                raise StoreError("store_missing", name) from None
            raise StoreError("store_unreachable", name, error.strerror or "") from error


def _copy(name: str, source: BinaryIO, target: BinaryIO, limit: int | None) -> Stored:
    digest, size = hashlib.sha256(), 0
    while chunk := source.read(CHUNK):
        size += len(chunk)
        if limit is not None and size > limit:
            raise StoreError("store_too_large", name, f"more than {limit} bytes")
        digest.update(chunk)
        target.write(chunk)
    target.flush()
    os.fsync(target.fileno())
    return Stored(name, size, digest.hexdigest())


def _is_there(name: str, folder: int) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _is_file(name: str, folder: int) -> bool:
    with suppress(FileNotFoundError):
        return stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    return False


def _forget_drafts(folder: int) -> None:
    for name in os.listdir(folder):
        if name.startswith(DRAFT):
            with suppress(FileNotFoundError):
                if time.time() - os.stat(name, dir_fd=folder, follow_symlinks=False).st_mtime > DRAFT_SECONDS:
                    os.unlink(name, dir_fd=folder)
