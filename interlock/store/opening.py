"""From a URL to a store."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from interlock.store.folder import FolderStore
from interlock.store.protocol import Store


def open_store(url: str) -> Store:
    parts = urlsplit(url)
    if parts.scheme != "file" or parts.netloc or not parts.path.startswith("/"):
        raise ValueError("a store is a folder: file:///absolute/path")
    return FolderStore(Path(unquote(parts.path)))
