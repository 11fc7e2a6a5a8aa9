"""A client of the live streams, over the server's own ASGI application."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connections

from interlock.api.live import LIVE
from interlock.asgi import THREADS, _threads, application

SECONDS = 20  # until a test gives up; what it waits for takes a few ticks of 0.2 s


def close_connections_of_the_threads() -> None:
    """The server's threads keep theirs; a test database that somebody is connected to cannot be dropped."""
    together = threading.Barrier(THREADS)

    def close() -> None:
        together.wait(SECONDS)  # so that every thread gets one
        connections.close_all()

    for closing in [_threads.submit(close) for _ in range(THREADS)]:
        closing.result()


@dataclass(frozen=True)
class Event:
    id: str
    name: str
    data: dict[str, Any]


@dataclass
class Stream:
    """A client. ``taking`` unset: it takes nothing more, as one whose line is stuck."""

    token: str
    path: str
    resume: str = ""
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    taking: asyncio.Event = field(default_factory=asyncio.Event)
    _rest: bytes = b""

    async def __aenter__(self) -> Stream:
        self.taking.set()
        self._news = asyncio.Condition()
        self._gone = asyncio.Event()
        self._asked = False
        path, _, query = self.path.partition("?")
        headers = {"authorization": f"Bearer {self.token}", "last-event-id": self.resume}
        scope = {
            "type": "http", "method": "GET", "path": f"/api/v1{path}", "query_string": query.encode(),
            "headers": [(k.encode(), v.encode()) for k, v in headers.items() if v], "http_version": "1.1",
            "scheme": "http", "server": ("localhost", 80), "client": ("127.0.0.1", 1),
        }  # fmt: skip
        self._task = asyncio.create_task(application(scope, self._receive, self._send))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._gone.set()
        self.taking.set()
        await asyncio.wait_for(asyncio.gather(self._task, return_exceptions=True), SECONDS)

    async def _receive(self) -> dict[str, Any]:
        if self._asked:
            await self._gone.wait()
            return {"type": "http.disconnect"}
        self._asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def _send(self, message: Any) -> None:
        await self.taking.wait()
        async with self._news:
            if message["type"] == "http.response.start":
                self.status = message["status"]
                self.headers = {k.decode().lower(): v.decode() for k, v in message["headers"]}
            else:
                self._take(message.get("body", b""))
            self._news.notify_all()

    def _take(self, data: bytes) -> None:
        *whole, self._rest = (self._rest + data).split(b"\n\n")
        for block in whole:
            lines = dict(line.split(": ", 1) for line in block.decode().splitlines() if ": " in line)
            if "event" in lines:
                self.events.append(Event(lines["id"], lines["event"], json.loads(lines["data"])))

    async def until(self, fits: Callable[[], bool]) -> None:
        async with asyncio.timeout(SECONDS), self._news:
            await self._news.wait_for(fits)

    def has(self, name: str) -> bool:
        return any(event.name == name for event in self.events)

    @property
    def bytes(self) -> bytes:
        return b"".join(base64.b64decode(e.data["data"]) for e in self.events if e.name == "log")


def play(story: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        LIVE.open()
        async with asyncio.timeout(2 * SECONDS):
            await story()
        while LIVE.watching:  # the last stream's end is on its way
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.3)  # the reader hears of it at its next tick, and closes its connection
        await sync_to_async(connections.close_all, thread_sensitive=True)()

    asyncio.run(bounded())
