"""Problem details, and the health of the platform."""

from typing import Literal

from interlock.api.schemas.pieces import Answered, Json


class Fault(Answered):
    """Where a request does not fit; ``line`` and ``column``, from 1, where it holds a template's text."""

    loc: list[str]
    code: str
    msg: str
    line: int | None = None
    column: int | None = None
    facts: Json = {}


class Problem(Answered):
    """RFC 9457. ``code`` is what programs ask for, ``detail`` the sentence in the caller's language."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    facts: Json
    errors: list[Fault]


class Health(Answered):
    status: Literal["ok"]
    version: str
