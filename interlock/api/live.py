"""One reader for all live streams of a process: it compares run versions and wakes who watches."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from asgiref.sync import sync_to_async
from django.db import connections

from interlock.runs.queries import versions_of

log = structlog.get_logger(__name__)
TICK = 0.2


class Watcher:
    """What a stream has still to tell: only the newest version counts, so nothing piles up."""

    def __init__(self) -> None:
        self.news = asyncio.Event()
        self.version, self.status = -1, ""

    def tell(self, version: int, status: str) -> None:
        if version != self.version:
            self.version, self.status = version, status
            self.news.set()


class Live:
    def __init__(self) -> None:
        self._watchers: dict[int, set[Watcher]] = defaultdict(set)
        self._reader: asyncio.Task[None] | None = None
        self.closing = False

    @contextmanager
    def watch(self, run_id: int) -> Iterator[Watcher]:
        watcher = Watcher()
        self._watchers[run_id].add(watcher)
        if self._reader is None or self._reader.done():
            self._reader = asyncio.get_running_loop().create_task(self._read())
        try:
            yield watcher
        finally:
            self._watchers[run_id].discard(watcher)
            if not self._watchers[run_id]:
                del self._watchers[run_id]

    async def _read(self) -> None:
        while self._watchers and not self.closing:
            try:
                found = await sync_to_async(_versions, thread_sensitive=False)(set(self._watchers))
            except Exception as error:  # the database is away: streams wait, as their runs do
                log.warning("live_reader_failed", error=str(error))
                found = {}
            for run_id, (version, status) in found.items():
                for watcher in list(self._watchers.get(run_id, ())):
                    watcher.tell(version, status)
            await asyncio.sleep(TICK)

    def close(self) -> None:
        """The server is about to end: streams end too, and their clients come back later."""
        self.closing = True
        for watchers in self._watchers.values():
            for watcher in watchers:
                watcher.news.set()


def _versions(run_ids: set[int]) -> dict[int, tuple[int, str]]:
    try:
        return versions_of(run_ids)
    finally:
        connections.close_all()  # a thread of the pool must not keep a connection


LIVE = Live()
