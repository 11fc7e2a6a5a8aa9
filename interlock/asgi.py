"""The server: HTTP by Django, and in embedded mode the worker within the same process."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "interlock.settings")

from django.core.asgi import get_asgi_application

_django = get_asgi_application()

from interlock.api.live import LIVE  # noqa: E402  needs the apps loaded
from interlock.celery import app as _celery  # noqa: E402, F401  wake-ups are published through it
from interlock.runs import embedded  # noqa: E402

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


async def application(scope: Message, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
    else:
        await _django(scope, receive, send)  # type: ignore[arg-type]


async def _lifespan(receive: Receive, send: Send) -> None:
    await receive()
    try:
        await asyncio.to_thread(embedded.started)
    except Exception as error:
        await send({"type": "lifespan.startup.failed", "message": str(error)})
        return
    await send({"type": "lifespan.startup.complete"})
    await receive()
    LIVE.close()
    await asyncio.to_thread(embedded.stopped)
    await send({"type": "lifespan.shutdown.complete"})
