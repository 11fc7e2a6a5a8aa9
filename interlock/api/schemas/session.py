"""Signing in, and who one is."""

from typing import Annotated

from pydantic import StringConstraints

from interlock.api.schemas.pieces import NO_NUL, Answered, Asked, Short

Password = Annotated[str, StringConstraints(min_length=1, max_length=1024, pattern=NO_NUL)]


class NewSession(Asked):
    username: Short
    password: Password


class Session(Answered):
    username: str


class Me(Answered):
    """``roles`` by project id; ``rights``: of the platform; ``scopes``: what a token is narrowed to."""

    id: int | None
    username: str
    kind: str
    is_admin: bool
    roles: dict[str, list[str]]
    rights: list[str]
    scopes: list[str] | None
