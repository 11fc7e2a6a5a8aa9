"""What may happen to a version."""

from enum import StrEnum


class VersionStatus(StrEnum):
    PENDING = "pending"
    BUILDING = "building"
    SUCCESS = "success"
    FAILED = "failed"
    TIMEOUT = "timeout"
    CANCELED = "canceled"
    DUPLICATE = "duplicate"


_V = VersionStatus

# Late news may still turn a failed, timed out or canceled build into a success (a retried pipeline);
# a success is final, and so is a duplicate: its commit already has a version.
MOVES: dict[VersionStatus, frozenset[VersionStatus]] = {
    _V.PENDING: frozenset({_V.BUILDING, _V.SUCCESS, _V.FAILED, _V.TIMEOUT, _V.CANCELED, _V.DUPLICATE}),
    _V.BUILDING: frozenset({_V.SUCCESS, _V.FAILED, _V.TIMEOUT, _V.CANCELED, _V.DUPLICATE}),
    _V.FAILED: frozenset({_V.BUILDING, _V.SUCCESS}),
    _V.TIMEOUT: frozenset({_V.BUILDING, _V.SUCCESS}),
    _V.CANCELED: frozenset({_V.BUILDING, _V.SUCCESS}),
    _V.SUCCESS: frozenset(),
    _V.DUPLICATE: frozenset(),
}

FINAL = frozenset(status for status, onward in MOVES.items() if not onward)


def may_move(old: VersionStatus, new: VersionStatus) -> bool:
    """Whether news that says ``new`` is taken; repeated news (``old == new``) changes nothing."""
    return new in MOVES[old]
