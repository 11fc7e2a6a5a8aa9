"""What comes before Django: bodies of bounded size, and answers that are taken in bounded time.

Django keeps a whole body before anything looks at it; here a too large one is refused when its length is
told, or else at the first byte too many. Large ones are taken only from callers that we know.
"""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import structlog
from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.core.handlers.asgi import ASGIRequest
from django.db import InterfaceError, OperationalError
from django.http import HttpResponse
from django.utils import translation

from interlock.accounts.services import authenticate_token
from interlock.accounts.sessions import SessionStore, caller_of_session
from interlock.api import problems

log = structlog.get_logger(__name__)

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]
InThread = Callable[[Callable[[], HttpResponse | None]], Awaitable[HttpResponse | None]]

BODY_MOST = 1024 * 1024  # bytes
UPLOAD = re.compile(r"/api/v1/services/[0-9]+/uploads")
FORM_MOST = 64 * 1024  # bytes of an upload beside its file
# A client that takes nothing for so long is gone, or only holds our memory.
STALLED_AFTER = 60.0  # seconds


class _TooLarge(Exception):
    pass


class Gate:
    """An ASGI application in front of another one. ``in_thread`` runs what asks the database."""

    def __init__(self, inner: App, in_thread: InThread) -> None:
        self._inner = inner
        self._in_thread = in_thread

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        begun = False
        large = UPLOAD.fullmatch(scope["path"]) is not None
        most = settings.PACKAGE_LIMIT + FORM_MOST if large else BODY_MOST
        taken = 0

        async def bounded() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > most:
                raise _TooLarge
            return message

        async def timely(message: Message) -> None:
            nonlocal begun
            begun = True
            async with asyncio.timeout(STALLED_AFTER):
                await send(message)

        refusal = await self._refusal(scope, most, large)
        try:
            if refusal is None:
                await self._inner(scope, bounded, timely)
        except _TooLarge:
            refusal = lambda: problems.too_large(most)  # noqa: E731
        except TimeoutError:
            if not begun:
                raise
            log.info("client_stalled", path=scope["path"])
        if refusal is not None and not begun:
            await _answer(scope, send, refusal)

    async def _refusal(self, scope: Message, most: int, large: bool) -> Callable[[], HttpResponse] | None:
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if not length.isdigit():
            return lambda: problems.problem(400, "request_unreadable")
        if len(length) > 15 or int(length) > most:
            return lambda: problems.too_large(most)
        if large:
            found = await self._in_thread(lambda: _unknown(scope))
            return (lambda: found) if found is not None else None
        return None


def _unknown(scope: Message) -> HttpResponse | None:
    """The answer to somebody that we do not know; None when we do."""
    request = ASGIRequest(scope, io.BytesIO())
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    session: SessionBase = SessionStore(request.COOKIES.get(settings.SESSION_COOKIE_NAME))
    try:
        known = authenticate_token(token) if scheme.lower() == "bearer" else None
        if known or caller_of_session(session):
            return None
    except (OperationalError, InterfaceError) as error:
        return problems.database_away(error)
    return problems.not_signed_in()


async def _answer(scope: Message, send: Send, answer: Callable[[], HttpResponse]) -> None:
    request = ASGIRequest(scope, io.BytesIO())
    with translation.override(translation.get_language_from_request(request)):
        told = answer()
    headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in told.items()]
    # The rest of the body is not read: the connection cannot be used again.
    headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": told.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": told.content})
