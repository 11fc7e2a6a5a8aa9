"""API tokens."""

from pydantic import AwareDatetime

from interlock.api.schemas.pieces import Answered, Asked, Id, Short, When, Words


class NewToken(Asked):
    """No ``scopes``: all rights of the person. No ``person_id``: one's own."""

    name: Short
    person_id: Id | None = None
    scopes: Words = []
    expires_at: AwareDatetime | None = None


class Token(Answered):
    id: int
    name: str
    prefix: str
    person: str
    scopes: list[str]
    created_at: When
    expires_at: When | None
    last_used_at: When | None
    revoked_at: When | None


class TokenOnce(Token):
    """``token`` is the text itself: in this answer and nowhere else."""

    token: str
