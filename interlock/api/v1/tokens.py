"""API tokens."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Query, Router, Status

from interlock.accounts import queries, services
from interlock.api.auth import caller
from interlock.api.paging import page_of
from interlock.api.schemas.pieces import Nothing, Page, PageQuery, PathId
from interlock.api.schemas.tokens import NewToken, Token, TokenOnce

router = Router(tags=["tokens"])


def _facts(row: Any) -> dict[str, Any]:
    names = ("id", "name", "prefix", "scopes", "created_at", "expires_at", "last_used_at", "revoked_at")
    return {**{name: getattr(row, name) for name in names}, "person": row.person.username}


@router.get("/tokens", response=Page[Token])
def list_tokens(request: HttpRequest, query: Query[PageQuery]) -> Page[Token]:
    """One's own; a platform administrator sees everybody's."""
    rows = queries.tokens(by=caller(request))
    return page_of(rows, query, lambda row: Token(**_facts(row)), of="tokens")


@router.post("/tokens", response={201: TokenOnce})
def create_token(request: HttpRequest, body: NewToken) -> Status[TokenOnce]:
    """The text of the token is in this answer and nowhere else."""
    row, text = services.create_token(by=caller(request), **dict(body))
    return Status(201, TokenOnce(**_facts(row), token=text))


@router.delete("/tokens/{int:token_id}", response=Nothing)
def revoke_token(request: HttpRequest, token_id: PathId) -> Nothing:
    services.revoke_token(by=caller(request), token_id=token_id)
    return Nothing()
