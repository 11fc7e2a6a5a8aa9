"""Reads of releases."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import Max, QuerySet

from interlock.accounts.caller import Caller
from interlock.accounts.rights import visible_projects
from interlock.lifecycle.refused import missing
from interlock.releases.models import Release

ReleaseRow = Release


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


def last_releases(*, by: Caller, service_ids: Collection[int]) -> dict[int, Release]:
    """service id -> its youngest release, without its plan."""
    youngest = releases(by=by).filter(service_id__in=service_ids).order_by().values("service_id")
    rows = light(releases(by=by)).filter(id__in=youngest.annotate(newest=Max("id")).values("newest"))
    return {row.service_id: row for row in rows}


def targets(*, by: Caller, service_ids: Collection[int]) -> dict[int, tuple[int, str]]:
    """service id -> the version that a release at work on it leads to."""
    rows = releases(by=by).filter(service_id__in=service_ids, run__ended_at=None, run__locked=True)
    found = rows.exclude(version=None).order_by("id").values_list("service_id", "version_id", "version__name")
    return {service_id: (version_id, name) for service_id, version_id, name in found}


def light(rows: QuerySet[Release]) -> QuerySet[Release]:
    """For lists: a plan of thousands of hosts is megabytes."""
    return rows.defer("intent", "request", "obstacles", "changes", "former", "run__plan")


def release(*, by: Caller, release_id: int) -> Release:
    row = releases(by=by).filter(id=release_id).first()
    if row is None:
        raise missing("release_not_known", release_id=release_id)
    return row
