"""A pause: what has begun goes on to its end, nothing further begins, and a resume goes on just there."""

from __future__ import annotations

import pytest

from interlock.lifecycle.refused import Refused
from interlock.lifecycle.run.plan import HostPlan, StepPlan
from interlock.lifecycle.run.states import StepStatus
from interlock.runs import approvals, services
from interlock.runs.engine.claims import claim_step, finish_step
from interlock.runs.kinds.base import Outcome
from interlock.runs.models import Lane, Run
from interlock.runs.queries import run_view
from tests.cast import Cast
from tests.runs.conftest import ONE
from tests.runs.play import (
    begin_all,
    carry_through,
    claimed,
    end_all,
    fresh,
    make_run,
    plan_of,
    ready_slices,
    rollout,
    step_of,
)

pytestmark = pytest.mark.django_db
Hosts = tuple[HostPlan, ...]
DONE = Outcome(StepStatus.SUCCEEDED)


def pause(run: Run, cast: Cast) -> Run:
    return services.pause(run_id=run.id, by=cast.ann, reason="lunch")


def resume(run: Run, cast: Cast) -> Run:
    return services.resume(run_id=run.id, by=cast.ann, reason="back")


def test_a_batch_at_work_goes_to_its_end_and_the_next_waits_for_the_resume(cast: Cast, hosts: Hosts) -> None:
    run = make_run(cast, plan_of(rollout(hosts[:2], 1, 1)))
    work = claimed(run, ONE)
    reply = begin_all(work, ONE)
    pause(run, cast)
    assert fresh(run).status == "running"
    for _step in range(2):  # half a sequence would leave the host half done
        assert reply.grants
        reply = end_all(work, ONE, reply, StepStatus.SUCCEEDED)
    assert (fresh(run).status, ready_slices(run)) == ("paused", [])
    assert run_view(by=cast.ann, run_id=run.id).why[0] == "why_paused"
    resume(run, cast)
    carry_through(run, ONE)
    assert fresh(run).status == "succeeded"


def test_a_host_that_has_not_begun_does_not_begin(cast: Cast, hosts: Hosts) -> None:
    run = make_run(cast, plan_of(rollout(hosts[:2], 2)))
    pause(run, cast)
    work = claimed(run, ONE)
    assert not begin_all(work, ONE).grants
    assert set(Lane.objects.filter(run=run).values_list("status", flat=True)) == {"pending"}
    resume(run, cast)
    carry_through(run, ONE)
    assert fresh(run).status == "succeeded"


def test_a_step_that_is_ready_is_not_taken_until_the_resume(cast: Cast) -> None:
    run = make_run(cast, plan_of(StepPlan("one", "noop"), StepPlan("two", "noop")))
    first = step_of(run, "0.0")
    pause(run, cast)
    assert claim_step(first.id, ONE) is None
    resume(run, cast)
    work = claim_step(first.id, ONE)
    assert work is not None
    pause(run, cast)
    assert fresh(run).status == "running"  # what has begun
    assert finish_step(work, DONE, ONE, go_on=True) is None
    assert fresh(run).status == "paused"
    resume(run, cast)
    second = claim_step(step_of(run, "1.0").id, ONE)
    assert second is not None
    assert finish_step(second, DONE, ONE, go_on=True) is None
    assert fresh(run).status == "succeeded"


def test_people_may_vote_while_it_is_paused(cast: Cast) -> None:
    run = make_run(cast, plan_of(StepPlan("ask", "approval"), StepPlan("do", "noop")))
    pause(run, cast)
    approvals.approve(run_id=run.id, key="0.0", by=cast.bob, plan_hash=run.plan_hash)
    assert fresh(run).status == "paused"
    resume(run, cast)
    assert step_of(run, "1.0").status == "ready"


def test_a_paused_run_is_stopped_like_any_other(cast: Cast) -> None:
    run = make_run(cast, plan_of(StepPlan("one", "noop")))
    pause(run, cast)
    assert services.stop(run_id=run.id, by=cast.ann, reason="enough").status == "canceled"


def test_pausing_twice_and_resuming_what_is_not_paused_are_refused(cast: Cast) -> None:
    run = make_run(cast, plan_of(StepPlan("one", "noop")))
    with pytest.raises(Refused, match="run_not_paused"):
        resume(run, cast)
    pause(run, cast)
    with pytest.raises(Refused, match="run_already_paused"):
        pause(run, cast)
    with pytest.raises(Refused, match="not_allowed"):
        services.resume(run_id=run.id, by=cast.cy, reason="")
