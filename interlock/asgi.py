"""The server: HTTP by Django, and in embedded mode the worker within the same process."""

from __future__ import annotations

import asyncio
import contextvars
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import Any, TypeVar

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "interlock.settings")

import django

django.setup(set_prefix=False)

from django.core.handlers.asgi import ASGIHandler  # noqa: E402  needs the apps loaded
from django.db import close_old_connections  # noqa: E402
from django.http import HttpRequest, StreamingHttpResponse  # noqa: E402
from django.http.response import HttpResponseBase  # noqa: E402

from interlock.api.gate import Gate, Message, Receive, Send  # noqa: E402
from interlock.api.live import LIVE  # noqa: E402
from interlock.runs import embedded  # noqa: E402

T = TypeVar("T")
THREADS = 16  # requests at work at once, and so connections to the database
_threads = ThreadPoolExecutor(THREADS, thread_name_prefix="web")


async def _in_thread(call: Callable[[], T]) -> T:
    """Call on one of the threads that serve requests, in the context of the caller."""
    context = contextvars.copy_context()
    return await asyncio.get_running_loop().run_in_executor(_threads, context.run, _fresh, call)


def _fresh(call: Callable[[], T]) -> T:
    close_old_connections()  # one that the database has dropped meanwhile
    return call()


class Handler(ASGIHandler):
    """Django with its whole chain in one thread of ours.

    Of its own it makes a thread, and with that a database connection, for each request, and crosses
    between loop and thread once for every middleware.
    """

    def __init__(self) -> None:
        self.load_middleware(is_async=False)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.handle(scope, receive, send)

    async def run_get_response(self, request: HttpRequest) -> HttpResponseBase:
        response = await _in_thread(lambda: self.get_response(request))
        if isinstance(response, StreamingHttpResponse) and not response.is_async:
            response.streaming_content = _pieces(iter(response))
        response._handler_class = type(self)  # type: ignore[attr-defined]
        return response


async def _pieces(content: Iterator[Any]) -> AsyncIterator[bytes]:
    """What a file is sent as, read on our threads, too."""
    while (piece := await _in_thread(lambda: next(content, None))) is not None:
        yield piece


_gate = Gate(Handler(), _in_thread)


async def application(scope: Message, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await _gate(scope, receive, send)
    elif scope["type"] == "lifespan":
        await _lifespan(receive, send)
    else:
        await send({"type": "websocket.close"})


async def _lifespan(receive: Receive, send: Send) -> None:
    await receive()
    try:
        await asyncio.to_thread(embedded.started)
    except Exception as error:
        await send({"type": "lifespan.startup.failed", "message": str(error)})
        return
    LIVE.open()
    _end_streams_on_signal()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    LIVE.close()
    await asyncio.to_thread(embedded.stopped)
    await send({"type": "lifespan.shutdown.complete"})


def _end_streams_on_signal() -> None:
    """The server waits for open connections before it tells us that it ends, and streams stay open."""
    loop = asyncio.get_running_loop()

    def chain(number: signal.Signals) -> None:
        former = signal.getsignal(number)

        def told(signum: int, frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(LIVE.close)
            if callable(former):
                former(signum, frame)

        signal.signal(number, told)

    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            chain(number)
    except ValueError:
        return  # not in the main thread: whoever started us there ends us otherwise
