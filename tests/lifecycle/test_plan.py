"""Plans: cut into batches, stored, read back, hashed, checked."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlock.lifecycle.refused import Refused
from interlock.lifecycle.run import plan as plans
from interlock.lifecycle.run.plan import HostPlan, Key, Plan, Rollout, Stage, StepPlan, digest, split_batches
from tests.lifecycle import plan_strategies
from tests.lifecycle.stories import APPROVAL, CLEAN_UP, TIMER, plan, rollout, step

quick = settings(max_examples=60, deadline=None, database=None)
TOTALS = st.lists(st.integers(1, 100), min_size=1, max_size=6).map(sorted)


# --- batches


@pytest.mark.parametrize(
    ("count", "totals", "sizes"),
    [
        (10, [], (10,)),
        (10, ["1", "10%", "100%"], (1, 9)),
        (100, ["1", "10%", "100%"], (1, 9, 90)),
        (1, ["1", "10%", "100%"], (1,)),
        (3, ["50%"], (2, 1)),  # rounded up
        (5, [2, 4], (2, 2, 1)),
        (5, [" 2 ", "4"], (2, 2, 1)),
        (4, ["10", "20"], (4,)),
        (0, ["1"], ()),
    ],
)
def test_running_totals_become_sizes(count: int, totals: list[str | int], sizes: tuple[int, ...]) -> None:
    assert split_batches(count, totals) == sizes


@quick
@given(st.integers(1, 10_000), TOTALS)
def test_batches_of_percentages_hold_every_host_once(count: int, totals: list[int]) -> None:
    sizes = split_batches(count, [f"{total}%" for total in totals])
    assert sum(sizes) == count
    assert min(sizes) >= 1
    assert sizes[0] == -(-count * totals[0] // 100)


@quick
@given(st.integers(1, 200), TOTALS)
def test_batches_of_numbers_hold_every_host_once(count: int, totals: list[int]) -> None:
    sizes = split_batches(count, totals)
    assert sum(sizes) == count
    ends = {sum(sizes[: number + 1]) for number in range(len(sizes))}
    assert ends == {total for total in totals if total <= count} | {count}


@pytest.mark.parametrize("value", ["", "0", "00", "0%", "00%", "-1", "1.5", "x", "101%", "١", "1 0", "%"])
def test_what_is_no_batch_is_refused(value: str) -> None:
    with pytest.raises(Refused) as refused:
        split_batches(10, [value])
    assert (refused.value.code, refused.value.kind) == ("batches_unreadable", "invalid")


def test_totals_that_fall_are_refused() -> None:
    with pytest.raises(Refused) as refused:
        split_batches(10, ["50%", "2"])
    assert refused.value.code == "batches_not_rising"


def test_each_batch_has_its_hosts_in_order() -> None:
    roll = rollout(1, 2, 3)
    assert [[host.id for host in roll.hosts_of(batch)] for batch in range(3)] == [[0], [1, 2], [3, 4, 5]]


# --- stored and hashed


@quick
@given(plan_strategies.plans())
def test_a_plan_is_read_back_as_it_was_stored(made: Plan) -> None:
    stored = plans.to_json(made)
    assert plans.from_json(json.loads(json.dumps(stored))) == made


@quick
@given(plan_strategies.plans())
def test_a_stored_plan_has_the_hash_of_the_plan(made: Plan) -> None:
    stored = plans.to_json(made)
    assert digest(json.loads(json.dumps(stored, indent=1))) == digest(stored)


@quick
@given(st.dictionaries(st.text(max_size=4), plan_strategies.JSON, min_size=2, max_size=5))
def test_the_order_of_keys_makes_no_other_hash(value: dict[str, object]) -> None:
    assert digest(dict(reversed(value.items()))) == digest(value)


@pytest.mark.parametrize(
    "change",
    [
        lambda made: replace(made, locks_at=0),
        lambda made: replace(made, stages=made.stages[:-1]),
        lambda made: replace(made, stages=(*made.stages[:-1], replace(made.stages[-1], always=True))),
        lambda made: Plan((Stage((rollout(1, 2),)), *made.stages[1:])),
        lambda made: Plan((Stage((replace(rollout(2, 1), threshold=1),)), *made.stages[1:])),
        lambda made: Plan((Stage((replace(rollout(2, 1), hosts=rollout(3).hosts[::-1]),)), *made.stages[1:])),
    ],
)
def test_another_plan_has_another_hash(change: Callable[[Plan], Plan]) -> None:
    made = plan(rollout(2, 1), step())
    assert digest(plans.to_json(change(made))) != digest(plans.to_json(made))


def test_a_hash_is_the_same_in_every_version() -> None:
    """Approvals and stored plans bind to it: it may change only with the schema number."""
    assert digest({"b": [1, "é"], "a": None}) == (
        "f8f17faab95c024891d173fa43442b0e52007736a1f36715ac721ab22deeefc5"
    )


def test_a_plan_of_another_schema_is_not_guessed_at() -> None:
    with pytest.raises(ValueError, match="schema 99"):
        plans.from_json({"schema": 99, "locks_at": -1, "stages": []})


@given(st.integers(0, 9999), st.integers(0, 9999))
def test_keys_are_read_back(stage: int, branch: int) -> None:
    key = Key(stage, branch)
    assert Key.parse(str(key)) == key
    assert Key.parse(f"{key}.7") == key  # an inner step's key names its rollout


# --- checked

HOST = HostPlan(1, "one")


@pytest.mark.parametrize(
    ("made", "code"),
    [
        (Plan(()), "plan_empty"),
        (Plan((Stage(()),)), "plan_empty"),
        (plan(StepPlan("", "command")), "step_name_unfit"),
        (plan(StepPlan("x" * 101, "command")), "step_name_unfit"),
        (plan(Rollout("roll", (), (HOST,), (1,))), "rollout_empty"),
        (plan(Rollout("roll", (step(),), (), ())), "rollout_empty"),
        (plan(Rollout("roll", (step(),), (HOST,), (2,))), "batches_do_not_fit"),
        (plan(Rollout("roll", (step(),), (HOST,), (1, 0))), "batches_do_not_fit"),
        (plan(Rollout("roll", (step(),), (HOST, HOST), (2,))), "host_twice"),
        (plan(Rollout("roll", (APPROVAL,), (HOST,), (1,))), "kind_not_on_hosts"),
        (plan(Rollout("roll", (step(),), (HOST,), (1,), gate=(TIMER,))), "kind_not_on_hosts"),
        (plan(step(), Stage((rollout(1),), always=True)), "finalizer_unfit"),
        (plan(step(), Stage((APPROVAL,), always=True)), "finalizer_unfit"),
        (plan(step(), Stage((TIMER,), always=True)), "finalizer_unfit"),
    ],
)
def test_a_plan_that_cannot_be_carried_out_is_refused(made: Plan, code: str) -> None:
    with pytest.raises(Refused) as refused:
        plans.check(made)
    assert (refused.value.code, refused.value.kind) == (code, "invalid")


@quick
@given(plan_strategies.plans())
def test_any_other_plan_is_taken(made: Plan) -> None:
    plans.check(made)


@pytest.mark.parametrize(
    ("made", "stage"),
    [
        (plan(APPROVAL, step(), locks_at=1), 0),
        (plan(step(), APPROVAL, step(), locks_at=2), 1),
        (plan(step(), APPROVAL, locks_at=0), None),
        (plan(APPROVAL), None),
        (plan(step(), CLEAN_UP, locks_at=1), None),
    ],
)
def test_where_a_new_plan_is_approved_again(made: Plan, stage: int | None) -> None:
    assert made.approval_before_locks() == stage
