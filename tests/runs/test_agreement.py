"""The rows of a run and the rules' own value tell the same story, event by event, on either database."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interlock.lifecycle.refused import Refused
from interlock.lifecycle.run.decide import decide_run
from interlock.lifecycle.run.events import (
    ApprovalEnded,
    GaveUp,
    Paused,
    Resumed,
    RunEvent,
    Started,
    StepEnded,
    StepResolved,
    StepRetried,
    StepSkipped,
    StopAsked,
    WentOn,
)
from interlock.lifecycle.run.plan import Key, Plan, Stage, StepPlan
from interlock.lifecycle.run.states import StepStatus
from interlock.lifecycle.run.value import RunState
from interlock.runs import doctor
from interlock.runs.engine import claims
from interlock.runs.engine.apply import apply
from interlock.runs.engine.claims import StepWork
from interlock.runs.engine.snapshot import state_of
from interlock.runs.kinds.base import Outcome
from interlock.runs.models import Run
from tests.cast import Cast
from tests.runs.conftest import ONE
from tests.runs.play import fresh, make_run, step_of

pytestmark = [pytest.mark.slow, pytest.mark.django_db(databases="__all__")]

WORK = st.builds(
    StepPlan,
    name=st.just("work"),
    kind=st.just("noop"),
    retries=st.integers(0, 1),
    on_lost=st.sampled_from(["hold", "retry"]),
    on_failure=st.sampled_from(["hold", "fail"]),
)
PEOPLE = st.sampled_from([StepPlan("ask", "approval"), StepPlan("wait", "wait", {"manual": True})])
STAGES = st.lists(
    st.one_of(
        st.builds(Stage, st.lists(st.one_of(WORK, WORK, PEOPLE), min_size=1, max_size=3).map(tuple)),
        st.builds(Stage, st.lists(WORK, min_size=1, max_size=2).map(tuple), always=st.just(True)),
    ),
    min_size=1,
    max_size=4,
)
ENDS = [StepStatus.SUCCEEDED] * 4 + [StepStatus.FAILED, StepStatus.UNKNOWN, StepStatus.TIMED_OUT]


class Both:
    """A run in rows, and the same run as a value; what is done to one is done to the other."""

    def __init__(self, cast: Cast, plan: Plan) -> None:
        self.plan = plan
        self.row: Run = make_run(cast, plan, start=False)
        self.value = RunState()
        self.works: dict[Key, StepWork] = {}

    def happens(self, event: RunEvent) -> None:
        try:
            self.value, _ = decide_run(self.plan, self.value, event)
        except Refused as refused:
            with pytest.raises(Refused) as same:
                apply(self.row.id, event)
            assert same.value.code == refused.code
        else:
            apply(self.row.id, event)

    def claim(self, key: Key) -> None:
        work = claims.claim_step(step_of(self.row, str(key)).id, ONE)
        ready = self._status(key) is StepStatus.READY and not self.value.paused
        assert (work is not None) is ready
        if work is not None:
            self._begun(work)

    def finish(self, key: Key, status: StepStatus, go_on: bool) -> None:
        work = self.works.pop(key)
        following = claims.finish_step(work, Outcome(status), ONE, go_on=go_on)
        self.value, _ = decide_run(self.plan, self.value, StepEnded(key, status))
        if following is not None:
            assert go_on
            self._begun(following)
        with pytest.raises(claims.LeaseLost):
            claims.finish_step(work, Outcome(status), ONE, go_on=False)

    def _begun(self, work: StepWork) -> None:
        key = Key.parse(work.key)
        self.works[key] = work
        self.value = self.value.with_branch(replace(self.value.branch(key), status=StepStatus.RUNNING))

    def _status(self, key: Key) -> StepStatus | None:
        return next((branch.status for branch in self.value.branches if branch.key == key), None)

    def agree(self) -> None:
        row = fresh(self.row)
        assert state_of(row, to_change=False) == replace(self.value, left=())
        assert row.status == self.value.status


@settings(max_examples=40, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(stages=STAGES, data=st.data())
def test_rows_and_rules_agree(cast: Cast, stages: list[Stage], data: st.DataObject) -> None:
    plan = Plan(tuple(stages))
    both = Both(cast, plan)
    both.happens(Started())
    both.agree()
    for _ in range(data.draw(st.integers(5, 25))):
        if both.works and data.draw(st.booleans()):
            key = data.draw(st.sampled_from(sorted(both.works)))
            both.finish(key, data.draw(st.sampled_from(ENDS)), data.draw(st.booleans()))
        else:
            stage = min(max(both.value.stage, 0), len(stages) - 1)
            key = data.draw(st.sampled_from(plan.keys(stage)))
            _something(both, key, data)
        both.agree()
    assert [finding.facts for finding in doctor.look()] == []


def _something(both: Both, key: Key, data: st.DataObject) -> None:
    verbs: list[RunEvent] = [
        StepRetried(key), StepSkipped(key), WentOn(key), ApprovalEnded(key, "approved"),
        ApprovalEnded(key, "rejected"), StepResolved(key, "done"), StepResolved(key, "fail"), GaveUp(),
        StopAsked(), Started(), Paused(), Resumed(),
    ]  # fmt: skip
    verb = data.draw(st.sampled_from([None] * 6 + verbs[:4] * 2 + verbs[4:]))
    if verb is None:
        both.claim(key)
    else:
        both.happens(verb)
