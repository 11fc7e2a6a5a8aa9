"""The record: who did what, when, and why."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Query, Router

from interlock.accounts.rights import visible_projects
from interlock.api.auth import caller
from interlock.api.paging import page_of
from interlock.api.schemas.journal import Actor, Entry, JournalQuery
from interlock.api.schemas.pieces import Page
from interlock.journal import queries

router = Router(tags=["journal"])
_SAME = ("id", "at", "project_id", "subject", "subject_id", "act", "from_status", "to_status", "reason",
         "facts")  # fmt: skip


def _entry(row: Any) -> Entry:
    actor = Actor(kind=row.actor_kind, id=row.actor_id, name=row.actor_name)
    return Entry(**{name: getattr(row, name) for name in _SAME}, actor=actor)


@router.get("/journal", response=Page[Entry])
def list_journal(request: HttpRequest, query: Query[JournalQuery]) -> Page[Entry]:
    """Newest first; what is the platform's own is for its administrators."""
    rows = queries.entries(
        project_ids=visible_projects(caller(request)),
        project_id=query.project_id,
        subject=query.subject,
        subject_id=query.subject_id,
        act=query.act,
    )
    return page_of(rows, query, _entry, of="journal", newest_first=True)
