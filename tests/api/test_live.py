"""Live streams, over the server's own ASGI application: what comes, what is resumed, who waits for whom."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connection

from interlock.lifecycle.run.events import StopAsked
from interlock.runs import logs
from interlock.runs.engine.apply import apply
from tests.api.conftest import Shop
from tests.api.streams import Stream, close_connections_of_the_threads, play

pytestmark = [pytest.mark.slow, pytest.mark.django_db(databases="__all__", transaction=True)]


@pytest.fixture(autouse=True, scope="module")
def connections_of_the_threads() -> Iterator[None]:
    yield
    close_connections_of_the_threads()


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
