"""Votes: one decision, whoever clicks when."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection

from interlock.lifecycle.refused import Refused
from interlock.lifecycle.run.plan import StepPlan
from interlock.runs import services
from interlock.runs.approvals import approve, reject
from interlock.runs.clock import now
from interlock.runs.models import Approval, Run
from interlock.runs.reconciler import fire_timers, pass_deadlines
from tests.cast import Cast, person
from tests.runs.play import fresh, make_run, plan_of, step_of

WORK = StepPlan("work", "noop")

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


def ask(cast: Cast, **params: object) -> Run:
    return make_run(cast, plan_of(StepPlan("ok?", "approval", params), WORK))


def test_waiting_holds_no_worker_and_the_approval_lets_it_go_on(cast: Cast) -> None:
    run = ask(cast)
    assert fresh(run).status == "waiting" and step_of(run, "1.0").status == "pending"
    approve(run_id=run.id, key="0.0", by=cast.bob, plan_hash=run.plan_hash)
    assert step_of(run, "0.0").status == "succeeded"
    assert step_of(run, "1.0").status == "ready"


def test_two_clicks_at_once_decide_once_and_the_second_hears_of_the_first(cast: Cast) -> None:
    run = ask(cast)
    eve = person("eve", cast.project_id, ["approver"])
    start = threading.Barrier(2)
    heard: list[Refused | None] = []

    def click(by: object) -> None:
        start.wait()
        try:
            approve(run_id=run.id, key="0.0", by=by, plan_hash=run.plan_hash)  # type: ignore[arg-type]
            heard.append(None)
        except Refused as refused:
            heard.append(refused)
        connection.close()

    threads = [threading.Thread(target=click, args=(by,)) for by in (cast.bob, eve)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    refusals = [one for one in heard if one is not None]
    assert len(refusals) == 1 and refusals[0].code == "approval_decided"
    assert refusals[0].facts["by"] in ("bob", "eve")
    assert step_of(run, "1.0").try_number == 1


def test_a_quorum_wants_different_people(cast: Cast) -> None:
    run = ask(cast, quorum=2)
    approve(run_id=run.id, key="0.0", by=cast.bob, plan_hash=run.plan_hash)
    with pytest.raises(Refused, match="voted_already"):
        approve(run_id=run.id, key="0.0", by=cast.bob, plan_hash=run.plan_hash)
    assert fresh(run).status == "waiting"
    approve(run_id=run.id, key="0.0", by=cast.dee, plan_hash=run.plan_hash)
    assert fresh(run).status == "running"


def test_one_rejection_ends_the_run(cast: Cast) -> None:
    run = ask(cast, quorum=2)
    reject(run_id=run.id, key="0.0", by=cast.bob, note="not on a Friday", plan_hash=run.plan_hash)
    assert fresh(run).status == "rejected"
    assert step_of(run, "1.0").status == "pending"
    with pytest.raises(Refused, match="approval_decided"):
        approve(run_id=run.id, key="0.0", by=cast.dee, plan_hash=run.plan_hash)


def test_an_approval_of_another_plan_is_refused(cast: Cast) -> None:
    run = ask(cast)
    with pytest.raises(Refused, match="plan_changed"):
        approve(run_id=run.id, key="0.0", by=cast.bob, plan_hash="0" * 64)


def test_nobody_approves_what_they_asked_for_where_the_rule_says_so(cast: Cast) -> None:
    both = person("flo", cast.project_id, ["operator", "approver"])
    run = services.create_run(
        project_id=cast.project_id, origin="adhoc", origin_id=None, title="mine",
        plan=plan_of(StepPlan("ok?", "approval", {"not_requester": True})), plan_hash="h", by=both,
    )  # fmt: skip
    services.start(run_id=run.id, by=both)
    with pytest.raises(Refused, match="own_request"):
        approve(run_id=run.id, key="0.0", by=both, plan_hash="h")


def test_only_those_who_were_asked(cast: Cast) -> None:
    run = ask(cast, people=["dee"])
    with pytest.raises(Refused, match="not_asked"):
        approve(run_id=run.id, key="0.0", by=cast.bob, plan_hash=run.plan_hash)
    approve(run_id=run.id, key="0.0", by=cast.dee, plan_hash=run.plan_hash)


@pytest.mark.parametrize(("does", "ends"), [("reject", "rejected"), ("approve", "running")])
def test_a_deadline_does_what_the_approval_says(cast: Cast, does: str, ends: str) -> None:
    run = ask(cast, deadline=60, on_deadline=does)
    pass_deadlines()
    assert fresh(run).status == "waiting"
    Approval.objects.update(deadline_at=now() - timedelta(seconds=1))
    pass_deadlines()
    pass_deadlines()
    assert fresh(run).status == ends


def test_stopping_closes_the_approval(cast: Cast) -> None:
    run = ask(cast)
    services.stop(run_id=run.id, by=cast.ann, reason="")
    assert fresh(run).status == "canceled"
    assert Approval.objects.get().status == "closed"
    with pytest.raises(Refused):
        approve(run_id=run.id, key="0.0", by=cast.bob, plan_hash=run.plan_hash)


def test_another_plan_asks_again_and_the_old_answer_counts_no_more(cast: Cast) -> None:
    run = make_run(
        cast, plan_of(StepPlan("ok?", "approval"), StepPlan("go", "wait", {"manual": True}), WORK, locks_at=2)
    )
    approve(run_id=run.id, key="0.0", by=cast.bob, plan_hash=run.plan_hash)
    assert step_of(run, "1.0").status == "waiting"
    other = plan_of(
        StepPlan("ok?", "approval"), StepPlan("go", "wait", {"manual": True}), WORK, WORK, locks_at=2
    )
    services.replace_plan(run_id=run.id, plan=other, plan_hash="other", by=cast.ann, reason="")
    assert fresh(run).round == 2
    assert [a.status for a in Approval.objects.order_by("id")] == ["approved", "open"]
    with pytest.raises(Refused, match="plan_changed"):
        approve(run_id=run.id, key="0.0", by=cast.bob, plan_hash=run.plan_hash)
    approve(run_id=run.id, key="0.0", by=cast.bob, plan_hash="other")
    services.go_on(run_id=run.id, key="1.0", by=cast.ann)
    assert step_of(run, "2.0").status == "ready"


def test_a_timer_fires_once(cast: Cast) -> None:
    run = make_run(cast, plan_of(StepPlan("a while", "wait", {"seconds": 0}), WORK))
    fire_timers()
    fire_timers()
    assert step_of(run, "0.0").status == "succeeded"
    assert step_of(run, "1.0").try_number == 1
