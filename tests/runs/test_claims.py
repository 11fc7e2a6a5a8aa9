"""One door for work: whoever claims has it alone, and what it held before writes nothing any more."""

from __future__ import annotations

import threading

import pytest
from django.db import connection

from interlock.lifecycle.run.plan import HostPlan, StepPlan
from interlock.lifecycle.run.states import StepStatus
from interlock.runs.clock import now
from interlock.runs.engine import claims
from interlock.runs.engine.claims import LeaseLost, StepWork
from interlock.runs.kinds.base import SUCCEEDED, Outcome
from interlock.runs.models import LogHead, Slice, Step, Target
from interlock.runs.reconciler import resend
from tests.cast import Cast
from tests.runs.conftest import ONE, TWO
from tests.runs.play import (
    begin_all,
    claimed,
    end_all,
    fresh,
    make_run,
    plan_of,
    ready_slices,
    rollout,
    step_of,
)

NOOP = StepPlan("first", "noop")

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


def test_two_workers_at_once_claim_a_step_once(cast: Cast) -> None:
    run = make_run(cast, plan_of(NOOP))
    step_id = step_of(run, "0.0").id
    start = threading.Barrier(2)
    got: list[StepWork | None] = []

    def take(claimer: claims.Claimer) -> None:
        start.wait()
        got.append(claims.claim_step(step_id, claimer))
        connection.close()

    threads = [threading.Thread(target=take, args=(claimer,)) for claimer in (ONE, TWO)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(work is None for work in got) == [False, True]
    assert step_of(run, "0.0").epoch == 1


def test_a_repeated_wake_up_claims_nothing(cast: Cast) -> None:
    run = make_run(cast, plan_of(NOOP))
    step_id = step_of(run, "0.0").id
    assert claims.claim_step(step_id, ONE) is not None
    assert claims.claim_step(step_id, ONE) is None
    assert claims.claim_step(10**9, ONE) is None


def test_the_finisher_goes_on_with_the_next_step(cast: Cast) -> None:
    run = make_run(cast, plan_of(NOOP, StepPlan("second", "noop")))
    work = claims.claim_step(step_of(run, "0.0").id, ONE)
    assert work is not None
    following = claims.finish_step(work, SUCCEEDED, ONE, go_on=True)
    assert following is not None and following.key == "1.0" and following.epoch == 1
    assert step_of(run, "0.0").status == "succeeded"
    assert step_of(run, "1.0").worker == ONE.worker
    assert claims.finish_step(following, SUCCEEDED, ONE, go_on=True) is None
    assert fresh(run).status == "succeeded"


def test_a_finisher_that_hands_over_leaves_the_next_step_ready(cast: Cast) -> None:
    run = make_run(cast, plan_of(NOOP, StepPlan("second", "noop")))
    work = claims.claim_step(step_of(run, "0.0").id, ONE)
    assert work is not None
    assert claims.finish_step(work, SUCCEEDED, ONE, go_on=False) is None
    assert step_of(run, "1.0").status == "ready"


def test_a_step_is_adopted_under_the_same_try_and_the_former_worker_is_fenced(cast: Cast) -> None:
    run = make_run(cast, plan_of(NOOP))
    step_id = step_of(run, "0.0").id
    dead = claims.claim_step(step_id, ONE)
    assert dead is not None
    Step.objects.filter(id=step_id).update(lease_until=now())
    assert [ref.id for ref in claims.expire()] == [step_id]
    adopted = claims.claim_step(step_id, TWO)
    assert adopted is not None and adopted.adopted
    assert (adopted.try_number, adopted.epoch) == (dead.try_number, dead.epoch + 1)
    with pytest.raises(LeaseLost):
        claims.finish_step(dead, Outcome(StepStatus.FAILED), ONE, go_on=True)
    assert fresh(run).status == "running"
    claims.finish_step(adopted, SUCCEEDED, TWO, go_on=True)
    assert fresh(run).status == "succeeded"


def test_a_step_of_another_machine_is_left_to_that_machine(cast: Cast) -> None:
    run = make_run(cast, plan_of(NOOP))
    step_id = step_of(run, "0.0").id
    assert claims.claim_step(step_id, ONE) is not None
    claims.expire(everything=True)
    stranger = claims.Claimer(worker="elsewhere", machine="there", lease_seconds=15)
    assert claims.claim_step(step_id, stranger) is None
    assert claims.claim_step(step_id, TWO) is not None


def test_a_dead_workers_slice_is_adopted_whole(cast: Cast, hosts: tuple[HostPlan, ...]) -> None:
    run = make_run(cast, plan_of(rollout(hosts)))
    dead = claimed(run, ONE)
    first = begin_all(dead, ONE)
    claims.expire(everything=True)
    adopted = claimed(run, TWO)
    tries = {lane.id: (lane.value.seq, lane.target_id) for lane in adopted.lanes}
    assert tries == {lane: (grant.launch.seq, grant.target_id) for lane, grant in first.grants.items()}
    with pytest.raises(LeaseLost):
        end_all(dead, ONE, first, StepStatus.SUCCEEDED)
    second = end_all(adopted, TWO, first, StepStatus.SUCCEEDED)
    end_all(adopted, TWO, second, StepStatus.SUCCEEDED)
    assert fresh(run).status == "succeeded"
    assert Target.objects.filter(lane__run=run, status="succeeded").count() == 2 * len(hosts)
    assert not any(target.history for target in Target.objects.filter(lane__run=run))


def test_a_repeated_flush_changes_nothing_and_answers_the_same(
    cast: Cast, hosts: tuple[HostPlan, ...]
) -> None:
    """The commit went through, its answer was lost: the worker sends the same again."""
    run = make_run(cast, plan_of(rollout(hosts)))
    work = claimed(run, ONE)
    first = begin_all(work, ONE)
    assert begin_all(work, ONE).grants == first.grants
    second = end_all(work, ONE, first, StepStatus.SUCCEEDED)
    assert end_all(work, ONE, first, StepStatus.SUCCEEDED).grants == second.grants


def test_a_lease_that_is_renewed_does_not_expire(cast: Cast) -> None:
    run = make_run(cast, plan_of(NOOP))
    work = claims.claim_step(step_of(run, "0.0").id, ONE)
    assert work is not None
    Step.objects.filter(id=work.id).update(lease_until=now())
    assert claims.renew({work.id: work.epoch}, {}, ONE) == (set(), set())
    assert claims.expire() == []
    assert claims.renew({work.id: work.epoch - 1}, {}, ONE) == ({work.id}, set())


def test_work_handed_back_is_taken_up_at_once(cast: Cast, hosts: tuple[HostPlan, ...]) -> None:
    run = make_run(cast, plan_of(rollout(hosts)))
    work = claimed(run, ONE)
    claims.hand_back([], [work.id], ONE.worker)
    assert ready_slices(run) == [work.id]
    assert claimed(run, TWO).epoch == work.epoch + 1


def test_lost_wake_ups_are_sent_again_ever_more_slowly(cast: Cast) -> None:
    run = make_run(cast, plan_of(NOOP))
    step = step_of(run, "0.0")
    assert resend() == 0
    Step.objects.filter(id=step.id).update(sent_at=now() - (now() - step.sent_at) - _seconds(3))
    assert resend() == 1
    assert step_of(run, "0.0").sends == 2
    assert resend() == 0


def _seconds(number: float) -> object:
    from datetime import timedelta

    return timedelta(seconds=number)


def test_slices_and_logs_begin_empty(cast: Cast, hosts: tuple[HostPlan, ...]) -> None:
    run = make_run(cast, plan_of(rollout(hosts, 1, 3)))
    assert Slice.objects.filter(run=run).count() == 1
    assert not LogHead.objects.filter(run_id=run.id).exists()
