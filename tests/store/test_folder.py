"""The folder store: write-once files that stay inside."""

import hashlib
import io
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from interlock.store import Exists, Store, StoreError, open_store

NAME = "shop/17/shop-1.0.tar.gz"
UNFIT = [
    "",
    "/",
    "/etc/passwd",
    "..",
    "../x",
    "a/../b",
    "a/./b",
    "a//b",
    "a/",
    "/a",
    ".hidden",
    "a/.draft-1",
    "a/b..c",
    "a b",
    "a\nb",
    "a\0b",
    "a\\b",
    "-rf",
    "ä",
    "~root",
    "x" * 129,
    "/".join(["x" * 100] * 3),
]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(f"file://{tmp_path}/store")


def test_what_is_put_is_read_back_with_its_digest(store: Store) -> None:
    data = os.urandom(3_000_000)
    stored = store.put(NAME, io.BytesIO(data))
    assert (stored.name, stored.size, stored.sha256) == (NAME, len(data), hashlib.sha256(data).hexdigest())
    assert store.read(NAME) == data
    assert store.path(NAME).read_bytes() == data
    assert store.size(NAME) == len(data)
    assert store.describe(NAME) == stored
    assert store.exists(NAME)


def test_a_name_is_written_once(store: Store) -> None:
    store.put_bytes(NAME, b"first")
    with pytest.raises(Exists):
        store.put_bytes(NAME, b"second")
    assert store.read(NAME) == b"first"


def test_a_deleted_name_is_gone_and_free_again(store: Store) -> None:
    store.put_bytes(NAME, b"first")
    store.delete(NAME)
    store.delete(NAME)
    assert not store.exists(NAME)
    store.put_bytes(NAME, b"second")
    assert store.read(NAME) == b"second"


@pytest.mark.parametrize("name", UNFIT)
def test_unfit_names_are_refused_by_every_verb(store: Store, name: str) -> None:
    verbs: list[Callable[[], object]] = [
        lambda: store.put_bytes(name, b"x"),
        lambda: store.open(name),
        lambda: store.path(name),
        lambda: store.delete(name),
        lambda: store.exists(name),
        lambda: store.size(name),
    ]
    for verb in verbs:
        with pytest.raises(StoreError) as refused:
            verb()
        assert refused.value.code == "store_name_unfit"


def test_missing_files_say_so(store: Store) -> None:
    store.put_bytes("shop/1/a", b"x")
    for name in ("shop/2/a", "shop/1", "shop/1/a/b", "other"):
        with pytest.raises(StoreError) as refused:
            store.read(name)
        assert refused.value.code == "store_missing"
        assert not store.exists(name)


def test_symbolic_links_lead_nowhere(store: Store, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    store.put_bytes("shop/1/a", b"x")
    root = tmp_path / "store"
    (root / "way").symlink_to(outside)
    (root / "shop" / "file").symlink_to(outside / "secret")
    (root / "shop" / "dangling").symlink_to(outside / "new")

    for name in ("way/secret", "shop/file"):
        with pytest.raises(StoreError):
            store.read(name)
        with pytest.raises(StoreError):
            store.path(name)
    for name in ("way/new", "shop/dangling", "shop/file"):
        with pytest.raises(StoreError):
            store.put_bytes(name, b"planted")
    store.delete("way/secret")
    assert [path.name for path in outside.iterdir()] == ["secret"]
    assert (outside / "secret").read_text() == "secret"
    assert list(store.names()) == ["shop/1/a"]
    assert list(store.names("way")) == []


def test_a_fifo_is_not_read(store: Store, tmp_path: Path) -> None:
    store.put_bytes("shop/1/a", b"x")
    os.mkfifo(tmp_path / "store" / "shop" / "pipe")
    with pytest.raises(StoreError):
        store.read("shop/pipe")
    assert list(store.names("shop")) == ["shop/1/a"]


def test_names_are_listed_by_folder(store: Store) -> None:
    for name in ("shop/2/b", "shop/1/b", "shop/1/a", "shopping/1/a", "top"):
        store.put_bytes(name, b"x")
    assert list(store.names("shop")) == ["shop/1/a", "shop/1/b", "shop/2/b"]
    assert list(store.names("shop/1/")) == ["shop/1/a", "shop/1/b"]
    assert list(store.names("none")) == []
    assert sorted(store.names()) == ["shop/1/a", "shop/1/b", "shop/2/b", "shopping/1/a", "top"]


def test_more_than_the_limit_leaves_nothing(store: Store, tmp_path: Path) -> None:
    with pytest.raises(StoreError) as refused:
        store.put(NAME, io.BytesIO(b"x" * 101), limit=100)
    assert refused.value.code == "store_too_large"
    assert files_in(tmp_path) == []
    assert store.put(NAME, io.BytesIO(b"x" * 100), limit=100).size == 100


def test_a_source_that_breaks_leaves_nothing(store: Store, tmp_path: Path) -> None:
    class Broken(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def read(self, size: int = -1) -> bytes:
            raise ConnectionResetError("the browser went away")

    with pytest.raises(StoreError):
        store.put(NAME, Broken())  # type: ignore[arg-type]
    assert files_in(tmp_path) == []


def test_of_many_writers_one_wins_and_the_others_are_told(store: Store) -> None:
    count = 8
    together = threading.Barrier(count)
    results: list[str] = []

    class Meeting(io.BytesIO):
        """Every writer has passed the first look at the name before one of them ends."""

        met = False

        def read(self, size: int | None = -1, /) -> bytes:
            if not self.met:
                self.met = True
                together.wait()
            return super().read(size)

    def write(number: int) -> None:
        source: BinaryIO = Meeting(str(number).encode() * 1000)
        try:
            results.append(store.put(NAME, source).sha256)
        except Exists:
            results.append("exists")

    threads = [threading.Thread(target=write, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results)[1:] == ["exists"] * (count - 1)
    assert hashlib.sha256(store.read(NAME)).hexdigest() == min(results)


def test_drafts_of_dead_processes_are_cleared_away(store: Store, tmp_path: Path) -> None:
    store.put_bytes("shop/1/a", b"x")
    folder = tmp_path / "store" / "shop" / "1"
    old, young = folder / ".draft-old", folder / ".draft-young"
    old.write_text("half")
    young.write_text("half")
    os.utime(old, (time.time() - 100_000,) * 2)
    store.put_bytes("shop/1/b", b"x")
    assert not old.exists()
    assert young.exists()
    assert list(store.names()) == ["shop/1/a", "shop/1/b"]


@pytest.mark.parametrize("url", ["", "/tmp/x", "file://host/x", "file:relative", "http://x/y", "s3://bucket"])
def test_only_folders_can_be_opened(url: str) -> None:
    with pytest.raises(ValueError, match="folder"):
        open_store(url)


def files_in(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if not path.is_dir()]
