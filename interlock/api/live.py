"""One reader for all live streams of a process: it compares what they watch and wakes who has news.

A stream holds no database connection and no queue: it is told *that* something is newer and then reads
what there is, so nothing piles up behind a slow one and nothing is missed by it.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import structlog
from django.db import DatabaseError, InterfaceError, connections

from interlock.runs.logs import LogPart, read_log
from interlock.runs.queries import log_ends, versions_of

log = structlog.get_logger(__name__)
T = TypeVar("T")
TICK = 0.2  # seconds; one query for runs and one for logs a tick, whatever the number of streams
PAUSE_MOST = 5.0


@dataclass(eq=False)
class Watcher:
    """What is newest of what one stream watches. ``log_end`` None: there is no such log (yet)."""

    run_id: int
    body: str = ""
    news: asyncio.Event = field(default_factory=asyncio.Event)
    version: int = -1
    status: str = ""
    log_end: int | None = None
    log_ended: bool = False

    def tell(self, version: int, status: str) -> None:
        if (version, status) != (self.version, self.status):
            self.version, self.status = version, status
            self.news.set()

    def tell_log(self, end: int, ended: bool) -> None:
        if (end, ended) != (self.log_end, self.log_ended):
            self.log_end, self.log_ended = end, ended
            self.news.set()


class Live:
    def __init__(self) -> None:
        self.closing = False
        self._watchers: dict[int, set[Watcher]] = defaultdict(set)
        self._reader: asyncio.Task[None] | None = None
        self._reads: dict[tuple[int, str, int], asyncio.Future[LogPart]] = {}
        # One thread, so that there is one connection, and that nobody else's.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="live")

    @property
    def watching(self) -> int:
        return sum(len(watchers) for watchers in self._watchers.values())

    @contextmanager
    def watch(self, run_id: int, body: str) -> Iterator[Watcher]:
        """Needs a running loop; the watcher is woken until the block ends."""
        loop = asyncio.get_running_loop()
        watcher = Watcher(run_id, body)
        self._watchers[run_id].add(watcher)
        if self._reader is None or self._reader.done() or self._reader.get_loop() is not loop:
            self._reader = loop.create_task(self._read())
        try:
            yield watcher
        finally:
            self._watchers[run_id].discard(watcher)
            if not self._watchers[run_id]:
                del self._watchers[run_id]

    async def read(self, run_id: int, body: str, offset: int, limit: int) -> LogPart:
        """Bytes of a log. Streams that are at the same place share one read."""
        place = (run_id, body, offset)
        if place not in self._reads:
            found = self._call(partial(read_log, run_id, body, offset, limit))
            self._reads[place] = found
            found.add_done_callback(lambda _: self._reads.pop(place, None))
        return await asyncio.shield(self._reads[place])

    def _call(self, call: Callable[[], T]) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(self._thread, _kept_open, call)

    async def _read(self) -> None:
        pause = TICK
        while self._watchers and not self.closing:
            runs = set(self._watchers)
            bodies = {w.body for watchers in self._watchers.values() for w in watchers if w.body}
            try:
                self._tell(await self._call(partial(versions_of, runs)))
                if bodies:
                    self._tell_logs(await self._call(partial(log_ends, bodies)))
                pause = TICK
            except (DatabaseError, InterfaceError) as error:
                # The streams wait, as their runs do.
                log.warning("live_reader_failed", error=str(error), next_try_in=pause)
                pause = min(pause * 2, PAUSE_MOST)
            await asyncio.sleep(pause)
        await self._call(connections.close_all)

    def _tell(self, versions: dict[int, tuple[int, str]]) -> None:
        for run_id, newest in versions.items():
            for watcher in self._watchers.get(run_id, ()):
                watcher.tell(*newest)

    def _tell_logs(self, ends: dict[tuple[int, str], tuple[int, bool]]) -> None:
        for run_id, watchers in self._watchers.items():
            for watcher in watchers:
                if (run_id, watcher.body) in ends:
                    watcher.tell_log(*ends[run_id, watcher.body])

    def open(self) -> None:
        self.closing = False

    def close(self) -> None:
        """The server is about to end: streams end too, and their clients come back to the next one."""
        self.closing = True
        for watchers in self._watchers.values():
            for watcher in watchers:
                watcher.news.set()


def _kept_open(call: Callable[[], T]) -> T:
    """Call on this thread's own connection, which is dropped when the database did not answer."""
    try:
        return call()
    except (DatabaseError, InterfaceError):
        connections.close_all()
        raise


LIVE = Live()
