"""Batches, thresholds, stops and people's choices, on rows."""

from __future__ import annotations

import pytest

from interlock.lifecycle.refused import Refused
from interlock.lifecycle.run.lane import Begun, Ended
from interlock.lifecycle.run.plan import HostPlan, StepPlan
from interlock.lifecycle.run.states import StepStatus
from interlock.runs import services
from interlock.runs.engine import claims
from interlock.runs.engine.lanes import Report
from interlock.runs.models import Lane, Target
from interlock.runs.queries import run_view
from tests.cast import Cast
from tests.runs.conftest import ONE, TWO
from tests.runs.play import (
    begin_all,
    carry_through,
    claimed,
    end_all,
    fresh,
    make_run,
    plan_of,
    ready_slices,
    report,
    rollout,
    step_of,
)

Hosts = tuple[HostPlan, ...]

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


def lanes(run: object) -> dict[str, str]:
    return dict(Lane.objects.filter(run=run).values_list("host_name", "status"))


def fail_all(run: object, claimer: claims.Claimer) -> None:
    work = claimed(run, claimer)  # type: ignore[arg-type]
    end_all(work, claimer, begin_all(work, claimer), StepStatus.FAILED)


def test_batches_follow_one_another(cast: Cast, hosts: Hosts) -> None:
    run = make_run(cast, plan_of(rollout(hosts, 1, 3)))
    work = claimed(run, ONE)
    assert [lane.host.name for lane in work.lanes] == ["web-1"]
    reply = begin_all(work, ONE)
    assert ready_slices(run) == []
    reply = end_all(work, ONE, reply, StepStatus.SUCCEEDED)
    assert end_all(work, ONE, reply, StepStatus.SUCCEEDED).ended
    assert len(ready_slices(run)) == 1
    carry_through(run, ONE)
    assert fresh(run).status == "succeeded"
    assert set(lanes(run).values()) == {"succeeded"}
    assert step_of(run, "0.0").batch == 1


def test_past_the_threshold_the_rest_is_untouched_and_a_person_decides(cast: Cast, hosts: Hosts) -> None:
    run = make_run(cast, plan_of(rollout(hosts, 1, 3)))
    fail_all(run, ONE)
    assert fresh(run).status == "waiting" and fresh(run).halted
    assert lanes(run) == {"web-1": "failed", "web-2": "pending", "web-3": "pending", "web-4": "pending"}
    view = run_view(by=cast.ann, run_id=run.id)
    assert view.why[0] == "why_held"
    allowed = {verb.verb for verb in view.verbs if verb.allowed}
    assert allowed == {"stop", "pause", "give-up", "retry"}
    services.give_up(run_id=run.id, by=cast.ann, reason="not today")
    assert fresh(run).status == "failed"
    assert lanes(run)["web-2"] == "canceled"


def test_a_retry_is_a_new_try_with_the_old_one_in_its_history(cast: Cast, hosts: Hosts) -> None:
    run = make_run(cast, plan_of(rollout(hosts[:1])))
    fail_all(run, ONE)
    services.retry(run_id=run.id, key="0.0", by=cast.ann, reason="it was the network")
    assert not fresh(run).halted
    carry_through(run, TWO)
    assert fresh(run).status == "succeeded"
    first = Target.objects.filter(lane__run=run).order_by("id")[0]
    assert first.try_number == 2
    assert [past["status"] for past in first.history] == ["failed"]


def test_an_excluded_host_is_passed_over(cast: Cast, hosts: Hosts) -> None:
    run = make_run(cast, plan_of(rollout(hosts, 1, 3)))
    fail_all(run, ONE)
    services.exclude(
        run_id=run.id, key="0.0", by=cast.ann, reason="broken", host_ids=[hosts[0].id, hosts[3].id]
    )
    carry_through(run, ONE)
    assert fresh(run).status == "succeeded"
    assert lanes(run) == {"web-1": "skipped", "web-2": "succeeded", "web-3": "succeeded", "web-4": "skipped"}


def test_an_unknown_end_waits_for_a_person_whatever_the_threshold(cast: Cast, hosts: Hosts) -> None:
    run = make_run(cast, plan_of(rollout(hosts, threshold=4)))
    work = claimed(run, ONE)
    reply = begin_all(work, ONE)
    doubted = work.lanes[0].id
    ends = [
        Report(lane, Ended(grant.launch.seq, StepStatus.UNKNOWN if lane == doubted else StepStatus.FAILED))
        for lane, grant in reply.grants.items()
    ]
    report(work, ONE, *ends)
    assert fresh(run).status == "waiting"
    services.resolve(run_id=run.id, key="0.0", by=cast.ann, reason="looked", answer="done")
    carry_through(run, ONE)
    assert fresh(run).status == "succeeded"
    assert sorted(lanes(run).values()) == ["failed", "failed", "failed", "succeeded"]


def test_nothing_begins_after_a_stop_and_live_bodies_are_ended_first(cast: Cast, hosts: Hosts) -> None:
    run = make_run(cast, plan_of(rollout(hosts, 2, 2)))
    work = claimed(run, ONE)
    one, two = (lane.id for lane in work.lanes)
    live = report(work, ONE, Report(one, Begun()))
    services.stop(run_id=run.id, by=cast.ann, reason="wrong version")
    assert fresh(run).status == "stopping"
    assert report(work, ONE, Report(two, Begun())).grants == {}
    grant = live.grants[one]
    assert report(work, ONE, Report(one, Ended(grant.launch.seq, StepStatus.CANCELED))).ended
    assert fresh(run).status == "canceled"
    assert set(lanes(run).values()) == {"canceled"}
    assert ready_slices(run) == []


def test_between_two_steps_a_stop_launches_no_further_body(cast: Cast, hosts: Hosts) -> None:
    run = make_run(cast, plan_of(rollout(hosts[:1])))
    work = claimed(run, ONE)
    reply = begin_all(work, ONE)
    services.stop(run_id=run.id, by=cast.ann, reason="")
    assert end_all(work, ONE, reply, StepStatus.SUCCEEDED).grants == {}
    assert fresh(run).status == "canceled"
    assert Target.objects.filter(lane__run=run).count() == 1


def test_a_stop_reaches_the_worker_that_adopts(cast: Cast, hosts: Hosts) -> None:
    run = make_run(cast, plan_of(rollout(hosts[:1])))
    begin_all(claimed(run, ONE), ONE)
    services.stop(run_id=run.id, by=cast.ann, reason="")
    claims.expire(everything=True)
    assert claimed(run, TWO).stop


@pytest.mark.parametrize("verb", ["retry", "skip", "go_on"])
def test_verbs_that_do_not_fit_are_refused_and_change_nothing(cast: Cast, hosts: Hosts, verb: str) -> None:
    run = make_run(cast, plan_of(rollout(hosts)))
    version = fresh(run).version
    more = {} if verb == "go_on" else {"reason": ""}
    with pytest.raises(Refused):
        getattr(services, verb)(run_id=run.id, key="0.0", by=cast.ann, **more)
    assert fresh(run).version == version


@pytest.mark.parametrize("key", ["9.9", "0", "", "0.0.0", "-1.0", "٣.0", "a.b", "0." + "9" * 40])
def test_a_strange_key_is_refused(cast: Cast, key: str) -> None:
    run = make_run(cast, plan_of(StepPlan("first", "noop")))
    with pytest.raises(Refused) as refused:
        services.skip(run_id=run.id, key=key, by=cast.ann, reason="")
    assert refused.value.kind == "missing"


def test_who_may_only_look_may_not_steer(cast: Cast, hosts: Hosts) -> None:
    run = make_run(cast, plan_of(rollout(hosts)))
    with pytest.raises(Refused) as refused:
        services.stop(run_id=run.id, by=cast.cy, reason="")
    assert refused.value.kind == "forbidden"
    assert fresh(run).status == "running"
