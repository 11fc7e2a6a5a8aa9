"""Votes: the vote, what it decides and what follows are one transaction under the run's lock."""

from __future__ import annotations

from typing import Literal

from interlock.accounts.caller import Caller
from interlock.accounts.rights import may, require
from interlock.journal.actor import SYSTEM, Actor
from interlock.journal.transactions import writing
from interlock.lifecycle.refused import Refused, forbidden, missing
from interlock.lifecycle.run.events import ApprovalEnded
from interlock.lifecycle.run.plan import Key
from interlock.runs.clock import now
from interlock.runs.engine.apply import Change, apply_locked, finish
from interlock.runs.engine.effects import close_approval
from interlock.runs.engine.snapshot import lock_run
from interlock.runs.models import Approval, Run, Vote


def approve(*, run_id: int, key: str, by: Caller, note: str = "", plan_hash: str) -> Run:
    """Agree to the plan with this hash. The last of the quorum lets the run go on."""
    return _vote(run_id, key, by, "approve", note, plan_hash)


def reject(*, run_id: int, key: str, by: Caller, note: str = "", plan_hash: str) -> Run:
    """One rejection ends the run."""
    return _vote(run_id, key, by, "reject", note, plan_hash)


def _vote(
    run_id: int, key: str, by: Caller, decision: Literal["approve", "reject"], note: str, plan_hash: str
) -> Run:
    project_id = Run.objects.filter(id=run_id).values_list("project_id", flat=True).first()
    if project_id is None:
        raise missing("run_not_known", run_id=run_id)
    require(by, "approve", project_id)
    with writing():
        run = lock_run(run_id)
        approval = _open_approval(run, key)
        if refused := vote_refusal(by=by, approval=approval):
            raise refused
        if plan_hash != approval.plan_hash:
            raise Refused("plan_changed", plan_hash=approval.plan_hash)
        change = Change(run=run, by=by, at=now(), reason=note)
        Vote.objects.create(
            approval=approval,
            person_id=str(by.person_id),
            name=by.name,
            decision=decision,
            note=note,
            at=change.at,
        )
        change.note(
            f"approval.{'voted' if decision == 'approve' else 'rejected'}", key=key, round=approval.round
        )
        votes = approval.votes.filter(decision="approve").count()
        if decision == "reject":
            _close(change, approval, "rejected")
        elif votes >= approval.quorum:
            _close(change, approval, "approved")
        finish(change)
    return run


def _open_approval(run: Run, key: str) -> Approval:
    """The open approval of the step; the second click hears who was first."""
    rows = Approval.objects.filter(run_id=run.id, step__key=key).order_by("-round")
    latest = rows.first()
    if latest is None:
        raise missing("approval_not_known", key=key[:32])
    if latest.status != "open":
        last = latest.votes.order_by("-id").first()
        raise Refused("approval_decided", status=latest.status, by=last.name if last else "interlock")
    latest.run = run
    return latest


def vote_refusal(*, by: Caller, approval: Approval) -> Refused | None:
    """Why this person cannot vote now; for pages, which read the votes with the approval."""
    run = approval.run
    if not may(by, "approve", run.project_id):
        return forbidden("not_allowed", right="approve")
    if by.person_id is None:
        return forbidden("only_people_vote")
    requester = run.requested_by
    same = requester.get("kind") in ("person", "token") and requester.get("id") == by.id
    if approval.not_requester and same:
        return forbidden("own_request")
    if approval.people and by.name not in approval.people:
        return forbidden("not_asked", people=", ".join(approval.people[:10]))
    if any(vote.person_id == str(by.person_id) for vote in approval.votes.all()):
        return Refused("voted_already")
    return None


def _close(change: Change, approval: Approval, status: Literal["approved", "rejected", "expired"]) -> None:
    close_approval(change, approval.id, status)
    decision: Literal["approved", "rejected"] = "rejected"
    if status == "approved" or (status == "expired" and approval.on_deadline == "approve"):
        decision = "approved"
    if status == "approved":  # the last vote says only that it was given
        change.note("approval.approved", key=approval.step.key, round=approval.round)
    key = approval.step.key
    apply_locked(change, ApprovalEnded(Key.parse(key), decision))


def close_expired(approval_id: int, by: Actor = SYSTEM) -> None:
    """The deadline has passed: do what the approval says then."""
    run_id = Approval.objects.filter(id=approval_id).values_list("run_id", flat=True).get()
    with writing():
        run = lock_run(run_id)
        approval = Approval.objects.select_related("step").get(id=approval_id)
        change = Change(run=run, by=by, at=now())
        if approval.status != "open" or approval.deadline_at is None or approval.deadline_at > change.at:
            return
        change.note("approval.expired", key=approval.step.key, does=approval.on_deadline)
        _close(change, approval, "expired")
        finish(change)
