"""The doctor finds what was spoilt, names it, changes nothing unasked, and puts right what can be."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from interlock.__main__ import doctor
from interlock.lifecycle.run.plan import HostPlan, StepPlan
from interlock.lifecycle.run.states import StepStatus
from interlock.runs import services
from interlock.runs.clock import now
from interlock.runs.doctor import look
from interlock.runs.engine.claims import claim_step, finish_step
from interlock.runs.kinds.base import Outcome
from interlock.runs.models import Approval, Lane, LogChunk, LogHead, Run, Slice, Step
from tests.cast import Cast
from tests.runs.conftest import ONE
from tests.runs.play import begin_all, carry_through, claimed, make_run, plan_of, rollout, step_of

pytestmark = pytest.mark.django_db(databases="__all__")
Hosts = tuple[HostPlan, ...]
LONG_AGO = now() - timedelta(hours=1)


def codes() -> list[str]:
    return sorted(finding.code for finding in look())


def solo(cast: Cast) -> Run:
    return make_run(cast, plan_of(StepPlan("one", "noop"), StepPlan("ask", "approval")))


def test_a_healthy_database_has_nothing_to_be_found(cast: Cast, hosts: Hosts) -> None:
    half_done = make_run(cast, plan_of(rollout(hosts[:3], 1, 2)))
    begin_all(claimed(half_done, ONE), ONE)
    make_run(cast, plan_of(StepPlan("wait", "wait", {"manual": True})))
    asking = solo(cast)
    work = claim_step(step_of(asking, "0.0").id, ONE)
    assert work is not None
    finish_step(work, Outcome(StepStatus.SUCCEEDED), ONE, go_on=False)
    paused = solo(cast)
    services.pause(run_id=paused.id, by=cast.ann, reason="")
    whole = make_run(cast, plan_of(rollout(hosts[:2], 2)))
    carry_through(whole, ONE)
    services.stop(run_id=solo(cast).id, by=cast.ann, reason="")
    make_run(cast, plan_of(StepPlan("later", "noop")), start=False)
    assert codes() == []
    assert doctor(repair=False, as_json=False) == 0


def lose_the_claim(run: Run, cast: Cast) -> None:
    claim_step(step_of(run, "0.0").id, ONE)
    Step.objects.filter(run=run, status="running").update(lease_until=LONG_AGO)


def forget_to_call(run: Run, cast: Cast) -> None:
    Step.objects.filter(run=run, status="ready").update(sent_at=LONG_AGO)


def skip_a_stage(run: Run, cast: Cast) -> None:
    Step.objects.filter(run=run, key="0.0").update(status="pending", sent_at=None)


def leave_an_approval(run: Run, cast: Cast) -> None:
    services.stop(run_id=run.id, by=cast.ann, reason="")
    step = step_of(run, "1.0")
    Approval.objects.create(run=run, step=step, round=9, plan_hash="x", opened_at=LONG_AGO)


def leave_a_log(run: Run, cast: Cast) -> None:
    services.stop(run_id=run.id, by=cast.ann, reason="")
    Run.objects.filter(id=run.id).update(ended_at=LONG_AGO)
    head = LogHead.objects.create(run_id=run.id, body="s1-1", end=3, ended=True)
    LogChunk.objects.create(head=head, start=0, data=b"abc")


@pytest.mark.parametrize(
    ("spoil", "code", "left"),
    [
        (lose_the_claim, "doctor_lease_forgotten", []),
        (forget_to_call, "doctor_nobody_called", []),
        (skip_a_stage, "doctor_rule_broken", ["doctor_rule_broken"]),
        (leave_an_approval, "doctor_open_approval", []),
        (leave_a_log, "doctor_log_unsealed", []),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_was_spoilt_is_found_and_put_right(
    cast: Cast, spoil: Callable[[Run, Cast], None], code: str, left: list[str]
) -> None:
    spoil(solo(cast), cast)
    assert codes() == [code]
    assert doctor(repair=False, as_json=True) == 1
    assert codes() == [code]  # only looked at
    doctor(repair=True, as_json=False)
    assert codes() == left


def test_what_goes_on_after_the_end_needs_a_person(cast: Cast, hosts: Hosts) -> None:
    run = make_run(cast, plan_of(rollout(hosts[:2], 2)))
    carry_through(run, ONE)
    Lane.objects.filter(run=run).update(status="running")
    Slice.objects.filter(run=run).update(status="ready", sent_at=now())
    assert set(codes()) == {"doctor_goes_on_after_end"}
    assert doctor(repair=True, as_json=False) == 1
