"""The loop's way to the database: one thread each for the engine's rows and for logs."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import structlog
from django.db import InterfaceError, OperationalError, connections

log = structlog.get_logger(__name__)
T = TypeVar("T")

# An outage is ridden out: what is sent here is safe to repeat. Longer than this and the caller hears of
# it; the lease will be gone by then and another worker takes over.
RETRY_SECONDS = 120.0
QUEUE = 1000
# Seconds: under load answers come together, for each crossing between thread and loop costs as much as a
# short transaction; alone, a call is answered at once.
SOONEST = 0.002

_Waiting = tuple[Callable[[], Any], "asyncio.Future[Any]"]
_Done = tuple["asyncio.Future[Any]", Any, BaseException | None]


class DatabaseThread:
    """Runs calls one after another on one connection; callers wait when ``QUEUE`` calls are in line."""

    def __init__(self, name: str) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._room = asyncio.Semaphore(QUEUE)
        self._waiting: deque[_Waiting] = deque()
        self._at_work = False

    async def run(self, call: Callable[[], T]) -> T:
        async with self._room:
            loop = asyncio.get_running_loop()
            answer: asyncio.Future[T] = loop.create_future()
            self._waiting.append((call, answer))
            if not self._at_work:
                self._at_work = True
                self._pool.submit(self._work_off, loop)
            return await answer

    def _work_off(self, loop: asyncio.AbstractEventLoop) -> None:
        """In the thread: call what waits, and answer for several at once while more wait."""
        done: list[_Done] = []
        began = time.monotonic()
        while True:
            try:
                call, answer = self._waiting.popleft()
            except IndexError:
                break
            if not answer.cancelled():
                done.append((answer, *_outcome(call)))
            if time.monotonic() - began > SOONEST:
                loop.call_soon_threadsafe(_tell, done)
                done, began = [], time.monotonic()
        loop.call_soon_threadsafe(self._rest, loop, done)

    def _rest(self, loop: asyncio.AbstractEventLoop, done: list[_Done]) -> None:
        """In the loop: what came while the thread was about to stop keeps it at work."""
        self._at_work = bool(self._waiting)
        if self._at_work:
            self._pool.submit(self._work_off, loop)
        _tell(done)

    def close(self) -> None:
        self._pool.submit(connections.close_all)
        self._pool.shutdown(wait=True)


def _outcome(call: Callable[[], Any]) -> tuple[Any, BaseException | None]:
    try:
        return patiently(call), None
    except BaseException as error:
        return None, error


def _tell(done: list[_Done]) -> None:
    for answer, result, error in done:
        if answer.done():
            continue  # whoever asked was cancelled meanwhile
        if error is None:
            answer.set_result(result)
        else:
            answer.set_exception(error)


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
