"""How every write begins."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, connections, transaction

# SQLite has one writer. Threads of this process queue here, where waiting is fair and free, rather than
# in SQLite, which polls with back-off and gives up after its timeout.
_sqlite_writer = threading.RLock()


@contextmanager
def writing(using: str = "default") -> Iterator[None]:
    """A write transaction; nested uses join the outer one.

    No I/O belongs inside, and on SQLite no more than about 1,000 rows.
    """
    if connections[using].vendor != "sqlite" or connections[using].in_atomic_block:
        with transaction.atomic(using=using):
            yield
        return
    with _sqlite_writer if using == "default" else _no_lock(), transaction.atomic(using=using):
        yield


@contextmanager
def _no_lock() -> Iterator[None]:
    yield


def locks_rows() -> bool:
    """Whether SELECT ... FOR UPDATE means something here (on SQLite the transaction is the lock)."""
    return connection.vendor != "sqlite"
