"""What may be done with an instance, and where its row may go."""

from itertools import product

import pytest

from interlock.lifecycle.instance import (
    ALLOWED,
    DONE,
    FAILED,
    SETTLED,
    WORKING,
    Action,
    InstanceStatus,
    check_action,
    may_move,
)
from interlock.lifecycle.refused import Refused

I = InstanceStatus  # noqa: E741
BACK_FROM_FAILURE = {Action.UPGRADE, Action.REVERT, Action.DELETE}
TAKEN = {
    I.ABSENT: {Action.DEPLOY},
    I.RUNNING: {Action.UPGRADE, Action.REVERT, Action.DELETE},
    I.INSTALL_FAILED: {Action.DEPLOY, Action.DELETE},
    I.UPGRADE_FAILED: BACK_FROM_FAILURE,
    I.REVERT_FAILED: BACK_FROM_FAILURE,
    I.DELETE_FAILED: BACK_FROM_FAILURE,
}


@pytest.mark.parametrize(("status", "action"), [*product(I, Action)])
def test_every_action_in_every_status(status: InstanceStatus, action: Action) -> None:
    if action in TAKEN.get(status, set()):
        check_action(status, action)
        assert may_move(status, WORKING[action])
        return
    with pytest.raises(Refused) as refused:
        check_action(status, action)
    assert refused.value.code == "instance_not_ready"
    assert refused.value.facts == {"status": status.value, "action": action.value}
    assert not may_move(status, WORKING[action])


@pytest.mark.parametrize(("old", "new"), [*product(I, I)])
def test_every_move(old: InstanceStatus, new: InstanceStatus) -> None:
    starts = any(new is WORKING[action] for action in TAKEN.get(old, set()))
    ends = old in WORKING.values() and new not in WORKING.values()
    assert may_move(old, new) is (starts or ends)


@pytest.mark.parametrize("action", Action)
def test_each_action_ends_as_done_or_failed(action: Action) -> None:
    assert may_move(WORKING[action], DONE[action])
    assert may_move(WORKING[action], FAILED[action])
    assert action in ALLOWED[FAILED[action]], "the same again is always allowed"


def test_no_status_is_a_trap() -> None:
    """From each status the instance can come to run again."""
    reached = {I.RUNNING}
    while more := {old for old, new in product(I, reached) if may_move(old, new)} - reached:
        reached |= more
    assert reached == set(I)


def test_the_statuses_are_told_apart() -> None:
    assert set(I) - set(WORKING.values()) == SETTLED
    assert len({*WORKING.values(), *FAILED.values()}) == 2 * len(Action)
    assert set(ALLOWED) == set(I)
