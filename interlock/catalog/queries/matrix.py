"""Which versions run where: services down, environments or host groups across, counted by the database."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, TypeVar

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from interlock.accounts.caller import Caller
from interlock.accounts.rights import visible_projects
from interlock.catalog.models import Instance, Lock
from interlock.lifecycle.instance import FAILED, InstanceStatus

T = TypeVar("T", Instance, Lock)
Across = Literal["environment", "group"]
COLUMN = {"environment": "host__environment", "group": "host__groups"}


@dataclass(frozen=True)
class Tally:
    """So many instances of a service in a column are alike. ``column_id`` None: in no group."""

    service_id: int
    column_id: int | None
    version_id: int | None
    version_name: str
    next_version_id: int | None
    next_version_name: str
    status: str
    maintenance: bool
    number: int


@dataclass(frozen=True)
class LockTally:
    """So many instances of a service in a column are held by one run."""

    service_id: int
    column_id: int | None
    run_id: int
    status: str
    holder: str
    reason: str
    number: int


def matrix(*, by: Caller, service_ids: Collection[int], across: Across = "environment") -> list[Tally]:
    """What there is of these services, deleted instances left out; one host may be in several groups."""
    fields = (
        "service_id", COLUMN[across], "version_id", "version__name", "next_version_id", "next_version__name",
        "status", "maintenance",
    )  # fmt: skip
    rows = _of(Instance.objects.filter(service__in=service_ids), by)
    rows = rows.exclude(status=InstanceStatus.ABSENT)
    counted = rows.order_by().values_list(*fields).annotate(number=Count("pk"))
    return [
        Tally(service, column, version, name or "", next_id, next_name or "", status, maintenance, number)
        for service, column, version, name, next_id, next_name, status, maintenance, number in counted
    ]


def matrix_locks(
    *, by: Caller, service_ids: Collection[int], across: Across = "environment"
) -> list[LockTally]:
    """Who holds instances of these services, and where; locks of whole services are left out."""
    fields = ("service_id", f"instance__{COLUMN[across]}", "run_id", "status", "holder", "reason")
    rows = _of(Lock.objects.filter(service__in=service_ids, instance__isnull=False), by)
    counted = rows.order_by().values_list(*fields).annotate(number=Count("pk"))
    return [LockTally(*row) for row in counted]


def in_trouble() -> Q:
    """Of services: something failed there, or a lock waits for proof."""
    failed = Instance.objects.filter(service=OuterRef("pk"), status__in=list(FAILED.values()))
    doubted = Lock.objects.filter(service=OuterRef("pk"), status="unproven")
    return Q(Exists(failed)) | Q(Exists(doubted))


def _of(rows: QuerySet[T], by: Caller) -> QuerySet[T]:
    projects = visible_projects(by)
    return rows if projects is None else rows.filter(service__project__in=projects)
