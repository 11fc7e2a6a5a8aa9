"""The live stream of a run: that it has changed, and the bytes of a log."""

from __future__ import annotations

import asyncio
import base64
import json
import random
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from ninja import Query, Router

from interlock.api.auth import caller
from interlock.api.live import LIVE, TICK, Watcher
from interlock.api.schemas.pieces import PathId
from interlock.api.schemas.runs import EventQuery
from interlock.lifecycle.refused import Refused
from interlock.lifecycle.run.states import RUN_ENDED
from interlock.runs import queries

router = Router(tags=["runs"])
PAUSE = 15.0  # seconds of silence after which a comment shows that the line is open
LONGEST = 600.0  # seconds; then the client comes back, and what it may do is asked again
PIECE = 64 * 1024  # bytes of a log in one event


@dataclass
class Position:
    """Where a client is: the id of its last event says it, ``<version>`` or ``<version>:<offset>``."""

    version: int = -1
    offset: int = 0

    @classmethod
    def read(cls, text: str, offset: int) -> Position:
        version, _, behind = text.partition(":")
        if not _is_number(version):
            return cls(-1, offset)
        return cls(int(version), int(behind) if _is_number(behind) else offset)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 16


@router.get("/runs/{int:run_id}/events", openapi_extra={"answers": "text/event-stream"})
def stream_events(request: HttpRequest, run_id: PathId, query: Query[EventQuery]) -> HttpResponseBase:
    """Server-sent events: `run` whenever the run's version rises; with the parameter `log` also `log`, bytes
    (base64) of that body's log, and `log-end`; `end` when nothing more will come. `Last-Event-ID` resumes.
    A stream ends after ten minutes at most: come back."""
    run = queries.find_run(by=caller(request), run_id=run_id)
    at = Position.read(request.headers.get("Last-Event-ID", ""), query.offset)
    if run.status in RUN_ENDED and run.version == at.version and not query.log:
        return HttpResponse(status=204)  # what tells a browser not to come back
    answer = StreamingHttpResponse(
        _events(run_id, query.log or "", at), content_type="text/event-stream; charset=utf-8"
    )
    answer["Cache-Control"] = "no-cache"
    answer["X-Accel-Buffering"] = "no"
    return answer


async def _events(run_id: int, body: str, at: Position) -> AsyncIterator[bytes]:
    # Not all at once after a restart of the server.
    deadline = time.monotonic() + LONGEST * random.uniform(0.8, 1.0)
    yield b"retry: 1000\n\n"
    with LIVE.watch(run_id, body) as watcher:
        watcher.version = at.version
        log_open = bool(body)
        while not LIVE.closing and time.monotonic() < deadline:
            watcher.news.clear()
            if watcher.version != at.version:
                at.version = watcher.version
                yield _event("run", {"version": at.version, "status": watcher.status}, _id(at, body))
            while log_open and (watcher.log_end or 0) > at.offset:
                piece = await _piece(run_id, body, at)
                if piece is None:
                    break
                yield piece
            over = watcher.status in RUN_ENDED
            if log_open and watcher.log_ended and at.offset >= (watcher.log_end or 0):
                log_open = False
                yield _event("log-end", {"body": body, "end": watcher.log_end}, _id(at, body))
            if over and not watcher.news.is_set() and (not log_open or watcher.log_end is None):
                yield _event("end", {"version": at.version, "status": watcher.status}, _id(at, body))
                return
            if not await _news(watcher, min(PAUSE, deadline - time.monotonic())):
                yield b": still here\n\n"


async def _news(watcher: Watcher, seconds: float) -> bool:
    try:
        async with asyncio.timeout(max(seconds, TICK)):
            return await watcher.news.wait()
    except TimeoutError:
        return False


async def _piece(run_id: int, body: str, at: Position) -> bytes | None:
    """The next bytes as an event; None when they cannot be read now, or were cut off."""
    try:
        part = await LIVE.read(run_id, body, at.offset, PIECE)
    except (DatabaseError, InterfaceError, Refused):
        return None
    if not part.data:
        if part.cut:
            at.offset = part.end
        return None
    data = {"body": body, "start": at.offset, "data": base64.b64encode(part.data).decode()}
    at.offset += len(part.data)
    return _event("log", data, _id(at, body))


def _id(at: Position, body: str) -> str:
    return f"{at.version}:{at.offset}" if body else str(at.version)


def _event(name: str, data: dict[str, Any], id: str) -> bytes:
    return f"id: {id}\nevent: {name}\ndata: {json.dumps(data)}\n\n".encode()
