"""Writing one body's log from the loop: masked, in few and large chunks."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from django.conf import settings

from interlock.runs import logs
from interlock.runs.worker.database import DatabaseThread
from interlock.vault.masking import Masker

FLUSH_SECONDS = 0.1


class Logbook:
    """Takes bytes by the source's offset. What is stored, not what was received, is where one goes on."""

    def __init__(self, database: DatabaseThread, run_id: int, body: str, secrets: Iterable[str]) -> None:
        self._database, self._run_id, self._body = database, run_id, body
        self._masker = Masker(secrets)
        self._head_id = 0
        self._stored = 0
        self._ready = bytearray()
        self._flusher: asyncio.Task[None] | None = None
        self._flushing = asyncio.Lock()

    async def open(self) -> int:
        """Where the follower has to begin; over a new link, behind what has been received."""
        if self._head_id:
            return self._stored + len(self._ready) + self._masker.pending
        head = await self._database.run(lambda: logs.open_log(self._run_id, self._body))
        self._head_id, self._stored = head.id, head.end
        return self._stored

    async def take(self, offset: int, data: bytes) -> None:
        expected = self._stored + len(self._ready) + self._masker.pending
        if offset > expected:
            raise ValueError(f"a gap in the log of {self._body}: {offset} after {expected}")
        fresh = data[expected - offset :]
        if not fresh:
            return
        self._ready += self._masker.feed(fresh)
        if len(self._ready) >= logs.CHUNK:
            await self._flush()
        elif self._flusher is None or self._flusher.done():
            if self._flusher is not None:
                self._flusher.result()  # what it could not store is heard of here
            self._flusher = asyncio.create_task(self._flush_soon())

    async def say(self, text: str) -> None:
        """A line of our own, where no body writes."""
        line = text.encode() + b"\n"
        await self.take(self._stored + len(self._ready) + self._masker.pending, line)

    async def _flush_soon(self) -> None:
        await asyncio.sleep(FLUSH_SECONDS)
        await self._flush()

    async def _flush(self) -> None:
        # Whoever waits here may be cancelled; a chunk that the database has must be counted all the same.
        await asyncio.shield(self._store_ready())

    async def _store_ready(self) -> None:
        async with self._flushing:
            while self._ready:
                part = bytes(self._ready[: logs.CHUNK])
                start = self._stored
                self._stored = await self._database.run(
                    lambda part=part, start=start: logs.store_chunk(  # type: ignore[misc]
                        self._head_id, start, part, limit=settings.LOG_LIMIT
                    )
                )
                del self._ready[: len(part)]

    async def close(self) -> None:
        """Store what is left; the log has ended."""
        if self._flusher is not None and not self._flusher.done():
            self._flusher.cancel()
            await asyncio.gather(self._flusher, return_exceptions=True)
        self._ready += self._masker.flush()
        await self._flush()
        await self._database.run(lambda: logs.end_log(self._head_id))

    async def abandon(self) -> None:
        """The lease is lost: write no more."""
        if self._flusher is not None:
            self._flusher.cancel()
            await asyncio.gather(self._flusher, return_exceptions=True)
