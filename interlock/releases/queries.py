"""Reads of releases."""

from __future__ import annotations

from django.db.models import QuerySet

from interlock.accounts.caller import Caller
from interlock.accounts.rights import visible_projects
from interlock.lifecycle.refused import missing
from interlock.releases.models import Release


def releases(
    *, by: Caller, service_id: int | None = None, project_id: int | None = None
) -> QuerySet[Release]:
    """Newest first."""
    visible = visible_projects(by)
    rows = Release.objects.select_related("service", "version", "from_version", "run", "created_by")
    if visible is not None:
        rows = rows.filter(project_id__in=visible)
    if service_id is not None:
        rows = rows.filter(service_id=service_id)
    if project_id is not None:
        rows = rows.filter(project_id=project_id)
    return rows.order_by("-id")


def release(*, by: Caller, release_id: int) -> Release:
    row = releases(by=by).filter(id=release_id).first()
    if row is None:
        raise missing("release_not_known", release_id=release_id)
    return row
