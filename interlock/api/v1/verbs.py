"""What people say to runs. Every verb answers with the run as it is then."""

from __future__ import annotations

from django.http import HttpRequest
from ninja import Path, Router

from interlock.api.auth import caller
from interlock.api.idempotency import idempotent
from interlock.api.schemas.pieces import Name, NothingAsked, PathId
from interlock.api.schemas.runs import Run
from interlock.api.schemas.verbs import Exclude, NewVote, Reason, Resolve, Retry
from interlock.api.v1 import telling
from interlock.runs import approvals, services

router = Router(tags=["verbs"])


@router.post("/runs/{int:run_id}/start", response=Run, by_alias=True)
@idempotent
def start_run(request: HttpRequest, run_id: PathId, body: NothingAsked | None = None) -> Run:
    """Start it, or try again where its locks were refused."""
    services.start(run_id=run_id, by=caller(request))
    return telling.run(request, run_id)


@router.post("/runs/{int:run_id}/stop", response=Run, by_alias=True)
@idempotent
def stop_run(request: HttpRequest, run_id: PathId, body: Reason | None = None) -> Run:
    """End whatever the run has started, with proof; it ends as `canceled`."""
    services.stop(run_id=run_id, by=caller(request), reason=body.reason if body else "")
    return telling.run(request, run_id)


@router.post("/runs/{int:run_id}/pause", response=Run, by_alias=True)
@idempotent
def pause_run(request: HttpRequest, run_id: PathId, body: Reason | None = None) -> Run:
    """Begin nothing further. What has begun goes on to its end, each host through all of its steps."""
    services.pause(run_id=run_id, by=caller(request), reason=body.reason if body else "")
    return telling.run(request, run_id)


@router.post("/runs/{int:run_id}/resume", response=Run, by_alias=True)
@idempotent
def resume_run(request: HttpRequest, run_id: PathId, body: Reason | None = None) -> Run:
    """Go on where the pause began."""
    services.resume(run_id=run_id, by=caller(request), reason=body.reason if body else "")
    return telling.run(request, run_id)


@router.post("/runs/{int:run_id}/give-up", response=Run, by_alias=True)
@idempotent
def give_up_run(request: HttpRequest, run_id: PathId, body: Reason | None = None) -> Run:
    """Let a waiting run end as `failed`."""
    services.give_up(run_id=run_id, by=caller(request), reason=body.reason if body else "")
    return telling.run(request, run_id)


@router.post("/runs/{int:run_id}/steps/{key}/approve", response=Run, by_alias=True)
@idempotent
def approve(request: HttpRequest, run_id: PathId, key: Path[Name], body: NewVote) -> Run:
    """Agree to the plan with this hash. The last of the quorum lets the run go on."""
    approvals.approve(run_id=run_id, key=key, by=caller(request), note=body.note, plan_hash=body.plan_hash)
    return telling.run(request, run_id)


@router.post("/runs/{int:run_id}/steps/{key}/reject", response=Run, by_alias=True)
@idempotent
def reject(request: HttpRequest, run_id: PathId, key: Path[Name], body: NewVote) -> Run:
    """One rejection ends the run."""
    approvals.reject(run_id=run_id, key=key, by=caller(request), note=body.note, plan_hash=body.plan_hash)
    return telling.run(request, run_id)


@router.post("/runs/{int:run_id}/steps/{key}/retry", response=Run, by_alias=True)
@idempotent
def retry_step(request: HttpRequest, run_id: PathId, key: Path[Name], body: Retry | None = None) -> Run:
    """A broken step, or the broken hosts of a held rollout, go again."""
    asked = body or Retry()
    services.retry(run_id=run_id, key=key, by=caller(request), reason=asked.reason, host_ids=asked.host_ids)
    return telling.run(request, run_id)


@router.post("/runs/{int:run_id}/steps/{key}/skip", response=Run, by_alias=True)
@idempotent
def skip_step(request: HttpRequest, run_id: PathId, key: Path[Name], body: Reason | None = None) -> Run:
    """Go on without a broken step."""
    services.skip(run_id=run_id, key=key, by=caller(request), reason=body.reason if body else "")
    return telling.run(request, run_id)


@router.post("/runs/{int:run_id}/steps/{key}/exclude", response=Run, by_alias=True)
@idempotent
def exclude_hosts(request: HttpRequest, run_id: PathId, key: Path[Name], body: Exclude) -> Run:
    """Take hosts out of the rollout."""
    services.exclude(run_id=run_id, key=key, by=caller(request), reason=body.reason, host_ids=body.host_ids)
    return telling.run(request, run_id)


@router.post("/runs/{int:run_id}/steps/{key}/resolve", response=Run, by_alias=True)
@idempotent
def resolve_step(request: HttpRequest, run_id: PathId, key: Path[Name], body: Resolve) -> Run:
    """Say what a try came to of which nobody can tell."""
    services.resolve(
        run_id=run_id,
        key=key,
        by=caller(request),
        reason=body.reason,
        answer=body.answer,
        host_ids=body.host_ids,
    )
    return telling.run(request, run_id)


@router.post("/runs/{int:run_id}/steps/{key}/go-on", response=Run, by_alias=True)
@idempotent
def go_on(request: HttpRequest, run_id: PathId, key: Path[Name], body: NothingAsked | None = None) -> Run:
    """Let the next batch, or a manual wait, go on."""
    services.go_on(run_id=run_id, key=key, by=caller(request))
    return telling.run(request, run_id)
