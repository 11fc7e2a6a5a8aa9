"""What people say to runs."""

from typing import Annotated, Literal

from pydantic import Field

from interlock.api.schemas.pieces import Asked, Id, Ids, Name, Note


class Reason(Asked):
    reason: Note = ""


class NewVote(Asked):
    """``plan_hash``: of the plan that was looked at; refused when it is another one by now."""

    plan_hash: Name
    note: Note = ""


class Retry(Asked):
    """No ``host_ids``: all that are broken."""

    reason: Note = ""
    host_ids: Ids | None = None


class Exclude(Asked):
    reason: Note = ""
    host_ids: Annotated[list[Id], Field(min_length=1, max_length=2000)]


class Resolve(Asked):
    """What the unknown try came to. No ``host_ids``: all that are unknown."""

    answer: Literal["done", "retry", "fail"]
    reason: Note = ""
    host_ids: Ids | None = None
