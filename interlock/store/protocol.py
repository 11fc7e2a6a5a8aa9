"""What every kind of store can do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol


class StoreError(Exception):
    """The store could not do it. ``code``: store_full, store_name_unfit, store_missing, store_too_large,
    store_exists or store_unreachable."""

    def __init__(self, code: str, name: str, detail: str = "") -> None:
        super().__init__(f"{code}: {name}{f' ({detail})' if detail else ''}")
        self.code = code
        self.name = name


class Exists(StoreError):
    """The name is taken; what is there was not touched."""

    def __init__(self, name: str) -> None:
        super().__init__("store_exists", name)


@dataclass(frozen=True)
class Stored:
    """A file that is in the store whole and on the disk. ``sha256`` is hex, ``size`` bytes."""

    name: str
    size: int
    sha256: str


class Store(Protocol):
    """Files are written once, appear whole, and never change."""

    def put(self, name: str, source: BinaryIO, *, limit: int | None = None) -> Stored:
        """Copy ``source`` to its end; raise ``Exists``, never overwrite. ``limit`` is in bytes."""

    def put_bytes(self, name: str, data: bytes) -> Stored: ...

    def open(self, name: str) -> BinaryIO: ...

    def path(self, name: str) -> Path:
        """Where the file lies on this machine; only a folder store has that."""

    def read(self, name: str) -> bytes: ...

    def size(self, name: str) -> int: ...

    def describe(self, name: str) -> Stored:
        """Read the whole file and say what is really there."""

    def exists(self, name: str) -> bool: ...

    def delete(self, name: str) -> None:
        """Repeatable: a name that is not there is deleted already."""

    def names(self, prefix: str = "") -> Iterator[str]:
        """The files in the folder ``prefix`` and below it, in a steady order."""
