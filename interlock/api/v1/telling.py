"""Runs put into shape, for every router that tells of them."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from interlock.api.auth import caller
from interlock.api.schemas.runs import Approval, Lane, MadeFrom, Run, RunLine, Step, Target, Verb, Vote, Why
from interlock.runs import queries
from interlock.runs.queries import StepView, VerbView, body_of, step_body
from interlock.words import sentence

_LINE = ("id", "project_id", "title", "origin", "origin_id", "status", "outcome", "hold", "version",
         "plan_hash", "round", "stage", "requested_by", "created_at", "started_at", "ended_at")  # fmt: skip
_STEP = ("key", "kind", "name", "status", "phase", "batch", "started_at", "ended_at", "error", "result",
         "wake_at")  # fmt: skip
_APPROVAL = ("run_id", "round", "status", "quorum", "people", "not_requester", "plan_hash", "deadline_at",
             "opened_at", "closed_at")  # fmt: skip
_LANE = ("host_id", "batch", "status", "position", "seq", "touched", "error", "started_at", "ended_at")
_TARGET = ("status", "exit_code", "error", "started_at", "ended_at", "history")
BODILESS = frozenset({"rollout", "approval", "wait"})


def _same(row: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}


def line(row: Any) -> RunLine:
    return RunLine(**_same(row, _LINE))


def run(request: HttpRequest, run_id: int) -> Run:
    """The whole run, in a number of queries that does not depend on its size."""
    view = queries.run_view(by=caller(request), run_id=run_id)
    code, facts = view.why
    return Run(
        **_same(view.row, _LINE),
        made_from=MadeFrom(**view.row.made_from) if view.row.made_from else None,
        rerun_of=view.row.rerun_of_id,
        why=Why(code=code, facts=dict(facts), text=sentence(code, facts)),
        steps=[_step(step) for step in view.steps],
        approvals=[Approval(**approval(row)) for row in view.approvals],
        verbs=[_verb(verb) for verb in view.verbs],
    )


def _step(view: StepView) -> Step:
    body = "" if view.row.kind in BODILESS else step_body(view.row)
    return Step(
        **_same(view.row, _STEP),
        try_=view.row.try_number,
        body=body or None,
        inner=list(view.inner),
        hosts=view.hosts,
        tally=dict(view.tally),
    )


def approval(row: Any) -> dict[str, Any]:
    votes = [Vote.model_validate(vote) for vote in row.votes.all()]
    return {**_same(row, _APPROVAL), "key": row.step.key, "votes": votes}


def _verb(view: VerbView) -> Verb:
    text = sentence(view.reason, view.facts) if view.reason else ""
    return Verb(verb=view.verb, key=view.key, allowed=view.allowed, reason=view.reason, text=text)


def lane(row: Any) -> Lane:
    targets = sorted(row.targets.all(), key=lambda target: target.step.position)
    return Lane(
        **_same(row, _LANE),
        key=row.step.key,
        host=row.host_name,
        targets=[_target(target) for target in targets],
    )


def _target(row: Any) -> Target:
    return Target(**_same(row, _TARGET), step=row.step.name, try_=row.try_number, body=body_of(row))
