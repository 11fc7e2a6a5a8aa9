"""What may happen to an instance: one service on one host."""

from enum import StrEnum

from interlock.lifecycle.refused import Refused


class InstanceStatus(StrEnum):
    INSTALLING = "installing"
    RUNNING = "running"
    UPGRADING = "upgrading"
    REVERTING = "reverting"
    DELETING = "deleting"
    INSTALL_FAILED = "install_failed"
    UPGRADE_FAILED = "upgrade_failed"
    REVERT_FAILED = "revert_failed"
    DELETE_FAILED = "delete_failed"
    ABSENT = "absent"


class Action(StrEnum):
    DEPLOY = "deploy"
    UPGRADE = "upgrade"
    REVERT = "revert"
    DELETE = "delete"


_I, _A = InstanceStatus, Action

WORKING = {
    _A.DEPLOY: _I.INSTALLING,
    _A.UPGRADE: _I.UPGRADING,
    _A.REVERT: _I.REVERTING,
    _A.DELETE: _I.DELETING,
}
FAILED = {
    _A.DEPLOY: _I.INSTALL_FAILED,
    _A.UPGRADE: _I.UPGRADE_FAILED,
    _A.REVERT: _I.REVERT_FAILED,
    _A.DELETE: _I.DELETE_FAILED,
}
DONE = {_A.DEPLOY: _I.RUNNING, _A.UPGRADE: _I.RUNNING, _A.REVERT: _I.RUNNING, _A.DELETE: _I.ABSENT}

# From a failed upgrade, revert or delete: the same again, or any of upgrade, revert, delete.
# A failed install has nothing on the host to go up or back from: the same again, or delete.
_AFTER_FAILURE = frozenset({_A.UPGRADE, _A.REVERT, _A.DELETE})
ALLOWED: dict[InstanceStatus, frozenset[Action]] = {
    _I.ABSENT: frozenset({_A.DEPLOY}),
    _I.RUNNING: frozenset({_A.UPGRADE, _A.REVERT, _A.DELETE}),
    _I.INSTALL_FAILED: frozenset({_A.DEPLOY, _A.DELETE}),
    _I.UPGRADE_FAILED: _AFTER_FAILURE,
    _I.REVERT_FAILED: _AFTER_FAILURE,
    _I.DELETE_FAILED: _AFTER_FAILURE,
    _I.INSTALLING: frozenset(),
    _I.UPGRADING: frozenset(),
    _I.REVERTING: frozenset(),
    _I.DELETING: frozenset(),
}


def check_action(status: InstanceStatus, action: Action) -> None:
    """Raise ``Refused`` when an instance in ``status`` cannot take ``action``."""
    if action not in ALLOWED[status]:
        raise Refused("instance_not_ready", status=status.value, action=action.value)


def may_move(old: InstanceStatus, new: InstanceStatus) -> bool:
    """Whether the row may go from ``old`` to ``new``.

    A working status ends as done or failed of its action, or goes back to where it came from when
    the host was never touched (the caller knows that status; any settled one is allowed here).
    """
    for action, working in WORKING.items():
        if old is working:
            return new in SETTLED
        if new is working:
            return action in ALLOWED[old]
    return False


SETTLED = frozenset(InstanceStatus) - frozenset(WORKING.values())
