"""What news of its build does to a version, in any order and however often it comes."""

from itertools import product

import pytest

from interlock.lifecycle.version import FINAL, MOVES, VersionStatus, may_move

V = VersionStatus
ENDS = (V.SUCCESS, V.FAILED, V.TIMEOUT, V.CANCELED)
NEWS = (V.BUILDING, *ENDS, V.DUPLICATE)

# Rows: where it is; columns: the news that is taken.
TAKEN = {
    V.PENDING: {V.BUILDING, V.SUCCESS, V.FAILED, V.TIMEOUT, V.CANCELED, V.DUPLICATE},
    V.BUILDING: {V.SUCCESS, V.FAILED, V.TIMEOUT, V.CANCELED, V.DUPLICATE},
    V.FAILED: {V.BUILDING, V.SUCCESS},
    V.TIMEOUT: {V.BUILDING, V.SUCCESS},
    V.CANCELED: {V.BUILDING, V.SUCCESS},
    V.SUCCESS: set(),
    V.DUPLICATE: set(),
}


@pytest.mark.parametrize(("old", "new"), [*product(V, V)])
def test_every_move(old: VersionStatus, new: VersionStatus) -> None:
    assert may_move(old, new) is (new in TAKEN[old])


def hear(*news: VersionStatus) -> list[VersionStatus]:
    statuses = [V.PENDING]
    for status in news:
        statuses.append(status if may_move(statuses[-1], status) else statuses[-1])
    return statuses


def test_every_sequence_of_news() -> None:
    for news in product(NEWS, repeat=5):
        statuses = hear(*news)
        for final in FINAL:
            if final in statuses:
                assert set(statuses[statuses.index(final) :]) == {final}, news
        if V.SUCCESS in news and V.DUPLICATE not in news:
            assert statuses[-1] is V.SUCCESS, news  # never missed, whatever was heard before
        # Each heard twice, as from a hook and a poll, makes no difference.
        assert hear(*(n for n in news for _ in range(2)))[-1] is statuses[-1], news


def test_a_late_success_wins_and_a_late_failure_does_not() -> None:
    assert hear(V.BUILDING, V.TIMEOUT, V.SUCCESS, V.FAILED)[-1] is V.SUCCESS
    assert hear(V.CANCELED, V.FAILED)[-1] is V.CANCELED
    assert hear(V.FAILED, V.BUILDING, V.SUCCESS)[-1] is V.SUCCESS


def test_what_is_final() -> None:
    assert frozenset({V.SUCCESS, V.DUPLICATE}) == FINAL
    assert set(MOVES) == set(V)
