"""The time that leases and deadlines are kept in: the database's, as far as this process knows it.

Reading it from the database for every statement would cost a round trip; the keeper measures how far
this machine's clock is off and every writer adds that.
"""

from datetime import UTC, datetime, timedelta

from django.db import connection

_offset = timedelta(0)


def now() -> datetime:
    return datetime.now(UTC) + _offset


def measure() -> None:
    """Ask the database what time it is (SQLite has no clock of its own)."""
    global _offset
    if connection.vendor != "postgresql":
        return
    before = datetime.now(UTC)
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        row = cursor.fetchone()
    after = datetime.now(UTC)
    if row is not None:
        _offset = row[0] - (before + (after - before) / 2)
