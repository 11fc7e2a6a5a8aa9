"""Who calls: a bearer token, or a browser's session with its CSRF token."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja.security import APIKeyCookie, HttpBearer

from interlock.accounts.caller import Caller
from interlock.accounts.services import authenticate_token
from interlock.accounts.sessions import caller_of_session


class TokenAuth(HttpBearer):
    def authenticate(self, request: HttpRequest, token: str) -> Caller | None:
        return authenticate_token(token)


class SessionAuth(APIKeyCookie):
    """The session of the pages. What changes something needs the CSRF token besides."""

    param_name = "sessionid"

    def __call__(self, request: HttpRequest) -> Caller | None:
        # Without a session there is nothing that another site could abuse: the answer is 401, not 403.
        return super().__call__(request) if request.COOKIES.get(self.param_name) else None

    def authenticate(self, request: HttpRequest, key: str | None) -> Caller | None:
        return caller_of_session(request.session)


AUTH = [TokenAuth(), SessionAuth()]


def caller(request: HttpRequest) -> Caller:
    """The caller that authentication found."""
    found: Any = getattr(request, "auth", None)
    assert isinstance(found, Caller)
    return found
