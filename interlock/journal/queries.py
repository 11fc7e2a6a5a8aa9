"""Reads of the record. Whose projects the caller may see is for the caller of this to say."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db.models import QuerySet

from interlock.journal.models import Entry


def entries(
    *,
    project_ids: Collection[int] | None,
    subject: str | None = None,
    subject_id: int | None = None,
    act: str | None = None,
    project_id: int | None = None,
    actor: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[Entry]:
    """Newest first. ``project_ids``: the projects that may be shown; None = all and the platform's own.

    ``actor`` is a name, whole; ``act`` may end in a dot, for all acts of a kind.
    """
    rows = Entry.objects.order_by("-id")
    if project_ids is not None:
        rows = rows.filter(project_id__in=list(project_ids))
    if act and act.endswith("."):
        rows, act = rows.filter(act__startswith=act), None
    wanted = {
        "subject": subject,
        "subject_id": subject_id,
        "act": act,
        "project_id": project_id,
        "actor_name": actor or None,
        "at__gte": since,
        "at__lt": until,
    }
    return rows.filter(**{field: value for field, value in wanted.items() if value is not None})


def count_acts(act: str, *, actor_name: str, since: datetime) -> int:
    """How often somebody of that name has done it lately."""
    return Entry.objects.filter(act=act, at__gte=since, actor_name=actor_name).count()
