"""Versions, and which of them an action may go to."""

from __future__ import annotations

from dataclasses import asdict

from django.http import HttpRequest
from ninja import Query, Router

from interlock.api.auth import caller
from interlock.api.paging import after, cut
from interlock.api.schemas.pieces import Page, PathId
from interlock.api.schemas.versions import ChoiceQuery, Version, VersionChoice, VersionLine, VersionQuery
from interlock.builds import queries as builds
from interlock.catalog import queries
from interlock.catalog.queries import VersionRow
from interlock.words import sentence

router = Router(tags=["versions"])


def version_line(row: VersionRow) -> VersionLine:
    return VersionLine(**asdict(row), reason_text=_text(row))


def _text(row: VersionRow) -> str:
    return sentence(row.reason, row.reason_facts) if row.reason else ""


@router.get("/services/{int:service_id}/versions", response=Page[VersionLine])
def list_versions(request: HttpRequest, service_id: PathId, query: Query[VersionQuery]) -> Page[VersionLine]:
    """Youngest first."""
    rows = queries.versions(
        by=caller(request),
        service_id=service_id,
        status=query.status,
        search=query.search,
        before_id=after(query, int, of="versions"),
        limit=query.limit + 1,
    )
    return cut(rows, query, version_line, lambda row: row.id, of="versions")


@router.get("/versions/{int:version_id}", response=Version)
def get_version(request: HttpRequest, version_id: PathId) -> Version:
    by = caller(request)
    row = queries.version(by=by, version_id=version_id)
    made = builds.builds_of(by=by, version_id=version_id)
    run_id = made[0].run_id if made else None
    return Version(**asdict(row), reason_text=_text(row), run_id=run_id)


@router.get("/services/{int:service_id}/versions-for", response=Page[VersionChoice])
def versions_for(request: HttpRequest, service_id: PathId, query: Query[ChoiceQuery]) -> Page[VersionChoice]:
    """Every successful version, youngest first, and whether the action can go there."""
    rows = queries.versions_for(
        by=caller(request),
        service_id=service_id,
        action=query.action,
        from_version_id=query.from_version_id,
        before_id=after(query, int, of="versions-for"),
        limit=query.limit + 1,
    )
    return cut(rows, query, _choice, lambda row: row.id, of="versions-for")


def _choice(row: queries.VersionChoice) -> VersionChoice:
    return VersionChoice(**asdict(row), reason_text=sentence(row.reason, {}) if row.reason else "")
