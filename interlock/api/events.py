"""The live stream of a run: its versions, and the bytes of a log."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connections
from django.http import HttpRequest, StreamingHttpResponse
from ninja import Query, Router
from pydantic import Field

from interlock.accounts.caller import Caller
from interlock.api.auth import caller
from interlock.api.live import LIVE, TICK
from interlock.api.paging import Strict
from interlock.api.schemas import Id, Short
from interlock.lifecycle.refused import Refused
from interlock.lifecycle.run.states import RUN_ENDED
from interlock.runs import queries

router = Router(tags=["runs"])
PAUSE = 15.0  # seconds of silence after which a comment shows that the line is open
LOG_PIECE = 64 * 1024


class EventQuery(Strict):
    log: Short | None = None
    offset: int = Field(default=0, ge=0, le=2**53)


@router.get("/runs/{int:run_id}/events")
def stream(request: HttpRequest, run_id: Id, query: Query[EventQuery]) -> StreamingHttpResponse:
    """Server-sent events: ``run`` when its version rises (the event's id), ``log`` with bytes of a body."""
    by = caller(request)
    queries.find_run(by=by, run_id=run_id)
    last = request.headers.get("Last-Event-ID", "")
    seen = int(last) if last.isascii() and last.isdigit() and len(last) < 16 else -1
    answer = StreamingHttpResponse(
        _events(by, run_id, seen, query.log, query.offset), content_type="text/event-stream"
    )
    answer["Cache-Control"] = "no-cache"
    answer["X-Accel-Buffering"] = "no"
    return answer


async def _events(by: Caller, run_id: int, seen: int, body: str | None, offset: int) -> AsyncIterator[bytes]:
    with LIVE.watch(run_id) as watcher:
        watcher.version = seen
        quiet = 0.0
        log_ended = body is None
        while not LIVE.closing:
            told = False
            if watcher.news.is_set():
                watcher.news.clear()
                told = True
                data = {"version": watcher.version, "status": watcher.status}
                yield _event("run", data, watcher.version)
            if not log_ended and body is not None:
                part = await _log(by, run_id, body, offset)
                if part is not None and part.data:
                    told = True
                    data = {"body": body, "start": offset, "data": base64.b64encode(part.data).decode()}
                    offset += len(part.data)
                    yield _event("log", data)
                elif part is not None and part.ended:
                    log_ended = True
                    yield _event("log-end", {"body": body, "end": part.end, "cut": part.cut})
            if watcher.status in RUN_ENDED and log_ended and not watcher.news.is_set():
                return
            quiet = 0.0 if told else quiet + TICK
            if quiet >= PAUSE:
                quiet = 0.0
                yield b": still here\n\n"
            try:
                async with asyncio.timeout(TICK):
                    await watcher.news.wait()
            except TimeoutError:
                continue


def _event(name: str, data: dict[str, Any], number: int | None = None) -> bytes:
    head = f"id: {number}\n" if number is not None else ""
    return f"{head}event: {name}\ndata: {json.dumps(data)}\n\n".encode()


async def _log(by: Caller, run_id: int, body: str, offset: int) -> Any:
    def read() -> Any:
        try:
            return queries.log_bytes(by=by, run_id=run_id, body=body, offset=offset, limit=LOG_PIECE)
        except Refused:
            return None  # not begun yet
        finally:
            connections.close_all()

    return await sync_to_async(read, thread_sensitive=False)()
