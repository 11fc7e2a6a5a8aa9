"""The loop's way to the database: one thread each for the engine's rows and for logs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import structlog
from django.db import InterfaceError, OperationalError, connections

log = structlog.get_logger(__name__)
T = TypeVar("T")

# An outage is ridden out: what is sent here is safe to repeat. Longer than this and the caller hears of
# it; the lease will be gone by then and another worker takes over.
RETRY_SECONDS = 120.0
QUEUE = 1000


class DatabaseThread:
    """Runs calls one after another on one connection; callers wait when ``QUEUE`` calls are in line."""

    def __init__(self, name: str) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._room = asyncio.Semaphore(QUEUE)

    async def run(self, call: Callable[[], T]) -> T:
        async with self._room:
            return await asyncio.wrap_future(self._pool.submit(patiently, call))

    def close(self) -> None:
        self._pool.submit(connections.close_all)
        self._pool.shutdown(wait=True)


def patiently(call: Callable[[], T]) -> T:
    """Call; when the database is away, again and again with a rising pause."""
    began = time.monotonic()
    pause = 0.05
    while True:
        try:
            return call()
        except (OperationalError, InterfaceError) as error:
            connections.close_all()
            if time.monotonic() - began > RETRY_SECONDS:
                raise
            log.warning("database_away", error=str(error), next_try_in=pause)
            time.sleep(pause)
            pause = min(pause * 2, 2.0)
