"""The record."""

from interlock.api.schemas.pieces import Answered, Filter, Json, PageQuery, PathId, When


class JournalQuery(PageQuery):
    subject: Filter | None = None
    subject_id: PathId | None = None
    project_id: PathId | None = None
    act: Filter | None = None


class Actor(Answered):
    kind: str
    id: str
    name: str


class Entry(Answered):
    id: int
    at: When
    actor: Actor
    project_id: int | None
    subject: str
    subject_id: int
    act: str
    from_status: str
    to_status: str
    reason: str
    facts: Json
