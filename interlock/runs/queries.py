"""Reads of runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, Q, QuerySet

from interlock.accounts.caller import Caller
from interlock.accounts.rights import may, visible_projects
from interlock.lifecycle.refused import Refused, missing
from interlock.lifecycle.run.decide import decide_run
from interlock.lifecycle.run.events import (
    GaveUp,
    Paused,
    Resumed,
    RunEvent,
    Started,
    StepRetried,
    StepSkipped,
    StopAsked,
    WentOn,
)
from interlock.lifecycle.run.plan import Rollout
from interlock.lifecycle.run.states import LaneStatus, RunStatus, SliceStatus, StepStatus
from interlock.runs import logs
from interlock.runs.engine.claims import facts_of
from interlock.runs.engine.snapshot import plan_of, state_of
from interlock.runs.models import Approval, Lane, LogHead, Run, Slice, Step, Target

RunRow = Run


@dataclass(frozen=True)
class VerbView:
    """A thing a person could do now, or why not (a code)."""

    verb: str
    key: str
    allowed: bool
    reason: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class StepView:
    row: Step
    inner: tuple[str, ...] = ()
    hosts: int = 0
    tally: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class RunView:
    row: Run
    steps: tuple[StepView, ...]
    approvals: tuple[Approval, ...]
    verbs: tuple[VerbView, ...]
    why: tuple[str, Mapping[str, Any]]  # code and facts of why it is where it is


def list_runs(
    *,
    by: Caller,
    project_id: int | None = None,
    status: str | None = None,
    origin: str | None = None,
    origin_id: int | None = None,
    text: str = "",
) -> QuerySet[Run]:
    """Newest first, without their plans. ``text`` is looked for in titles and in who asked; #12 is run 12."""
    rows = Run.objects.defer("plan").order_by("-id")
    visible = visible_projects(by)
    if visible is not None:
        rows = rows.filter(project_id__in=visible)
    wanted = {"project_id": project_id, "status": status, "origin": origin, "origin_id": origin_id}
    rows = rows.filter(**{name: value for name, value in wanted.items() if value is not None})
    for word in text.split()[:5]:
        number = word.removeprefix("#")
        if number.isascii() and number.isdigit() and len(number) < 16 and word != number:
            rows = rows.filter(id=int(number))
        else:
            rows = rows.filter(Q(title__icontains=word) | Q(requested_by__name__icontains=word))
    return rows


def runs_on_host(*, by: Caller, host_id: int, limit: int = 10) -> list[Run]:
    """The runs that last had this host among theirs, newest first."""
    # A run has a lane of the host for each of its rollouts, few; so the newest lanes name enough runs.
    lanes = Lane.objects.filter(host=host_id).order_by("-id").values_list("run", flat=True)[: limit * 5]
    return list(list_runs(by=by).filter(id__in=list(lanes))[:limit])


def find_run(*, by: Caller, run_id: int) -> Run:
    run = Run.objects.filter(id=run_id).first()
    if run is None or not may(by, "view", run.project_id):
        raise missing("run_not_known", run_id=run_id)
    return run


def run_view(*, by: Caller, run_id: int) -> RunView:
    """A run as a page shows it, in a number of queries that does not depend on its size."""
    run = find_run(by=by, run_id=run_id)
    rows = list(Step.objects.filter(run_id=run.id).order_by("stage", "id"))
    tallies: dict[int, dict[str, int]] = {}
    counted = (
        Lane.objects.filter(run_id=run.id).values("step_id", "status").annotate(n=Count("id")).order_by()
    )
    for row in counted:
        tallies.setdefault(row["step_id"], {})[row["status"]] = row["n"]
    inner: dict[int, list[Step]] = {}
    for step in rows:
        if step.parent_id is not None:
            inner.setdefault(step.parent_id, []).append(step)
    steps = tuple(
        StepView(
            row=step,
            inner=tuple(s.name for s in sorted(inner.get(step.id, []), key=lambda s: s.position)),
            hosts=sum(tallies.get(step.id, {}).values()),
            tally=tallies.get(step.id, {}),
        )
        for step in rows
        if step.parent_id is None
    )
    approvals = tuple(
        Approval.objects.filter(run_id=run.id).select_related("step").prefetch_related("votes").order_by("id")
    )
    return RunView(run, steps, approvals, tuple(_verbs(by, run)), explain(run, steps, approvals))


def _verbs(by: Caller, run: Run) -> list[VerbView]:
    """Each verb asked of the rules themselves, so that a page and the engine never disagree."""
    state, plan = state_of(run, to_change=False), plan_of(run)
    asked: list[tuple[str, str, RunEvent]] = [
        ("start", "", Started()),
        ("pause", "", Paused()),
        ("resume", "", Resumed()),
        ("stop", "", StopAsked()),
        ("give-up", "", GaveUp()),
    ]
    for branch in state.branches:
        key = str(branch.key)
        asked.append(("retry", key, StepRetried(branch.key)))
        if not isinstance(plan.branch(branch.key), Rollout):
            asked.append(("skip", key, StepSkipped(branch.key)))
        asked.append(("go-on", key, WentOn(branch.key)))
    views = []
    for verb, key, event in asked:
        right = "release" if verb == "start" and run.origin == "release" else "operate"
        refused = None if may(by, right, run.project_id) else Refused("not_allowed", right=right)
        if refused is None:
            try:
                decide_run(plan, state, event)
            except Refused as error:
                refused = error
        if refused is None:
            views.append(VerbView(verb, key, True))
        else:
            views.append(VerbView(verb, key, False, refused.code, refused.facts))
    return views


Why = tuple[str, Mapping[str, Any]]  # a code of ``why_…`` with its facts


def explain(run: Run, steps: tuple[StepView, ...], approvals: tuple[Approval, ...]) -> Why:
    """Why the run is where it is."""
    if run.ended_at is not None or run.status == RunStatus.PENDING:
        return f"why_{run.status}", {}
    if run.hold == "plan_changed":
        return "why_plan_changed", {}
    if run.hold:
        return "why_locks_refused", {"code": run.hold, "because": {"code": run.hold, "facts": run.hold_facts}}
    if run.stop_requested or run.paused:
        paused = "why_paused" if run.status == RunStatus.PAUSED else "why_pausing"
        return ("why_stopping" if run.stop_requested else paused), {}
    open_ones = [approval for approval in approvals if approval.status == "open"]
    if open_ones:
        first = open_ones[0]
        given = sum(1 for vote in first.votes.all() if vote.decision == "approve")
        return "why_approval", {"quorum": first.quorum, "given": given, "key": first.step.key}
    reasons = (_why_here(step) for step in steps if step.row.stage == run.stage)
    return next((why for why in reasons if why is not None), ("why_running", {}))


def _why_here(step: StepView) -> Why | None:
    row = step.row
    until = row.wake_at.isoformat() if row.wake_at else ""
    if row.phase in ("held", "confirm", "bake"):
        broken = step.tally.get(LaneStatus.FAILED, 0) + step.tally.get(LaneStatus.UNKNOWN, 0)
        facts = {"name": row.name, "hosts": broken, "batch": row.batch + 1, "until": until}
        return f"why_{row.phase}", facts
    if row.status in ("failed", "timed_out", "unknown"):
        return "why_step_broken", {"name": row.name, "status": row.status, "error": row.error}
    if row.status == "waiting":
        return ("why_until" if until else "why_manual"), {"name": row.name, "until": until}
    untaken = (
        row.phase == "work" and step.tally.get(LaneStatus.PENDING) and not step.tally.get(LaneStatus.RUNNING)
    )
    return ("why_ready", {"name": row.name}) if row.status == "ready" or untaken else None


def lanes(
    *,
    by: Caller,
    run_id: int,
    key: str | None = None,
    batch: int | None = None,
    status: str | None = None,
) -> QuerySet[Lane]:
    """Hosts of a run's rollouts, each with its targets."""
    find_run(by=by, run_id=run_id)
    rows = Lane.objects.filter(run_id=run_id).select_related("step").prefetch_related("targets__step")
    wanted = {"step__key": key, "batch": batch, "status": status}
    return rows.filter(**{name: value for name, value in wanted.items() if value is not None}).order_by("id")


def body_of(target: Target, try_number: int | None = None) -> str:
    """The name of a try's body and of its log."""
    return f"t{target.id}-{try_number if try_number is not None else target.try_number}"


def step_body(step: Step) -> str:
    return f"s{step.id}-{step.try_number}" if step.try_number else ""


def log_bytes(*, by: Caller, run_id: int, body: str, offset: int, limit: int) -> logs.LogPart:
    find_run(by=by, run_id=run_id)
    return logs.read_log(run_id, body, offset, limit)


def log_tail(*, by: Caller, run_id: int, body: str, limit: int) -> logs.LogPart:
    find_run(by=by, run_id=run_id)
    return logs.read_tail(run_id, body, limit)


def open_approvals(*, by: Caller) -> QuerySet[Approval]:
    """Those that wait for somebody with the caller's rights, oldest first."""
    rows = Approval.objects.filter(status="open").select_related("run", "step").prefetch_related("votes")
    visible = visible_projects(by)
    if visible is not None:
        rows = rows.filter(run__project_id__in={p for p in visible if may(by, "approve", p)})
    return rows.defer("run__plan").order_by("opened_at")


def hosts_in_doubt(run_id: int) -> set[int]:
    """Hosts where something of the run may still live."""
    rows = Lane.objects.filter(run_id=run_id, status=LaneStatus.UNKNOWN)
    return set(rows.values_list("host_id", flat=True))


def bodies_of(run_id: int, host_id: int) -> list[str]:
    """What the newest body of each of the run's targets is called on the host."""
    rows = Target.objects.filter(lane__run_id=run_id, lane__host_id=host_id).order_by("id")
    run = facts_of(Run.objects.defer("plan").get(id=run_id))
    return [run.on_host(body_of(row)) for row in rows]


def versions_of(run_ids: set[int]) -> dict[int, tuple[int, str]]:
    """run id -> (version, status): what a live page has to compare."""
    rows = Run.objects.filter(id__in=run_ids).values_list("id", "version", "status")
    return {run_id: (version, status) for run_id, version, status in rows}


def counts() -> dict[str, int]:
    """Open runs by status, for metrics."""
    rows = Run.objects.filter(ended_at=None).values("status").annotate(n=Count("id")).order_by()
    return {row["status"]: row["n"] for row in rows}


def log_ends(bodies: set[str]) -> dict[tuple[int, str], tuple[int, bool]]:
    """(run id, body) -> (bytes stored, whether that is all): what who follows logs has to compare."""
    rows = LogHead.objects.filter(body__in=bodies).values_list("run_id", "body", "end", "ended")
    return {(run_id, body): (end, ended) for run_id, body, end, ended in rows}


def waiting_work() -> dict[str, int]:
    """What is ready and not yet taken by a worker, for metrics."""
    return {
        "slice": Slice.objects.filter(status=SliceStatus.READY).count(),
        "step": Step.objects.filter(status=StepStatus.READY).count(),
    }
