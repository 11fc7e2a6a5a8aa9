"""What the reconciler does with timers and machines, when it is not alone or is cut off."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from interlock.lifecycle.run.plan import HostPlan, StepPlan
from interlock.lifecycle.run.states import StepStatus
from interlock.runs import reconciler
from interlock.runs.clock import now
from interlock.runs.engine import claims
from interlock.runs.models import Step
from tests.cast import Cast
from tests.runs.conftest import ONE
from tests.runs.play import carry_through, fresh, make_run, plan_of, rollout, step_of

pytestmark = pytest.mark.django_db(databases="__all__")
LONG_AGO = timedelta(hours=1)


def test_a_bake_is_not_ended_by_the_news_of_the_one_before(cast: Cast, hosts: tuple[HostPlan, ...]) -> None:
    """Two reconcilers read the same due timer; the second comes when the next batch bakes already."""
    run = make_run(cast, plan_of(replace(rollout(hosts[:3], 1, 1, 1), bake=600)))
    carry_through(run, ONE)
    Step.objects.filter(run=run, key="0.0").update(wake_at=now() - LONG_AGO)
    reconciler.fire_timer(run.id, "0.0")
    carry_through(run, ONE)
    second = step_of(run, "0.0")
    assert (second.phase, second.batch) == ("bake", 1)

    reconciler.fire_timer(run.id, "0.0")
    assert (step_of(run, "0.0").phase, step_of(run, "0.0").batch) == ("bake", 1)
    assert step_of(run, "0.0").wake_at == second.wake_at


def _of_gone_machine(cast: Cast) -> Step:
    run = make_run(cast, plan_of(StepPlan("build", "noop")))
    Step.objects.filter(run=run).update(machine="gone", started_at=now() - LONG_AGO, sends=9)
    return step_of(run, "0.0")


def test_what_a_gone_machine_had_is_unknown(cast: Cast) -> None:
    step = _of_gone_machine(cast)
    reconciler.give_up_on_machines()
    step.refresh_from_db()
    assert (step.status, step.error, step.epoch) == (StepStatus.UNKNOWN, "machine_gone", 1)
    assert fresh(step.run).status == "waiting"


def test_giving_up_on_a_machine_is_done_whole_or_not_at_all(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off in the middle it once left a step running with no lease, which nobody looks at."""
    step = _of_gone_machine(cast)

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(reconciler, "apply", dies)
        with pytest.raises(KeyboardInterrupt):
            reconciler.give_up_on(step.id, step.run_id, step.key)
    step.refresh_from_db()
    assert (step.status, step.epoch) == (StepStatus.READY, 0)
    reconciler.give_up_on_machines()
    step.refresh_from_db()
    assert step.status == StepStatus.UNKNOWN


def test_a_machine_that_comes_back_too_late_finds_the_door_closed(cast: Cast) -> None:
    step = _of_gone_machine(cast)
    reconciler.give_up_on_machines()
    back = replace(ONE, machine="gone")
    assert claims.claim_step(step.id, back) is None
