"""Who calls: a bearer token, or a browser's session with its CSRF token."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja.security import APIKeyCookie, HttpBearer

from interlock.accounts.caller import Caller
from interlock.accounts.services import authenticate_token, caller_by_id


class TokenAuth(HttpBearer):
    def authenticate(self, request: HttpRequest, token: str) -> Caller | None:
        return authenticate_token(token)


class SessionCaller(APIKeyCookie):
    """The session of the pages; writes need the CSRF token (``csrf=True`` is the default)."""

    param_name = "sessionid"

    def authenticate(self, request: HttpRequest, key: str | None) -> Caller | None:
        person_id = request.session.get("person")
        return caller_by_id(person_id) if isinstance(person_id, int) else None


def caller(request: HttpRequest) -> Caller:
    """The caller that authentication put there."""
    found: Any = getattr(request, "auth", None)
    assert isinstance(found, Caller)
    return found
