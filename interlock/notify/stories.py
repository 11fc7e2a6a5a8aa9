"""What an entry of the journal is about, read from where things stand when it is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from interlock.accounts.caller import SYSTEM_CALLER
from interlock.accounts.queries import projects
from interlock.catalog.queries import version as find_version
from interlock.journal.queries import entries
from interlock.journal.services import EntryView
from interlock.lifecycle.refused import Refused
from interlock.lifecycle.run.states import STEP_BROKEN
from interlock.notify.events import FOLLOWS
from interlock.notify.rendering import Story
from interlock.runs import queries, waiting
from interlock.runs.participants import participant_of
from interlock.runs.schedule_queries import schedule as find_schedule


@dataclass(frozen=True)
class Told:
    """An event with what it is about, and whose channels it concerns."""

    event: str
    key: str  # of its messages: the same however often the entry comes
    story: Story
    project_id: int | None
    service_id: int | None = None
    task_id: int | None = None
    run_id: int | None = None


def told_of(entry: EntryView) -> Told | None:
    """None when it is no news: of a build as a run, or of what has passed meanwhile."""
    event = FOLLOWS[entry.act]
    if entry.subject == "version":
        return _of_version(event, entry)
    if entry.subject == "schedule":
        return _of_schedule(event, entry)
    try:
        view = queries.run_view(by=SYSTEM_CALLER, run_id=entry.subject_id)
    except Refused:
        return None
    if view.row.origin == "build":
        return None  # its version tells
    if event == "run_held":
        held = waiting.held_runs(by=SYSTEM_CALLER).filter(id=view.row.id).exists()
        # All that one transaction has said of a run has one time, and is told once.
        key = f"held:{view.row.id}:{entry.at.isoformat()}"
        return _of_run(event, key, view, why=view.why) if held else None
    told = _of_run(event, f"entry:{entry.id}", view)
    if entry.act.startswith("approval."):
        return _of_approval(told, entry, view)
    return replace(told, story=_ended(told.story, entry, view))


def of_deadline(approval: Any) -> Told:
    """An open approval whose time runs out."""
    view = queries.run_view(by=SYSTEM_CALLER, run_id=approval.run_id)
    told = _of_run("approval_due", f"due:{approval.id}", view)
    return replace(told, story=_asking(told.story, approval))


def _of_run(event: str, key: str, view: queries.RunView, **more: Any) -> Told:
    run = view.row
    about = participant_of(run.origin).about(run)
    story = Story(
        title=run.title,
        page=about.page,
        project=_project_name(run.project_id),
        asked_by=str(run.requested_by.get("name", "")),
        **more,
    )
    return Told(
        event=event,
        key=key,
        story=story,
        project_id=run.project_id,
        service_id=about.service_id,
        task_id=run.origin_id if run.origin == "task" else None,
        run_id=run.id,
    )


def _ended(story: Story, entry: EntryView, view: queries.RunView) -> Story:
    run = view.row
    if run.ended_at is None or entry.act == "run.started":
        return story
    broken = [(step.row.name, step.row.error) for step in view.steps if step.row.status in STEP_BROKEN]
    if run.started_at is not None:
        story = replace(story, seconds=(run.ended_at - run.started_at).total_seconds())
    if entry.act == "run.canceled":
        acts = entries(project_ids=None, subject="run", subject_id=run.id, act="run.stop_asked")
        stop = acts.first()
        return replace(story, by=stop.actor_name, reason=stop.reason) if stop else story
    return replace(story, broken=broken if entry.act == "run.failed" else ())


def _of_approval(told: Told, entry: EntryView, view: queries.RunView) -> Told | None:
    mine = [row for row in view.approvals if row.step.key == entry.facts.get("key")]
    approval = max(mine, key=lambda row: row.round, default=None)
    if approval is None:
        return None
    if told.event == "approval_opened":
        opened = approval.status == "open"
        return replace(told, story=_asking(told.story, approval)) if opened else None
    decision = entry.act.removeprefix("approval.")
    by = "" if decision == "expired" else entry.actor.name
    if decision == "approved":
        by = ", ".join(vote.name for vote in approval.votes.all() if vote.decision == "approve")
    on_deadline = approval.on_deadline if decision == "expired" else ""
    story = replace(told.story, decision=decision, by=by, reason=entry.reason, on_deadline=on_deadline)
    return replace(told, story=story)


def _asking(story: Story, approval: Any) -> Story:
    return replace(
        story,
        quorum=approval.quorum,
        people=tuple(approval.people),
        deadline=approval.deadline_at,
        on_deadline=approval.on_deadline,
    )


def _of_version(event: str, entry: EntryView) -> Told | None:
    try:
        row = find_version(by=SYSTEM_CALLER, version_id=entry.subject_id)
    except Refused:
        return None
    service = str(entry.facts.get("service", ""))
    code = entry.reason.partition(":")[0]
    why = (code, {"reason": entry.reason}) if code and event == "build_failed" else None
    name = row.name or str(entry.facts.get("ref", ""))
    return Told(
        event=event,
        key=f"entry:{entry.id}",
        story=Story(
            title=f"{service} {name}".strip(),
            page=f"/versions/{row.id}",
            project=_project_name(entry.project_id),
            why=why,
        ),
        project_id=entry.project_id,
        service_id=row.service_id,
    )


def _of_schedule(event: str, entry: EntryView) -> Told | None:
    try:
        row = find_schedule(by=SYSTEM_CALLER, schedule_id=entry.subject_id)
    except Refused:
        return None
    facts = entry.facts
    if event == "schedule_skipped":
        inner = entry.facts.get("facts")
        facts = inner if isinstance(inner, Mapping) else {}
        if row.status == "stopped":
            return None  # which says more
    return Told(
        event=event,
        key=f"entry:{entry.id}",
        story=Story(
            title=row.name,
            page=f"/tasks/{row.task_id}",
            project=_project_name(entry.project_id),
            why=(entry.reason, facts) if entry.reason else None,
        ),
        project_id=entry.project_id,
        task_id=row.task_id,
    )


def _project_name(project_id: int | None) -> str:
    if project_id is None:
        return ""
    named = projects(by=SYSTEM_CALLER).filter(id=project_id).values_list("name", flat=True)
    return named.first() or ""
