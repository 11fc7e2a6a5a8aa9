"""Versions, and which of them an action may go to."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Max, Min, QuerySet

from interlock.accounts.caller import Caller
from interlock.accounts.rights import visible_projects
from interlock.catalog.models import Instance, Version
from interlock.catalog.queries.services import visible_service
from interlock.lifecycle.instance import Action, InstanceStatus
from interlock.lifecycle.refused import invalid, missing
from interlock.lifecycle.version import VersionStatus

COMMITS_LOOKED_AT = 20_000  # about 1 MB


@dataclass(frozen=True)
class VersionRow:
    """``reason`` is a code and ``reason_facts`` what its sentence wants."""

    id: int
    service_id: int
    service_name: str
    project_id: int
    name: str
    status: str
    ref: str
    commit: str
    package: str
    digest: str
    size: int | None
    reason: str
    reason_facts: Mapping[str, str]
    description: str
    created_at: datetime
    created_by: str
    ended_at: datetime | None


@dataclass(frozen=True)
class VersionChoice:
    """A successful version; when not ``enabled``, ``reason`` is the code that says why."""

    id: int
    name: str
    enabled: bool
    reason: str
    created_at: datetime


def version(*, by: Caller, version_id: int) -> VersionRow:
    row = _visible(by).filter(pk=version_id).first()
    if row is None:
        raise missing("version_not_known", version=version_id)
    return _row(row)


def version_named(*, by: Caller, service_id: int, name: str) -> VersionRow:
    row = _visible(by).filter(service=service_id, name=name).first() if name else None
    if row is None:
        raise missing("version_not_known", version=name[:128])
    return _row(row)


def version_of_commit(*, by: Caller, service_id: int, commit: str) -> VersionRow | None:
    """The oldest successful version made from the commit."""
    rows = _visible(by).filter(service=service_id, status=VersionStatus.SUCCESS, commit=commit)
    row = rows.order_by("pk").first() if commit else None
    return _row(row) if row else None


def commits_made(*, by: Caller, service_id: int) -> list[str]:
    """The commits of the service's successful versions, the youngest of them."""
    rows = _visible(by).filter(service=service_id, status=VersionStatus.SUCCESS).exclude(commit="")
    return list(rows.order_by("-pk").values_list("commit", flat=True)[:COMMITS_LOOKED_AT])


def versions(
    *,
    by: Caller,
    service_id: int,
    status: str = "",
    search: str = "",
    before_id: int | None = None,
    limit: int = 50,
) -> list[VersionRow]:
    """Youngest first; ``before_id`` is the last id of the page before."""
    rows = _visible(by).filter(service=visible_service(by, service_id))
    if status:
        if status not in {known.value for known in VersionStatus}:
            raise invalid(
                "choice_not_known", field="status", value=status[:64], allowed=", ".join(VersionStatus)
            )
        rows = rows.filter(status=status)
    if search:
        rows = rows.filter(name__contains=search)
    if before_id is not None:
        rows = rows.filter(pk__lt=before_id)
    return [_row(row) for row in rows.order_by("-pk")[:limit]]


def versions_for(
    *,
    by: Caller,
    service_id: int,
    action: Action | str,
    from_version_id: int | None = None,
    before_id: int | None = None,
    limit: int | None = None,
) -> list[VersionChoice]:
    """Every successful version, youngest first, and whether the action can go there.

    Up means a higher id than ``from_version_id``, back a lower one. Without it a version is enabled
    when at least one installed instance would move the right way.
    """
    action = _read_action(action)
    row = visible_service(by, service_id)
    made = Version.objects.filter(service=row, status=VersionStatus.SUCCESS)
    if from_version_id is not None and not made.filter(pk=from_version_id).exists():
        raise missing("version_not_known", version=from_version_id)
    low = high = from_version_id
    if from_version_id is None and action is not Action.DEPLOY:
        installed = Instance.objects.filter(service=row, version__isnull=False, maintenance=False)
        found = installed.exclude(status=InstanceStatus.ABSENT).aggregate(
            low=Min("version_id"), high=Max("version_id")
        )
        low, high = found["low"], found["high"]
    if before_id is not None:
        made = made.filter(pk__lt=before_id)
    choices = made.order_by("-pk").values_list("pk", "name", "created_at")[:limit]
    return [
        VersionChoice(id, name, not reason, reason, created_at)
        for id, name, created_at in choices
        for reason in [_why_not(action, id, low, high)]
    ]


def _read_action(action: Action | str) -> Action:
    try:
        known = Action(action)
    except ValueError:
        raise invalid(
            "choice_not_known", field="action", value=str(action)[:64], allowed=", ".join(Action)
        ) from None
    if known is Action.DELETE:
        raise invalid("delete_takes_no_version")
    return known


def _why_not(action: Action, id: int, low: int | None, high: int | None) -> str:
    """``low`` and ``high`` bound the versions that instances are on; equal when one was named."""
    if action is Action.DEPLOY:
        return ""
    if low is None or high is None:
        return "service_not_installed"
    if id == low == high:
        return "version_is_current"
    if action is Action.UPGRADE:
        return "" if id > low else "version_not_newer"
    return "" if id < high else "version_not_older"


def _visible(by: Caller) -> QuerySet[Version]:
    rows = Version.objects.select_related("service", "created_by")
    projects = visible_projects(by)
    return rows if projects is None else rows.filter(service__project__in=projects)


def _row(row: Version) -> VersionRow:
    code, _, detail = row.reason.partition(":")
    return VersionRow(
        id=row.pk,
        service_id=row.service_id,
        service_name=row.service.name,
        project_id=row.service.project_id,
        name=row.name,
        status=row.status,
        ref=row.ref,
        commit=row.commit,
        package=row.package,
        digest=row.digest,
        size=row.size,
        reason=code,
        reason_facts={"detail": detail} if detail else {},
        description=row.description,
        created_at=row.created_at,
        created_by=row.created_by.username if row.created_by else "",
        ended_at=row.ended_at,
    )
