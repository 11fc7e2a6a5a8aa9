"""What waits for whom, and why: of many runs at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, TypeVar

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet

from interlock.accounts.caller import Caller
from interlock.accounts.rights import may, visible_projects
from interlock.lifecycle.run.states import STEP_BROKEN, LaneStatus, RunStatus, StepStatus
from interlock.runs.clock import now
from interlock.runs.models import Approval, Lane, Run, Step
from interlock.runs.queries import StepView, explain, open_approvals

M = TypeVar("M", Run, Approval)
NEAR = timedelta(minutes=30)
COUNTED = 100  # more waits than anybody reads in a badge


def explanations(runs: Iterable[Run]) -> dict[int, tuple[str, Mapping[str, Any]]]:
    """run id -> why it is where it is, in four queries however many they are."""
    open_ones = [run for run in runs if run.ended_at is None]
    ids = [run.id for run in open_ones]
    if not ids:
        return {}
    steps: dict[int, list[Step]] = {}
    for row in Step.objects.filter(run_id__in=ids, position=-1, stage=F("run__stage")).order_by("id"):
        steps.setdefault(row.run_id, []).append(row)
    rollouts = [row.id for rows in steps.values() for row in rows if row.phase]
    tallies: dict[int, dict[str, int]] = {}
    counted = Lane.objects.filter(step_id__in=rollouts).values_list("step_id", "status").order_by()
    for step_id, status, n in counted.annotate(n=Count("id")):
        tallies.setdefault(step_id, {})[status] = n
    asked: dict[int, list[Approval]] = {}
    rows = Approval.objects.filter(run_id__in=ids, status="open").select_related("step")
    for approval in rows.prefetch_related("votes").order_by("id"):
        asked.setdefault(approval.run_id, []).append(approval)
    found = {}
    for run in open_ones:
        views = tuple(StepView(row, tally=tallies.get(row.id, {})) for row in steps.get(run.id, []))
        found[run.id] = explain(run, views, tuple(asked.get(run.id, [])))
    return found


def progress(run_ids: Iterable[int]) -> dict[int, tuple[int, int]]:
    """run id -> (hosts that are through, all hosts)."""
    through = Q(status__in=[LaneStatus.SUCCEEDED, LaneStatus.SKIPPED])
    counted = Lane.objects.filter(run_id__in=list(run_ids)).values("run_id").order_by()
    rows = counted.annotate(done=Count("id", filter=through), hosts=Count("id"))
    return {row["run_id"]: (row["done"], row["hosts"]) for row in rows}


def held_runs(*, by: Caller) -> QuerySet[Run]:
    """Runs that go on only when a person says how, and that the caller may operate; oldest first."""
    here = Step.objects.filter(run_id=OuterRef("id"), stage=OuterRef("stage"), position=-1)
    by_hand = Q(kind="wait", status=StepStatus.WAITING, wake_at=None)
    asks = here.filter(Q(phase__in=["held", "confirm"]) | Q(status__in=STEP_BROKEN) | by_hand)
    rows = Run.objects.filter(status=RunStatus.WAITING).filter(~Q(hold="") | Exists(asks))
    return _in_projects(rows, by, "operate", "project_id").defer("plan").order_by("id")


def near_deadline() -> list[Approval]:
    """Open approvals whose time runs out: in half an hour, or half gone where it is short."""
    at = now()
    rows = Approval.objects.filter(status="open", deadline_at__gt=at, deadline_at__lte=at + NEAR)
    found = rows.select_related("run", "step").defer("run__plan").order_by("id")[:200]
    return [row for row in found if row.deadline_at and row.deadline_at - at <= (at - row.opened_at)]


def own_requests(*, by: Caller) -> QuerySet[Approval]:
    """Open approvals that the caller has asked for and others have to give."""
    rows = Approval.objects.filter(status="open", run__requested_by__id=by.id)
    rows = rows.filter(run__requested_by__kind__in=["person", "token"])
    return _in_projects(rows, by, "view", "run__project_id").order_by("opened_at")


def decided_approvals(*, by: Caller) -> QuerySet[Approval]:
    """Newest first."""
    rows = Approval.objects.exclude(status="open").select_related("run", "step").prefetch_related("votes")
    return _in_projects(rows, by, "view", "run__project_id").defer("run__plan").order_by("-closed_at", "-id")


def waiting_for(*, by: Caller) -> int:
    """How much waits for this person: votes to give, and decisions after a failure; COUNTED at most."""
    mine = Q(run__requested_by__id=by.id, run__requested_by__kind__in=["person", "token"])
    rows = open_approvals(by=by).exclude(Q(not_requester=True) & mine)
    rows = rows.exclude(votes__person_id=str(by.person_id))
    asked = rows.prefetch_related(None).values_list("people", flat=True)[:COUNTED]
    votes = sum(1 for people in asked if not people or by.name in people)
    return min(votes + held_runs(by=by)[:COUNTED].count(), COUNTED)


def _in_projects(rows: QuerySet[M], by: Caller, right: str, column: str) -> QuerySet[M]:
    visible = visible_projects(by)
    if visible is None:
        return rows
    return rows.filter(**{f"{column}__in": {project for project in visible if may(by, right, project)}})
