"""Live streams, over the server's own ASGI application: what comes, what is resumed, who waits for whom."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connection, connections

from interlock.api.live import LIVE
from interlock.asgi import THREADS, _threads, application
from interlock.lifecycle.run.events import StopAsked
from interlock.runs import logs
from interlock.runs.engine.apply import apply
from tests.api.conftest import Shop

pytestmark = [pytest.mark.slow, pytest.mark.django_db(databases="__all__", transaction=True)]
SECONDS = 20  # until a test gives up; what it waits for takes a few ticks of 0.2 s


@pytest.fixture(autouse=True, scope="module")
def connections_of_the_threads() -> Iterator[None]:
    """The server's threads keep theirs; a test database that somebody is connected to cannot be dropped."""
    yield
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


async def write(run_id: int, body: str, start: int, data: bytes) -> None:
    def store() -> None:
        head = logs.open_log(run_id, body)
        assert logs.store_chunk(head.id, start, data, limit=10**7) == start + len(data)

    await sync_to_async(store, thread_sensitive=True)()


async def change(run_id: int, event: Any) -> None:
    await sync_to_async(lambda: apply(run_id, event), thread_sensitive=True)()


def test_a_run_is_told_until_its_end(shop: Shop) -> None:
    run = shop.waiting_run()["id"]

    async def story() -> None:
        async with Stream(shop.cy.token, f"/runs/{run}/events") as stream:
            await stream.until(lambda: stream.has("run"))
            assert stream.status == 200
            assert stream.headers["content-type"].startswith("text/event-stream")
            assert stream.events[0].data["status"] == "waiting"
            await change(run, StopAsked())
            await stream.until(lambda: stream.has("end"))
            assert stream.events[-1].data["status"] == "canceled"
            last = stream.events[-1].id
        # Whoever has seen its end is told not to come back.
        async with Stream(shop.cy.token, f"/runs/{run}/events", resume=last) as stream:
            await stream.until(lambda: stream.status != 0)
            assert (stream.status, stream.events) == (204, [])

    play(story)


def test_a_log_is_resumed_at_its_byte(shop: Shop) -> None:
    run = shop.waiting_run()["id"]
    pieces = [bytes([65 + n]) * 30_000 for n in range(6)]

    async def story() -> None:
        path = f"/runs/{run}/events?log=s1-1"
        await write(run, "s1-1", 0, pieces[0] + pieces[1])
        async with Stream(shop.cy.token, path) as first:
            await first.until(lambda: len(first.bytes) == 60_000)
        await write(run, "s1-1", 60_000, pieces[2] + pieces[3])
        async with Stream(shop.cy.token, path, resume=first.events[-1].id) as second:
            await second.until(lambda: len(second.bytes) == 60_000)
            await write(run, "s1-1", 120_000, pieces[4] + pieces[5])
            await second.until(lambda: len(second.bytes) == 120_000)
        assert first.bytes + second.bytes == b"".join(pieces)
        async with Stream(shop.cy.token, f"{path}&offset=179990") as third:
            await third.until(lambda: len(third.bytes) == 10)

    play(story)


def test_one_who_takes_nothing_holds_nobody(shop: Shop) -> None:
    run = shop.waiting_run()["id"]

    async def story() -> None:
        path = f"/runs/{run}/events?log=s1-1"
        async with Stream(shop.cy.token, path) as stuck, Stream(shop.ann.token, path) as quick:
            await stuck.until(lambda: stuck.has("run"))
            stuck.taking.clear()
            for number in range(20):
                await write(run, "s1-1", number * 50_000, bytes([97 + number]) * 50_000)
            await quick.until(lambda: len(quick.bytes) == 1_000_000)
            assert stuck.bytes == b""
            # Nothing was kept for it: it reads on from the rows, at the place where it is.
            stuck.taking.set()
            await stuck.until(lambda: len(stuck.bytes) == 1_000_000)
            assert stuck.bytes == quick.bytes

    play(story)


def test_many_hear_of_the_same_change(shop: Shop) -> None:
    run = shop.waiting_run()["id"]

    async def story() -> None:
        streams = [Stream(shop.cy.token, f"/runs/{run}/events") for _ in range(40)]
        for stream in streams:
            await stream.__aenter__()
        for stream in streams:
            await stream.until(lambda stream=stream: stream.has("run"))  # type: ignore[misc]
        await change(run, StopAsked())
        for stream in streams:
            await stream.until(lambda stream=stream: stream.has("end"))  # type: ignore[misc]
            assert [event.name for event in stream.events][-1] == "end"
            await stream.__aexit__()

    play(story)


@pytest.mark.postgres
def test_a_stream_holds_no_connection_to_the_database(shop: Shop) -> None:
    run = shop.waiting_run()["id"]

    def connected() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
            return int(cursor.fetchone()[0])

    async def story() -> None:
        before = await sync_to_async(connected, thread_sensitive=True)()
        streams = [Stream(shop.cy.token, f"/runs/{run}/events") for _ in range(60)]
        for stream in streams:
            await stream.__aenter__()
        for stream in streams:
            await stream.until(lambda stream=stream: stream.has("run"))  # type: ignore[misc]
        # The threads that looked at who comes, and the one reader.
        assert await sync_to_async(connected, thread_sensitive=True)() - before <= 17
        for stream in streams:
            await stream.__aexit__()

    play(story)


@pytest.mark.parametrize(("who", "status"), [("sam", 404), ("nobody", 401)])
def test_a_stream_is_opened_to_those_who_may_look(shop: Shop, who: str, status: int) -> None:
    run = shop.waiting_run()["id"]

    async def story() -> None:
        async with Stream(getattr(shop, who).token or "none", f"/runs/{run}/events") as stream:
            await stream.until(lambda: stream.status != 0)
            assert (stream.status, stream.events) == (status, [])

    play(story)


def test_a_run_that_is_not_there_has_no_stream(shop: Shop) -> None:
    async def story() -> None:
        async with Stream(shop.cy.token, "/runs/999/events") as stream:
            await stream.until(lambda: stream.status != 0)
            assert stream.status == 404

    play(story)
