"""Reads of builds."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from interlock.accounts.caller import Caller
from interlock.builds.models import Build
from interlock.catalog.queries import VersionRow, service, version
from interlock.lifecycle.refused import missing


@dataclass(frozen=True)
class BuildRow:
    """``run_id`` is None for what was made elsewhere and delivered."""

    id: int
    version_id: int
    version_name: str
    status: str
    source: str
    ref: str
    run_id: int | None
    created_at: datetime
    created_by: str


def builds(
    *,
    by: Caller,
    service_id: int,
    version_ids: Collection[int] | None = None,
    before: datetime | None = None,
    before_id: int | None = None,
    limit: int = 50,
) -> list[BuildRow]:
    """Youngest first."""
    rows = Build.objects.filter(version__service=service(by=by, service_id=service_id).id)
    if version_ids is not None:
        rows = rows.filter(version__in=version_ids)
    if before is not None:
        rows = rows.filter(created_at__lt=before)
    if before_id is not None:
        rows = rows.filter(pk__lt=before_id)
    return [_row(row) for row in rows.select_related("version", "created_by").order_by("-pk")[:limit]]


def builds_of(*, by: Caller, version_id: int) -> list[BuildRow]:
    row: VersionRow = version(by=by, version_id=version_id)
    rows = Build.objects.filter(version=row.id).select_related("version", "created_by")
    return [_row(row) for row in rows.order_by("-pk")]


def build(*, by: Caller, build_id: int) -> BuildRow:
    row = Build.objects.select_related("version", "created_by").filter(pk=build_id).first()
    if row is None:
        raise missing("not_found")
    version(by=by, version_id=row.version_id)
    return _row(row)


def _row(row: Build) -> BuildRow:
    return BuildRow(
        id=row.pk,
        version_id=row.version_id,
        version_name=row.version.name,
        status=row.version.status,
        source=row.source,
        ref=row.ref,
        run_id=row.run_id,
        created_at=row.created_at,
        created_by=row.created_by.username if row.created_by else "",
    )
