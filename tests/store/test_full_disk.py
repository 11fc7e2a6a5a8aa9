"""A disk that is full, really."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from interlock.store import StoreError, open_store

MEGABYTE = 1 << 20

LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))
from interlock.store import StoreError, open_store
store = open_store(sys.argv[1])
store.put_bytes("shop/1/small", b"x" * 1_000_000)
try:
    store.put_bytes("shop/2/large", b"x" * 3_000_000)
except StoreError as error:
    print(error.code)
print(list(store.names()))
"""


def test_a_file_that_cannot_grow_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    url = f"file://{tmp_path}/store"
    command = [sys.executable, "-c", LIMITED, url]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines() == ["store_full", "['shop/1/small']"]
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["small"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("mounting a small disk needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_named_and_usable_again(small_disk: Path) -> None:
    store = open_store(f"file://{small_disk}/store")
    store.put_bytes("shop/1/a", b"x" * 2 * MEGABYTE)
    with pytest.raises(StoreError) as refused:
        store.put_bytes("shop/2/b", b"x" * 3 * MEGABYTE)
    assert refused.value.code == "store_full"
    assert list(store.names()) == ["shop/1/a"]
    store.delete("shop/1/a")
    assert store.put_bytes("shop/2/b", b"x" * 3 * MEGABYTE).size == 3 * MEGABYTE
