"""The store of packages and sealed logs: named, write-once files."""

from interlock.store.names import check_name
from interlock.store.opening import open_store
from interlock.store.protocol import Exists, Store, Stored, StoreError

__all__ = ["Exists", "Store", "StoreError", "Stored", "check_name", "open_store"]
