"""Signing in and out, and who one is."""

from __future__ import annotations

from django.http import HttpRequest
from django.middleware.csrf import get_token, rotate_token
from ninja import Router

from interlock.accounts import services
from interlock.accounts.rights import PLATFORM_RIGHTS, may
from interlock.accounts.sessions import begin_session
from interlock.api.auth import caller
from interlock.api.schemas.pieces import Nothing
from interlock.api.schemas.session import Me, NewSession, Session

router = Router(tags=["session"])


@router.post("/session", auth=None, response=Session)
def sign_in(request: HttpRequest, body: NewSession) -> Session:
    """Begin a session. Later requests that change something send the cookie `csrftoken` as `X-CSRFToken`."""
    by = services.authenticate_password(body.username, body.password)
    begin_session(request.session, by)
    rotate_token(request)
    get_token(request)
    return Session(username=by.name)


@router.delete("/session", response=Nothing)
def sign_out(request: HttpRequest) -> Nothing:
    request.session.flush()
    return Nothing()


@router.get("/me", response=Me)
def me(request: HttpRequest) -> Me:
    """Who calls, and what they may do."""
    by = caller(request)
    return Me(
        id=by.person_id,
        username=by.name,
        kind=by.kind,
        is_admin=by.is_admin,
        roles={str(project): sorted(roles) for project, roles in by.roles.items()},
        rights=sorted(right for right in PLATFORM_RIGHTS if may(by, right)),
        scopes=sorted(by.scopes) if by.scopes is not None else None,
    )
